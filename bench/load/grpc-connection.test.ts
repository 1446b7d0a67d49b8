import assert from "node:assert/strict";
import { test } from "node:test";
import { Server, ServerCredentials, status } from "@grpc/grpc-js";
import { runLoad } from "../harness/run-load.ts";

// Generator and echo call the C library through the one runtime that this bench is written for.
const skip = typeof Bun === "undefined" ? "needs Bun" : false;
const bytes = (value: Buffer) => value;
const definition = {
  unary: {
    path: "/bench.Foreign/Unary",
    requestStream: false,
    responseStream: false,
    requestSerialize: bytes,
    requestDeserialize: bytes,
    responseSerialize: bytes,
    responseDeserialize: bytes,
  },
};

const startForeign = (code: number): Promise<{ port: number; server: Server }> => {
  const server = new Server();
  server.addService(definition, {
    unary: (call: { request: Buffer }, done: (error: object | null, answer?: Buffer) => void) =>
      code === 0 ? done(null, call.request) : done({ code, details: "refused on purpose" }),
  });
  return new Promise((resolve, reject) => {
    server.bindAsync("127.0.0.1:0", ServerCredentials.createInsecure(), (error, port) =>
      error ? reject(error) : resolve({ port, server }),
    );
  });
};

const load = (port: number) => {
  const url = `http://127.0.0.1:${port}/bench.Foreign/Unary`;
  return runLoad({ url, protocol: "grpc", rate: 200, connections: 3, size: 1024 }, 0.1, 0.4);
};

test("calls to a foreign gRPC server are counted as successes", { skip }, async () => {
  const { port, server } = await startForeign(0);
  const result = await load(port);
  server.forceShutdown();
  assert.deepEqual([result.answers, result.errors], [80, 0]);
});

test("a status other than OK is counted as failure", { skip }, async () => {
  const { port, server } = await startForeign(status.PERMISSION_DENIED);
  const result = await load(port);
  server.forceShutdown();
  assert.equal(result.answers, 80);
  assert.ok(result.errors >= 80);
});

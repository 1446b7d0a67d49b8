import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { credentials, makeGenericClientConstructor } from "@grpc/grpc-js";
import { type EchoApp, startEcho } from "../harness/echo-app.ts";
import { runLoad } from "../harness/run-load.ts";

// Generator and echo call the C library through the one runtime that this bench is written for.
const skip = typeof Bun === "undefined" ? "needs Bun" : false;
const bytes = (value: Buffer) => value;
let echo: EchoApp | undefined;
before(async () => {
  if (!skip) echo = await startEcho(10);
});
after(() => echo?.stop());

const method = {
  path: "/bench.Echo/Unary",
  requestStream: false,
  responseStream: false,
  requestSerialize: bytes,
  requestDeserialize: bytes,
  responseSerialize: bytes,
  responseDeserialize: bytes,
};

test("a foreign gRPC client gets back what it sent, small and beyond one frame", { skip }, async () => {
  const Client = makeGenericClientConstructor({ Unary: method }, "bench.Echo");
  const client = new Client(`127.0.0.1:${echo?.port}`, credentials.createInsecure());
  const call = (message: Buffer) =>
    new Promise<Buffer>((resolve, reject) => {
      const unary = client["Unary"] as (request: Buffer, done: (error: Error | null, answer: Buffer) => void) => void;
      unary.call(client, message, (error, answer) => (error ? reject(error) : resolve(answer)));
    });
  for (const size of [0, 1, 1024, 40_000]) {
    const message = Buffer.alloc(size, 98);
    assert.deepEqual(await call(message), message);
  }
  client.close();
});

test("the generator's answers from the echo are all successes, in both protocols and loops", { skip }, async () => {
  for (const [protocol, path] of [
    ["http1", "/x"],
    ["grpc", "/bench.Echo/Unary"],
  ] as const) {
    for (const rate of [0, 500]) {
      const result = await runLoad(
        { url: `${echo?.url}${path}`, protocol, rate, connections: 4, size: 1024 },
        0.1,
        0.4,
      );
      assert.equal(result.errors, 0);
      assert.ok(result.answers > 0);
      if (rate > 0) assert.equal(result.answers, 200);
    }
  }
});

import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { Code, ConnectError } from "@connectrpc/connect";
import type {
  Server,
  ServerDuplexStream,
  ServerReadableStream,
  ServerUnaryCall,
  ServerWritableStream,
  sendUnaryData,
} from "@grpc/grpc-js";
import { wasSent } from "../../src/channel/grpc/call-error.ts";
import type { GrpcClient } from "../../src/channel/grpc/client.ts";
import { createGrpcPool, type GrpcPool } from "../../src/channel/grpc/pool.ts";
import { foreignProbe, grpc } from "../harness/grpc-js-probe.ts";
import { hostPlatform } from "../harness/host-platform.ts";
import { describeProbe, type Probe, type ProbeInit } from "../harness/probe-service.ts";

/** Our client on a real socket, served by another implementation of gRPC. */
describe("a foreign server", () => {
  const probe = describeProbe();
  const seen = { cancelled: 0, made: 0 };
  let pool: GrpcPool;
  let client: GrpcClient;
  let server: Server;
  let port = 0;

  function createServer(): Server {
    const made = new grpc.Server({ "grpc.max_receive_message_length": -1, "grpc.max_send_message_length": -1 });
    made.addService(foreignProbe(), {
      unary(call: ServerUnaryCall<Probe, ProbeInit>, answer: sendUnaryData<ProbeInit>) {
        const { data, fail, n, size } = call.request;
        call.on("cancelled", () => seen.cancelled++);
        if (fail > 0) {
          const metadata = new grpc.Metadata();
          metadata.set("x-meta", "v1");
          answer({ code: fail, details: "failed as asked: é %", metadata });
          return;
        }
        const header = new grpc.Metadata();
        header.set("x-head", call.metadata.get("x-in")[0] ?? "none");
        const trailer = new grpc.Metadata();
        trailer.set("x-tail-bin", Buffer.from([0, 255]));
        const finish = () => {
          call.sendMetadata(header);
          answer(null, { data: size > 0 ? new Uint8Array(size) : data }, trailer);
        };
        if (n > 0) setTimeout(finish, n);
        else finish();
      },
      async serverStream(call: ServerWritableStream<Probe, ProbeInit>) {
        const { n, size } = call.request;
        let isCancelled = false;
        let wake = () => {};
        call.on("cancelled", () => {
          isCancelled = true;
          seen.cancelled++;
          wake();
        });
        call.on("drain", () => wake());
        for (let made = 0; made < n && !isCancelled; made++) {
          seen.made = made;
          if (call.write({ n: made, data: new Uint8Array(size) })) continue;
          await new Promise<void>((resolve) => {
            wake = resolve;
          });
        }
        call.end();
      },
      async clientStream(call: ServerReadableStream<Probe, ProbeInit>, answer: sendUnaryData<ProbeInit>) {
        let n = 0;
        let size = 0;
        for await (const { data } of call as AsyncIterable<Probe>) {
          n++;
          size += data.length;
        }
        answer(null, { n, size });
      },
      bidi(call: ServerDuplexStream<Probe, ProbeInit>) {
        call.on("data", ({ n }: Probe) => call.write({ n }));
        call.on("end", () => call.end());
      },
    });
    return made;
  }
  const bind = (made: Server, at: number) =>
    new Promise<number>((resolve, reject) => {
      made.bindAsync(`127.0.0.1:${at}`, grpc.ServerCredentials.createInsecure(), (error, bound) =>
        error === null ? resolve(bound) : reject(error),
      );
    });

  before(async () => {
    const platform = await hostPlatform();
    server = createServer();
    port = await bind(server, 0);
    assert.ok(platform.connectHttp2 !== undefined);
    pool = createGrpcPool({
      connect: platform.connectHttp2,
      clock: platform.clock,
      maxReceiveBytes: 80 << 20,
      maxSendBytes: 80 << 20,
    });
    client = pool.get({ host: "127.0.0.1", port });
  });
  after(async () => {
    await pool.close();
    server.forceShutdown();
  });

  async function refused(call: Promise<unknown>): Promise<ConnectError> {
    try {
      await call;
    } catch (error) {
      assert.ok(error instanceof ConnectError, String(error));
      return error;
    }
    throw new Error("the call was not refused");
  }
  async function* numbers(count: number, size = 0) {
    for (let n = 0; n < count; n++) yield probe.init({ n, data: new Uint8Array(size) });
  }

  it("answers unary calls with metadata both ways", async () => {
    const data = new Uint8Array(1024).fill(7);
    const { message, header, trailer } = await client.unary(probe.unary, probe.init({ data }), {
      headers: { "x-in": "hello" },
    });
    assert.deepEqual(new Uint8Array((message as Probe).data), data);
    assert.equal(header["x-head"], "hello");
    assert.equal(trailer["x-tail-bin"], "AP8=");
  });

  it("answers errors", async () => {
    const error = await refused(client.unary(probe.unary, probe.init({ fail: Code.FailedPrecondition })));
    assert.deepEqual([error.code, error.rawMessage], [9, "failed as asked: é %"]);
    assert.equal(error.metadata.get("x-meta"), "v1");
    assert.equal(wasSent(error), true);
  });

  it("streams in all directions", async () => {
    const down: number[] = [];
    const answer = client.serverStream(probe.serverStream, probe.init({ n: 1000, size: 100 }));
    for await (const message of answer.messages) down.push((message as Probe).n);
    assert.equal(down.length, 1000);
    const { message } = await client.clientStream(probe.clientStream, numbers(1000, 100));
    assert.deepEqual([(message as Probe).n, (message as Probe).size], [1000, 100_000]);
    let next: (n: number) => void = () => {};
    const source = async function* () {
      let n = 1;
      while (n < 200) {
        yield probe.init({ n });
        n = await new Promise<number>((resolve) => {
          next = resolve;
        });
      }
    };
    let last = 0;
    for await (const echoed of client.bidi(probe.bidi, source()).messages) {
      last = (echoed as Probe).n;
      next(last + 1);
    }
    assert.equal(last, 199);
  });

  it("takes and sends big messages, within the limit", async () => {
    const { message } = await client.unary(probe.unary, probe.init({ data: new Uint8Array(20 << 20) }));
    assert.equal((message as Probe).data.length, 20 << 20);
    const error = await refused(client.unary(probe.unary, probe.init({ data: new Uint8Array(81 << 20) })));
    assert.equal(error.code, Code.ResourceExhausted);
    assert.equal(wasSent(error), false);
    const large = await refused(client.unary(probe.unary, probe.init({ size: 81 << 20 })));
    assert.match(large.rawMessage, /^grpc: received message larger than max/);
  });

  it("keeps many calls open at once", async () => {
    const request = probe.init({ n: 50, data: new Uint8Array(1024) });
    const answers = await Promise.all(Array.from({ length: 300 }, () => client.unary(probe.unary, request)));
    assert.equal(answers.length, 300);
  });

  it("learns of deadlines and cancellations", async () => {
    const late = await refused(client.unary(probe.unary, probe.init({ n: 3000 }), { timeoutMs: 100 }));
    assert.deepEqual([late.code, late.rawMessage], [Code.DeadlineExceeded, "context deadline exceeded"]);
    const before = seen.cancelled;
    for await (const message of client.serverStream(probe.serverStream, probe.init({ n: 1e6, size: 10 })).messages) {
      if ((message as Probe).n === 5) break;
    }
    for (let turn = 0; turn < 1000 && seen.cancelled === before; turn++) {
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    assert.ok(seen.cancelled > before);
  });

  it("is held back while we read slowly", async () => {
    const { messages } = client.serverStream(probe.serverStream, probe.init({ n: 1000, size: 100_000 }));
    let count = 0;
    for await (const _ of messages) {
      if (count++ > 0) continue;
      await new Promise((resolve) => setTimeout(resolve, 300));
      assert.ok(seen.made < 300, `${seen.made} messages were made while nobody read`);
    }
    assert.equal(count, 1000);
  });

  it("may restart, and may be gone", async () => {
    server.forceShutdown();
    const gone = await refused(client.unary(probe.unary, probe.init({})));
    assert.equal(gone.code, Code.Unavailable);
    const again = await refused(client.unary(probe.unary, probe.init({})));
    assert.equal(
      again.rawMessage,
      `connection error: desc = "transport: Error while dialing: dial tcp 127.0.0.1:${port}: connect: connection refused"`,
    );
    assert.equal(wasSent(again), false);
    server = createServer();
    await bind(server, port);
    const { message } = await client.unary(probe.unary, probe.init({ data: new Uint8Array(3) }));
    assert.equal((message as Probe).data.length, 3);
  });
});

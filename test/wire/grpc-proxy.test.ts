import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { Code, ConnectError } from "@connectrpc/connect";
import { createGrpcServer } from "../../src/api/grpc/server.ts";
import type { GrpcClient } from "../../src/channel/grpc/client.ts";
import { createGrpcPool, type GrpcPool } from "../../src/channel/grpc/pool.ts";
import type { Listener } from "../../src/platform/types.ts";
import { hostPlatform } from "../harness/host-platform.ts";
import { describeProbe, type Probe } from "../harness/probe-service.ts";

/** Client → our server's raw handler → our client → our server, on real sockets. */
describe("a proxied call", () => {
  const probe = describeProbe();
  const limits = { maxReceiveBytes: 32 << 20, maxSendBytes: 32 << 20 };
  const listeners: Listener[] = [];
  const seen = { made: 0, cleaned: 0 };
  let pool: GrpcPool;
  let client: GrpcClient;

  before(async () => {
    const { serveHttp2, connectHttp2, clock } = await hostPlatform();
    assert.ok(serveHttp2 !== undefined && connectHttp2 !== undefined);
    const part = probe.part({
      unary({ data, fail }, { responseTrailer, requestHeader }) {
        if (fail > 0) throw new ConnectError("no", fail, { "x-why": "1" });
        responseTrailer.set("x-tail", requestHeader.get("x-in") ?? "");
        return { data };
      },
      async *serverStream({ n, size }) {
        try {
          for (let made = 0; made < n; made++) {
            seen.made = made;
            yield { n: made, data: new Uint8Array(size) };
          }
        } finally {
          seen.cleaned++;
        }
      },
      async clientStream(requests) {
        let n = 0;
        for await (const _ of requests) n++;
        return { n };
      },
      async *bidi(requests) {
        for await (const { n } of requests) yield { n };
      },
    });
    const app = await serveHttp2({ host: "127.0.0.1", port: 0 }, createGrpcServer({ parts: [part], clock, limits }));
    pool = createGrpcPool({ connect: connectHttp2, clock, ...limits });
    const proxy = createGrpcServer({
      parts: [],
      clock,
      limits,
      async unknown(call) {
        const headers = Object.fromEntries(Object.entries(call.metadata).filter(([key]) => !key.startsWith(":")));
        const answer = pool.get(app).raw(call.path, call.frames, { headers, signal: call.signal });
        call.respond(await answer.header);
        for await (const frame of answer.frames) await call.write(frame);
        call.end(await answer.trailer);
      },
    });
    const front = await serveHttp2({ host: "127.0.0.1", port: 0 }, proxy);
    listeners.push(app, front);
    client = pool.get(front);
  });
  after(async () => {
    await pool.close();
    for (const listener of listeners) await listener.close(100);
  });

  async function* numbers(count: number, size = 0) {
    for (let n = 0; n < count; n++) yield probe.init({ n, data: new Uint8Array(size) });
  }

  it("keeps message, metadata and status", async () => {
    const data = new Uint8Array(3 << 20).fill(9);
    const { message, trailer } = await client.unary(probe.unary, probe.init({ data }), { headers: { "x-in": "seen" } });
    assert.deepEqual(new Uint8Array((message as Probe).data), data);
    assert.equal(trailer["x-tail"], "seen");
    await assert.rejects(client.unary(probe.unary, probe.init({ fail: Code.NotFound })), (error) => {
      assert.ok(error instanceof ConnectError);
      assert.deepEqual([error.code, error.rawMessage, error.metadata.get("x-why")], [Code.NotFound, "no", "1"]);
      return true;
    });
  });

  it("streams in all directions", async () => {
    let down = 0;
    for await (const _ of client.serverStream(probe.serverStream, probe.init({ n: 2000, size: 500 })).messages) down++;
    assert.equal(down, 2000);
    const { message } = await client.clientStream(probe.clientStream, numbers(2000, 500));
    assert.equal((message as Probe).n, 2000);
    let both = 0;
    for await (const echoed of client.bidi(probe.bidi, numbers(500)).messages) {
      assert.equal((echoed as Probe).n, both++);
    }
    assert.equal(both, 500);
  });

  it("stops at its source when the client leaves", async () => {
    const before = seen.cleaned;
    const endless = probe.init({ n: 1e9, size: 10 });
    for await (const message of client.serverStream(probe.serverStream, endless).messages) {
      if ((message as Probe).n === 10) break;
    }
    for (let turn = 0; turn < 1000 && seen.cleaned === before; turn++) {
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    assert.ok(seen.cleaned > before);
  });

  it("goes on while another is stuck behind a slow reader", async () => {
    const endless = client.serverStream(probe.serverStream, probe.init({ n: 1e9, size: 100_000 })).messages;
    const slow = endless[Symbol.asyncIterator]();
    await slow.next();
    await new Promise((resolve) => setTimeout(resolve, 200));
    assert.ok(seen.made < 500, `${seen.made} messages were made while nobody read`);
    for (let n = 0; n < 20; n++) {
      const { message } = await client.unary(probe.unary, probe.init({ data: new Uint8Array(1000) }), {
        timeoutMs: 5000,
      });
      assert.equal((message as Probe).data.length, 1000);
    }
    await slow.return?.();
  });
});

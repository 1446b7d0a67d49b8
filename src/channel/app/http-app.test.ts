import assert from "node:assert/strict";
import type { Socket } from "node:net";
import { afterEach, describe, it } from "node:test";
import { hostPlatform } from "../../../test/harness/host-platform.ts";
import { type RawApp, startRawApp } from "../../../test/harness/raw-app.ts";
import { AppUnhealthy, AppUnreachable } from "../../kit/app-channel.ts";
import { encodeUtf8 } from "../../kit/bytes.ts";
import { type HttpCall, readBody } from "../../kit/http-message.ts";
import type { ServerStream } from "../../platform/types.ts";
import { createHttpAppChannel, type HttpApp, type HttpAppOptions } from "./http-app.ts";
import { httpProbe } from "./probe.ts";
import { waitForApp } from "./wait-for-app.ts";

const platform = await hostPlatform();
const forever = new AbortController().signal;
const call = (path: string, more: Partial<HttpCall> = {}): HttpCall => ({
  method: "GET",
  path,
  query: "",
  headers: [],
  body: null,
  ...more,
});
const ok = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";
const isWhole = (all: string): boolean => all.endsWith("\r\n\r\n");

const closing: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});
async function start(
  answer: (socket: Socket, all: string, connection: number) => void,
  more: Partial<HttpAppOptions> = {},
): Promise<{ app: HttpApp; raw: RawApp }> {
  const raw = await startRawApp(answer);
  const app = createHttpAppChannel({
    platform,
    protocol: "http",
    host: "127.0.0.1",
    port: raw.port,
    maxConcurrency: 0,
    appToken: "",
    ...more,
  });
  closing.push(
    () => raw.close(),
    () => app.close(),
  );
  return { app, raw };
}

describe("the channel of an app", () => {
  it("sends the token with calls, not with probes", async () => {
    const { app, raw } = await start((socket, all) => isWhole(all) && socket.write(ok), { appToken: "secret" });
    await app.call(call("/a", { headers: [["dapr-api-token", "forged"]] }), forever);
    assert.equal(await httpProbe(app, "healthz", platform.clock)(forever), true);
    assert.match(raw.received[0]!, /\r\ndapr-api-token: secret\r\n/);
    assert.doesNotMatch(raw.received[0]!, /forged/);
    assert.match(raw.received[1]!, /^GET \/healthz HTTP/);
    assert.doesNotMatch(raw.received[1]!, /token/);
    assert.equal(app.connections, 2);
  });

  it("holds a place until the body is read, cancelled or failed", async () => {
    let more: (() => void)[] = [];
    const { app } = await start(
      (socket, all) => {
        if (!isWhole(all)) return;
        socket.write("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1\r\na\r\n");
        more.push(() => socket.write("0\r\n\r\n"));
      },
      { maxConcurrency: 1 },
    );
    const first = await app.call(call("/1"), forever);
    const second = app.call(call("/2"), forever);
    const leaving = new AbortController();
    const third = app.call(call("/3"), leaving.signal);
    leaving.abort(new Error("left"));
    await assert.rejects(third, /left/);
    await platform.clock.sleep(20);
    assert.equal(more.length, 1);
    more[0]!();
    assert.deepEqual(await readBody(first.body), encodeUtf8("a"));
    const running = await second;
    const fourth = app.call(call("/4"), forever);
    await (running.body as ReadableStream).cancel();
    assert.equal((await fourth).status, 200);
    more = [];
  });

  it("gives the place of a call back that fails", async () => {
    const { app } = await start((socket, all) => isWhole(all) && socket.destroy(), { maxConcurrency: 1 });
    for (let round = 0; round < 3; round++) {
      await assert.rejects(app.call(call("/x"), forever), (error) => AppUnreachable.is(error));
    }
  });

  it("refuses calls while the app is not healthy", async () => {
    let isHealthy = false;
    const { app } = await start((socket, all) => isWhole(all) && socket.write(ok), { isHealthy: () => isHealthy });
    await assert.rejects(
      app.call(call("/"), forever),
      (error) => AppUnhealthy.is(error) && error.message === "app is not in a healthy state",
    );
    isHealthy = true;
    assert.equal((await app.call(call("/"), forever)).status, 200);
  });

  it("passes the pipeline, outermost first, inside which the limit holds", async () => {
    const { app, raw } = await start((socket, all) => isWhole(all) && socket.write(ok), {
      pipeline: [
        async (request, signal, next) => {
          const reply = await next({ ...request, path: `${request.path}/outer` }, signal);
          return { ...reply, status: reply.status + 1 };
        },
        (request, signal, next) => next({ ...request, path: `${request.path}/inner` }, signal),
      ],
    });
    assert.equal((await app.call(call("/a"), forever)).status, 201);
    assert.match(raw.received[0]!, /^GET \/a\/outer\/inner /);
  });

  it("says of a probe what went wrong", async () => {
    const { app } = await start(
      (socket, all) => isWhole(all) && socket.write("HTTP/1.1 503 No\r\ncontent-length: 0\r\n\r\n"),
    );
    assert.equal(await httpProbe(app, "/h?x=1", platform.clock)(forever), "Health check failed with status code: 503");
    const dead = createHttpAppChannel({
      platform,
      protocol: "http",
      host: "127.0.0.1",
      port: 1,
      maxConcurrency: 0,
      appToken: "",
    });
    assert.match(
      String(await httpProbe(dead, "/h", platform.clock)(forever)),
      /^Network error: Get "http:\/\/127.0.0.1:1\/h": dial tcp 127.0.0.1:1: connect: connection refused$/,
    );
  });
});

describe("an app that speaks HTTP/2 without TLS", () => {
  async function startH2(handle: (stream: ServerStream) => void): Promise<HttpApp> {
    const server = await platform.serveHttp2!({ host: "127.0.0.1", port: 0 }, handle);
    const app = createHttpAppChannel({
      platform,
      protocol: "h2c",
      host: "127.0.0.1",
      port: server.port,
      maxConcurrency: 1,
      appToken: "secret",
    });
    closing.push(
      () => server.close(100),
      () => app.close(),
    );
    return app;
  }

  it("is called and answers", async () => {
    let seen: ServerStream["headers"] = {};
    const app = await startH2((stream) => {
      seen = { ...stream.headers };
      const parts: Uint8Array[] = [];
      stream.onData = (chunk) => parts.push(chunk);
      stream.onEnd = () => {
        stream.respond({ ":status": "201", "x-a": "1", "set-cookie": ["a=1", "b=2"] });
        for (const part of parts) stream.write(part);
        stream.end();
      };
    });
    const headers = [
      ["connection", "close"],
      ["x-b", "2"],
      ["content-length", "999"],
    ] as const;
    for (const body of [encodeUtf8("hello"), new Blob(["hello"]).stream()]) {
      const lengths = body instanceof Uint8Array ? headers : headers.slice(0, 2);
      const reply = await app.call(call("/p", { method: "POST", query: "q=1", headers: lengths, body }), forever);
      assert.equal(reply.status, 201);
      assert.deepEqual(
        reply.headers.filter(([name]) => name !== "date"),
        [
          ["x-a", "1"],
          ["set-cookie", "a=1"],
          ["set-cookie", "b=2"],
        ],
      );
      assert.deepEqual(await readBody(reply.body), encodeUtf8("hello"));
      assert.equal(seen[":path"], "/p?q=1");
      assert.equal(seen["x-b"], "2");
      assert.equal(seen["dapr-api-token"], "secret");
      assert.equal(seen["user-agent"], "Go-http-client/2.0");
      assert.equal(seen["content-length"], body instanceof Uint8Array ? "5" : undefined);
    }
  });

  it("and breaks off, or is not there", async () => {
    const app = await startH2((stream) => {
      stream.respond({ ":status": "200" });
      stream.write(encodeUtf8("part"));
      platform.clock.after(20, () => stream.reset(2));
    });
    const cut = app.call(call("/cut"), forever).then((reply) => readBody(reply.body));
    await assert.rejects(
      cut,
      (error) => AppUnreachable.is(error) && /^Get "http:\/\/127.0.0.1:\d+\/cut": /.test(error.message),
    );
    const dead = createHttpAppChannel({
      platform,
      protocol: "h2c",
      host: "127.0.0.1",
      port: 1,
      maxConcurrency: 0,
      appToken: "",
    });
    await assert.rejects(dead.call(call("/x"), forever), {
      message: 'Get "http://127.0.0.1:1/x": dial tcp 127.0.0.1:1: connect: connection refused',
    });
    dead.close();
  });

  it("ends its call when the caller leaves", async () => {
    let reset = 0;
    const arrived = Promise.withResolvers<void>();
    const app = await startH2((stream) => {
      stream.onReset = () => reset++;
      arrived.resolve();
    });
    const leaving = new AbortController();
    const pending = app.call(call("/wait"), leaving.signal);
    await arrived.promise;
    leaving.abort();
    await assert.rejects(pending, /context canceled/);
    while (reset === 0) await platform.clock.sleep(1);
  });
});

describe("waiting for an app", () => {
  it("ends when somebody listens", async () => {
    const probe = await startRawApp(() => {});
    const { port } = probe;
    await probe.close();
    const waiting = waitForApp(platform, { host: "127.0.0.1", port }, forever);
    await platform.clock.sleep(30);
    const server = (await import("node:net")).createServer((socket) => socket.destroy());
    await new Promise<void>((resolve) => server.listen(port, "127.0.0.1", resolve));
    closing.push(() => new Promise<void>((resolve) => server.close(() => resolve())));
    await waiting;
  });

  it("ends with its signal", async () => {
    const leaving = new AbortController();
    const waiting = waitForApp(platform, { host: "127.0.0.1", port: 1 }, leaving.signal);
    leaving.abort(new Error("stopped"));
    await assert.rejects(waiting, /stopped/);
  });
});

import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, describe, it } from "node:test";
import { gunzipSync, gzipSync } from "node:zlib";
import { hostPlatform } from "../../../test/harness/host-platform.ts";
import { type RawApp, startRawApp } from "../../../test/harness/raw-app.ts";
import { AppUnreachable } from "../../kit/app-channel.ts";
import { decodeUtf8, encodeUtf8 } from "../../kit/bytes.ts";
import type { HttpCall, HttpReply, MessageBody } from "../../kit/http-message.ts";
import type { TcpConnect, TcpHandlers, TcpSocket } from "../../platform/types.ts";
import { createHttp1Client, type Http1ClientOptions } from "./http1-client.ts";

const platform = await hostPlatform();
const tcp = platform.tcp!;
const forever = new AbortController().signal;

const apps: RawApp[] = [];
const start = async (...args: Parameters<typeof startRawApp>): Promise<RawApp> => {
  const app = await startRawApp(...args);
  apps.push(app);
  return app;
};
afterEach(async () => {
  for (const app of apps.splice(0)) await app.close();
});

const open = (port: number, extra: Partial<Http1ClientOptions> = {}) =>
  createHttp1Client({ tcp, clock: platform.clock, connect: { host: "127.0.0.1", port }, ...extra });
const get = (path = "/", headers: HttpCall["headers"] = []): HttpCall => ({
  method: "GET",
  path,
  query: "",
  headers,
  body: null,
});
const post = (body: MessageBody, headers: HttpCall["headers"] = []): HttpCall => ({
  method: "POST",
  path: "/p",
  query: "",
  headers,
  body,
});
const nothing = () => {};

async function bodyBytes(body: MessageBody): Promise<Uint8Array> {
  if (body === null || body instanceof Uint8Array) return body ?? new Uint8Array(0);
  return new Response(body as ReadableStream<Uint8Array<ArrayBuffer>>).bytes();
}
const textOf = async (reply: HttpReply): Promise<string> => decodeUtf8(await bodyBytes(reply.body));
const isWhole = (all: string): boolean => all.endsWith("\r\n\r\n");
const ok = (body: string, extra = ""): string =>
  `HTTP/1.1 200 OK\r\n${extra}content-length: ${body.length}\r\n\r\n${body}`;
const pieces = (...parts: string[]): ReadableStream<Uint8Array> =>
  new ReadableStream({
    pull(controller) {
      const part = parts.shift();
      if (part === undefined) controller.close();
      else controller.enqueue(encodeUtf8(part));
    },
  });

describe("a request", () => {
  it("goes out in one piece with what Go adds, and its connection is used again", async () => {
    const app = await start((socket, all) => {
      if (all.endsWith("{}")) socket.write(ok("one"));
    });
    const client = open(app.port, { fixedHeaders: [["dapr-api-token", "t"]] });
    const call: HttpCall = {
      method: "POST",
      path: "/a%20b",
      query: "x=1",
      headers: [
        ["Content-Type", "application/json"],
        ["Connection", "close"],
        ["Host", "other"],
        ["dapr-api-token", "forged"],
        ["x-a", "1"],
        ["X-A", "é"],
      ],
      body: encodeUtf8("{}"),
    };
    assert.equal(await textOf(await client.request(call, forever, nothing)), "one");
    assert.equal(await textOf(await client.request(call, forever, nothing)), "one");
    const once =
      `POST /a%20b?x=1 HTTP/1.1\r\nhost: 127.0.0.1:${app.port}\r\ncontent-type: application/json\r\nx-a: 1\r\nx-a: \xe9\r\n` +
      "user-agent: Go-http-client/1.1\r\naccept-encoding: gzip\r\ndapr-api-token: t\r\ncontent-length: 2\r\n\r\n{}";
    assert.deepEqual(app.received, [once + once]);
    assert.equal(client.connections, 1);
    client.close();
    assert.equal(client.connections, 0);
  });

  it("has a target of UTF-8 bytes", async () => {
    const app = await start((socket) => void socket.write(ok("")));
    const client = open(app.port);
    await textOf(await client.request({ ...get("/"), query: "a=ä中" }, forever, nothing));
    assert.match(app.received[0] ?? "", /^GET \/\?a=\xc3\xa4\xe4\xb8\xad HTTP/);
    client.close();
  });

  it("keeps what the caller says of agent and encoding, and sends no length without a body", async () => {
    const app = await start((socket, all) => isWhole(all) && socket.write(ok("")));
    const client = open(app.port);
    await client.request(
      get("/", [
        ["user-agent", "me"],
        ["accept-encoding", "br"],
      ]),
      forever,
      nothing,
    );
    await client.request(post(null), forever, nothing);
    const host = `host: 127.0.0.1:${app.port}\r\n`;
    assert.deepEqual(app.received, [
      `GET / HTTP/1.1\r\n${host}user-agent: me\r\naccept-encoding: br\r\n\r\n` +
        `POST /p HTTP/1.1\r\n${host}user-agent: Go-http-client/1.1\r\naccept-encoding: gzip\r\ncontent-length: 0\r\n\r\n`,
    ]);
    client.close();
  });

  it("streams a body of unknown length in chunks", async () => {
    const app = await start((socket, all) => all.endsWith("0\r\n\r\n") && socket.write(ok("got")));
    const client = open(app.port);
    assert.equal(await textOf(await client.request(post(pieces("hello", "", "world wide")), forever, nothing)), "got");
    assert.match(app.received[0]!, /transfer-encoding: chunked\r\n\r\n5\r\nhello\r\na\r\nworld wide\r\n0\r\n\r\n$/);
    assert.equal(await textOf(await client.request(post(pieces()), forever, nothing)), "got");
    assert.match(app.received[0]!, /chunked\r\n\r\n0\r\n\r\n$/);
    assert.equal(app.received.length, 1);
    client.close();
  });

  it("streams a body with the length it declares, and holds it to that", async () => {
    const app = await start((socket, all) => all.endsWith("helloworld") && socket.write(ok("got")));
    const client = open(app.port);
    const declared = (length: number) => post(pieces("hello", "world"), [["content-length", String(length)]]);
    assert.equal(await textOf(await client.request(declared(10), forever, nothing)), "got");
    assert.match(app.received[0]!, /content-length: 10\r\n\r\nhelloworld$/);
    for (const [length, real] of [
      [12, 10],
      [7, 10],
    ] as const) {
      await assert.rejects(
        client.request(declared(length), forever, nothing),
        (error: Error) =>
          AppUnreachable.is(error) && error.message.includes(`ContentLength=${length} with Body length ${real}`),
      );
    }
    client.close();
  });

  it("fails with its source", async () => {
    const app = await start(() => {});
    const client = open(app.port);
    const broken = new ReadableStream<Uint8Array>({
      pull(controller) {
        controller.error(new Error("stream too large"));
      },
    });
    await assert.rejects(client.request(post(broken), forever, nothing), {
      message: `Post "http://127.0.0.1:${app.port}/p": stream too large`,
    });
    client.close();
  });

  it("that cannot be sent is refused", async () => {
    const client = open(1);
    const refuse = async (call: HttpCall, reason: RegExp) => {
      let finished = 0;
      await assert.rejects(
        client.request(call, forever, () => finished++),
        reason,
      );
      assert.equal(finished, 1);
    };
    await refuse(get("/a\r\nb: c"), /invalid control character in URL/);
    await refuse({ ...get("/"), query: "a\nb" }, /invalid control character in URL/);
    await refuse(get("/", [["a b", "c"]]), /invalid header field name/);
    await refuse(get("/", [["a", "c\r\nd: e"]]), /invalid header field value for "a"/);
    await refuse({ ...get(), method: "GET /x HTTP/1.1\r\n" }, /invalid method/);
    client.close();
    await refuse(get(), /client is closed/);
  });
});

describe("an answer", () => {
  it("short and in two pieces is handed over whole", async () => {
    const app = await start((socket, all) => {
      if (!isWhole(all)) return;
      socket.write("HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\nabc");
      setImmediate(() => socket.write("def"));
    });
    const client = open(app.port);
    const reply = await client.request(get(), forever, nothing);
    assert.equal(await textOf(reply), "abcdef");
    client.close();
  });

  it("that lags behind its header is handed over as it comes", async () => {
    let rest = () => {};
    const app = await start((socket, all) => {
      if (!isWhole(all)) return;
      socket.write("HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\nabc");
      rest = () => socket.write("def");
    });
    const client = open(app.port);
    let finished = 0;
    const reply = await client.request(get(), forever, () => finished++);
    assert.ok(reply.body instanceof ReadableStream);
    const reader = reply.body.getReader();
    assert.equal(decodeUtf8((await reader.read()).value!), "abc");
    assert.equal(finished, 0);
    rest();
    assert.equal(decodeUtf8((await reader.read()).value!), "def");
    assert.equal((await reader.read()).done, true);
    assert.equal(finished, 1);
    client.close();
  });

  it("in chunks is handed over chunk by chunk", async () => {
    let more = (_: string) => {};
    const app = await start((socket, all) => {
      if (!isWhole(all)) return;
      socket.write("HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n");
      more = (data) => socket.write(data);
    });
    const client = open(app.port);
    const reply = await client.request(get(), forever, nothing);
    const reader = (reply.body as ReadableStream<Uint8Array>).getReader();
    more("5\r\ndata:\r\n");
    assert.equal(decodeUtf8((await reader.read()).value!), "data:");
    more("0\r\n\r\n");
    assert.equal((await reader.read()).done, true);
    assert.equal(client.connections, 1);
    client.close();
  });

  it("that is whole at once needs no stream, in chunks too", async () => {
    const app = await start(
      (socket, all) =>
        isWhole(all) &&
        socket.write("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nab\r\n1\r\nc\r\n0\r\n\r\n"),
    );
    const client = open(app.port);
    const reply = await client.request(get(), forever, nothing);
    assert.deepEqual(reply.body, encodeUtf8("abc"));
    client.close();
  });

  it("shorter than its length counts as whole, one without its last chunk does not", async () => {
    const app = await start((socket, all) => {
      if (!isWhole(all)) return;
      if (all.includes("/chunked")) socket.end("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nab");
      else socket.end('HTTP/1.1 200 OK\r\ncontent-length: 999\r\n\r\n"ok"');
    });
    const client = open(app.port);
    assert.equal(await textOf(await client.request(get(), forever, nothing)), '"ok"');
    await assert.rejects(client.request(get("/chunked"), forever, nothing).then(textOf), /unexpected EOF/);
    client.close();
  });

  it("before the request is sent ends the sending, and the connection", async () => {
    let cancelled = false;
    const app = await start((socket, all) => {
      if (all.includes("first")) socket.write("HTTP/1.1 413 Too Large\r\ncontent-length: 2\r\n\r\nno");
    });
    const client = open(app.port);
    let sent = false;
    const endless = new ReadableStream<Uint8Array>({
      pull(controller) {
        if (sent) return new Promise(() => {});
        sent = true;
        controller.enqueue(encodeUtf8("first"));
      },
      cancel() {
        cancelled = true;
      },
    });
    const reply = await client.request(post(endless), forever, nothing);
    assert.equal(reply.status, 413);
    assert.equal(await textOf(reply), "no");
    assert.equal(cancelled, true);
    assert.equal(client.connections, 0);
    client.close();
  });

  it("in gzip that the caller did not ask for is unpacked", async () => {
    const packed = gzipSync("squeezed ".repeat(100));
    const app = await start((socket, all) => {
      if (!isWhole(all)) return;
      socket.write(`HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: ${packed.length}\r\n\r\n`);
      socket.write(packed);
    });
    const client = open(app.port);
    const unpacked = await client.request(get(), forever, nothing);
    assert.equal(await textOf(unpacked), "squeezed ".repeat(100));
    assert.deepEqual(unpacked.headers, []);
    const kept = await client.request(get("/", [["accept-encoding", "gzip"]]), forever, nothing);
    assert.deepEqual(gunzipSync(await bodyBytes(kept.body)).toString(), "squeezed ".repeat(100));
    client.close();
  });

  it("that is none", async () => {
    const app = await start((socket, all) => {
      if (!isWhole(all)) return;
      if (all.includes("/reset")) socket.resetAndDestroy();
      else if (all.includes("/junk")) socket.write("SSH-2.0-x\r\n\r\n");
      else socket.end();
    });
    const client = open(app.port);
    const base = `Get "http://127.0.0.1:${app.port}`;
    await assert.rejects(client.request(get("/close"), forever, nothing), { message: `${base}/close": EOF` });
    await assert.rejects(client.request(get("/reset"), forever, nothing), /connection reset by peer|EOF/);
    await assert.rejects(client.request(get("/junk"), forever, nothing), {
      message: `${base}/junk": net/http: HTTP/1.x transport connection broken: malformed HTTP response "SSH-2.0-x"`,
    });
    client.close();
  });

  it("from nobody", async () => {
    const free = await start(() => {});
    await free.close();
    const client = open(free.port);
    await assert.rejects(client.request({ ...get("/x"), query: "a=b" }, forever, nothing), {
      name: "AppUnreachable",
      message: `Get "http://127.0.0.1:${free.port}/x?a=b": dial tcp 127.0.0.1:${free.port}: connect: connection refused`,
    });
    const lost = createHttp1Client({
      tcp,
      clock: platform.clock,
      connect: { host: "", port: 0, path: "/nonexistent/app.sock" },
    });
    await assert.rejects(lost.request(get("/x"), forever, nothing), {
      message: 'Get "http://localhost/x": dial unix /nonexistent/app.sock: connect: no such file or directory',
    });
  });
});

describe("a connection", () => {
  it("that died idle costs a repeatable request nothing, another one its answer", async () => {
    const app = await start((socket, all, connection) => {
      const requests = all.split("HTTP/1.1\r\n").length - 1;
      if (connection % 2 === 0 && requests === 2) socket.destroy();
      else if (isWhole(all)) socket.write(ok(`c${connection}`));
    });
    const client = open(app.port);
    assert.equal(await textOf(await client.request(get(), forever, nothing)), "c0");
    assert.equal(await textOf(await client.request(get(), forever, nothing)), "c1");
    client.close();
    const other = open(app.port);
    assert.equal(await textOf(await other.request(get(), forever, nothing)), "c2");
    await assert.rejects(other.request(post(encodeUtf8("x")), forever, nothing), /EOF|reset/);
    other.close();
    const marked = open(app.port);
    assert.equal(await textOf(await marked.request(get(), forever, nothing)), "c3");
    assert.equal(await textOf(await marked.request(get(), forever, nothing)), "c3");
    marked.close();
  });

  it("that is closed while idle is not used", async () => {
    const app = await start((socket, all) => isWhole(all) && socket.end(ok("x")));
    const client = open(app.port);
    for (let round = 0; round < 3; round++) {
      assert.equal(await textOf(await client.request(post(null), forever, nothing)), "x");
      while (client.connections > 0) await platform.clock.sleep(1);
    }
    assert.equal(app.received.length, 3);
    client.close();
  });

  it("is kept no longer than the app says", async () => {
    const app = await start((socket, all) => isWhole(all) && socket.write(ok("x", "keep-alive: timeout=1\r\n")));
    const client = open(app.port);
    await client.request(get(), forever, nothing);
    await client.request(get(), forever, nothing);
    assert.equal(app.received.length, 2);
    client.close();
  });

  it("leaves HTTP on a connection of its own, which takes nobody's place", async () => {
    const app = await start((socket, all) => {
      if (!all.includes("upgrade: websocket")) return void (isWhole(all) && socket.write(ok("a")));
      const end = all.indexOf("\r\n\r\n") + 4;
      if (end === all.length)
        socket.write("HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: Upgrade\r\n\r\nearly");
      else socket.write(all.slice(-4));
    });
    const client = open(app.port, { maxConnections: 1 });
    const over: string[] = [];
    const tunnels = [];
    for (const name of ["one", "two"]) {
      let send: ReadableStreamDefaultController<Uint8Array> | undefined;
      const body = new ReadableStream<Uint8Array>({
        start(controller) {
          send = controller;
        },
      });
      const reply = await client.request({ ...get(), body, upgrade: "websocket" }, forever, () => over.push(name));
      assert.equal(reply.status, 101);
      const reader = (reply.body as ReadableStream<Uint8Array>).getReader();
      assert.equal(decodeUtf8((await reader.read()).value as Uint8Array), "early");
      tunnels.push({ reader, send });
    }
    assert.equal(await textOf(await client.request(get(), forever, nothing)), "a");
    assert.deepEqual([client.connections, client.busy], [3, 2]);
    for (const { reader, send } of tunnels) {
      send?.enqueue(encodeUtf8("back"));
      assert.equal(decodeUtf8((await reader.read()).value as Uint8Array), "back");
    }
    assert.deepEqual(over, []);
    await tunnels[0]?.reader.cancel();
    assert.deepEqual(over, ["one"]);
    client.close();
    await assert.rejects(tunnels[1]?.reader.read() ?? Promise.resolve(), AppUnreachable.is);
    assert.deepEqual(over, ["one", "two"]);
    assert.equal(client.connections, 0);
  });

  it("is waited for when there are enough of them", async () => {
    const answers: (() => void)[] = [];
    const app = await start((socket, all) => isWhole(all) && answers.push(() => socket.write(ok("x"))));
    const client = open(app.port, { maxConnections: 1 });
    const gone = new AbortController();
    const first = client.request(get("/1"), forever, nothing);
    const aborted = client.request(get("/2"), gone.signal, nothing);
    const third = client.request(get("/3"), forever, nothing);
    while (answers.length < 1) await platform.clock.sleep(1);
    gone.abort();
    await assert.rejects(aborted, /context canceled/);
    answers[0]!();
    await first;
    while (answers.length < 2) await platform.clock.sleep(1);
    answers[1]!();
    await third;
    assert.equal(app.received.length, 1);
    assert.doesNotMatch(app.received[0]!, /\/2/);
    client.close();
  });

  it("is cut when the caller leaves, before and after the header", async () => {
    let cut = 0;
    const app = await start((socket, all) => {
      if (!isWhole(all)) return;
      socket.on("close", () => cut++);
      if (all.includes("/body")) socket.write("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1\r\na\r\n");
    });
    const client = open(app.port);
    const waiting = new AbortController();
    const early = client.request(get("/head"), waiting.signal, nothing);
    while (app.received.length === 0) await platform.clock.sleep(1);
    waiting.abort();
    await assert.rejects(early, /Get "http:\/\/.*\/head": context canceled/);
    const late = new AbortController();
    const reply = await client.request(get("/body"), late.signal, nothing);
    late.abort(new DOMException("x", "TimeoutError"));
    await assert.rejects(textOf(reply), /context deadline exceeded/);
    let finished = 0;
    const left = await client.request(get("/body"), forever, () => finished++);
    await (left.body as ReadableStream).cancel();
    assert.equal(finished, 1);
    while (cut < 3) await platform.clock.sleep(1);
    assert.equal(client.connections, 0);
    client.close();
  });

  it("stops when its reader does", async () => {
    const block = "x".repeat(1 << 20);
    let written = 0;
    const app = await start((socket, all) => {
      if (!isWhole(all)) return;
      socket.write("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n");
      const fill = () => {
        while (written < 64) {
          written++;
          if (!socket.write(`100000\r\n${block}\r\n`)) return void socket.once("drain", fill);
        }
        socket.end("0\r\n\r\n");
      };
      fill();
    });
    const client = open(app.port);
    const reply = await client.request(get(), forever, nothing);
    const reader = (reply.body as ReadableStream<Uint8Array>).getReader();
    await reader.read();
    for (let still = 0, before = -1; still < 20; still = written === before ? still + 1 : 0) {
      before = written;
      await platform.clock.sleep(5);
    }
    assert.ok(written < 48, `${written} MiB went out although nobody reads`);
    let size = 0;
    for (;;) {
      const { done, value } = await reader.read();
      if (done) break;
      size += value.length;
    }
    assert.ok(size > 63 << 20);
    client.close();
  });

  it("is not left paused by an answer whose reader is slow", async () => {
    let handlers: TcpHandlers | undefined;
    let isPaused = false;
    const setPaused = (value: boolean) => () => {
      isPaused = value;
    };
    const scripted = (_: TcpConnect, given: TcpHandlers): TcpSocket => {
      handlers = given;
      return {
        writeText: () => true,
        write: () => true,
        destroy() {},
        pause: setPaused(true),
        resume: setPaused(false),
      };
    };
    const client = open(1, { tcp: scripted });
    const pending = client.request(get(), forever, nothing);
    const receive = (text: string) => handlers?.onData(encodeUtf8(text));
    receive("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n");
    const reply = await pending;
    const block = "x".repeat(0x20000);
    receive(`20000\r\n${block}\r\n`);
    assert.equal(isPaused, true);
    receive("0\r\n\r\n");
    assert.equal(isPaused, false);
    assert.equal((await textOf(reply)).length, block.length);
    const next = client.request(get(), forever, nothing);
    receive(ok("next"));
    assert.equal(await textOf(await next), "next");
    assert.equal(client.connections, 1);
    client.close();
  });

  it("over a unix socket", async () => {
    const folder = await mkdtemp(join(tmpdir(), "pillion-"));
    try {
      const path = join(folder, "app.sock");
      await start((socket, all) => isWhole(all) && socket.write(ok("unix")), path);
      const client = createHttp1Client({ tcp, clock: platform.clock, connect: { host: "", port: 0, path } });
      assert.equal(await textOf(await client.request(get(), forever, nothing)), "unix");
      client.close();
    } finally {
      await rm(folder, { recursive: true });
    }
  });
});

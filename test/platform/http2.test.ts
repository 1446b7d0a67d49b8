import assert from "node:assert/strict";
import { connect, createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { after, test } from "node:test";
import type { HeaderList, ServerStream } from "../../src/platform/types.ts";
import { bytes, call, createHost, openPair, sleep, until } from "./host.ts";

const host = await createHost();
const resets = new Map<string, number>();

function answerWith(stream: ServerStream, headers: HeaderList, body?: string, trailers?: HeaderList): void {
  stream.respond({ ":status": "200", ...headers });
  if (body !== undefined) stream.write(bytes(body));
  stream.end(trailers);
}

function serve(stream: ServerStream): void {
  const { path } = stream;
  let received = 0;
  stream.onData = (chunk) => (received += chunk.length);
  stream.onReset = (code) => resets.set(path, code);
  const answer = () => {
    stream.respond({ ":status": "200", "content-type": "application/grpc" });
    stream.write(bytes(`${received}`));
    stream.end({ "grpc-status": "0", "x-many": ["a", "b"] });
  };
  if (path === "/unary") stream.onEnd = answer;
  else if (path === "/echo-headers")
    stream.onEnd = () => {
      stream.respond({ ":status": "200" });
      const { headers, method, remoteAddress } = stream;
      stream.write(bytes(JSON.stringify({ many: headers["x-many"], one: headers["x-one"], method, remoteAddress })));
      stream.end();
    };
  else if (path === "/headers-only") stream.onEnd = () => answerWith(stream, { "grpc-status": "5" });
  else if (path === "/early") answerWith(stream, { "grpc-status": "12" });
  else if (path === "/early-trailers") {
    stream.respond({ ":status": "200" });
    stream.write(bytes("enough"));
    stream.end({ "grpc-status": "0" });
  } else if (path === "/no-data") stream.onEnd = () => answerWith(stream, {}, undefined, { "grpc-status": "0" });
  else if (path === "/no-trailers") stream.onEnd = () => answerWith(stream, {}, "x");
  else if (path === "/slow-server-stream")
    stream.onEnd = async () => {
      stream.respond({ ":status": "200" });
      for (let part = 0; part < 5; part += 1) {
        await sleep(2);
        stream.write(bytes(`${part}`));
      }
      await sleep(2);
      stream.end({ "grpc-status": "0" });
    };
  else if (path === "/echo") {
    stream.respond({ ":status": "200" });
    stream.onData = (chunk) => stream.write(chunk);
    stream.onEnd = () => stream.end({ "grpc-status": "0" });
  } else if (path.startsWith("/hang")) {
    stream.respond({ ":status": "200" });
    stream.write(bytes("x"));
  } else if (path === "/reset-midway") {
    stream.respond({ ":status": "200" });
    stream.write(bytes("x"));
    setTimeout(() => stream.reset(8), 10);
  } else if (path === "/forbidden-header") stream.respond({ ":status": "200", "x-bad": "a\nb" });
  else if (path === "/flood") {
    const chunk = new Uint8Array(64 * 1024);
    let left = 160;
    let whole = 0;
    const go = () => {
      for (;;) {
        if (left === 0) return stream.end({ "x-writes": String(whole) });
        left -= 1;
        whole += 1;
        if (!stream.write(chunk)) break;
      }
      floodWaits += 1;
    };
    stream.onDrain = go;
    stream.respond({ ":status": "200" });
    go();
  } else if (path === "/lazy-reader") {
    stream.pause();
    lazy = stream;
    stream.onEnd = answer;
  }
}
let floodWaits = 0;
let lazy: ServerStream | undefined;

const pair = await openPair(host, serve);
after(() => pair.close());

test("unary: body in, body and trailers out, repeated trailers kept apart", async () => {
  const done = call(pair.client, "/unary", "abc");
  await done.finished;
  assert.equal(done.outcome, "end");
  assert.deepEqual([done.status, done.text], ["200", "3"]);
  assert.equal(done.headers["content-type"], "application/grpc");
  assert.equal(done.trailers["grpc-status"], "0");
  assert.deepEqual(done.trailers["x-many"], ["a", "b"]);
});

test("three megabytes up, past every flow-control window", async () => {
  const done = call(pair.client, "/unary", new Uint8Array(3_000_000));
  await done.finished;
  assert.deepEqual([done.outcome, done.text], ["end", "3000000"]);
});

test("request headers arrive, repeated ones as a list", async () => {
  const done = call(pair.client, "/echo-headers", "", { "x-many": ["1", "2"], "x-one": "a, b" });
  await done.finished;
  assert.deepEqual(JSON.parse(done.text), {
    many: ["1", "2"],
    one: "a, b",
    method: "POST",
    remoteAddress: "127.0.0.1",
  });
});

for (const path of ["/headers-only", "/early"])
  test(`${path}: one frame carries headers and the end`, async () => {
    const done = call(pair.client, path, "abc");
    await done.finished;
    assert.equal(done.outcome, "end");
    assert.ok(done.headers["grpc-status"]);
    assert.deepEqual([done.received, done.trailers], [0, {}]);
  });

test("headers and trailers without data", async () => {
  const done = call(pair.client, "/no-data", "");
  await done.finished;
  assert.deepEqual([done.outcome, done.received, done.trailers["grpc-status"]], ["end", 0, "0"]);
});

test("data without trailers", async () => {
  const done = call(pair.client, "/no-trailers", "");
  await done.finished;
  assert.deepEqual([done.outcome, done.text, done.trailers], ["end", "x", {}]);
});

test("server stream written over several turns", async () => {
  const done = call(pair.client, "/slow-server-stream", "");
  await done.finished;
  assert.deepEqual([done.outcome, done.text, done.trailers["grpc-status"]], ["end", "01234", "0"]);
});

test("both directions at once, then half close", async () => {
  const talk = call(pair.client, "/echo");
  for (const word of ["one", "two", "three"]) {
    const before = talk.received;
    talk.stream.write(bytes(word));
    await until(() => talk.received === before + word.length, `"${word}" came back`);
  }
  assert.equal(talk.outcome, undefined);
  talk.stream.end();
  await talk.finished;
  assert.deepEqual([talk.outcome, talk.text, talk.trailers["grpc-status"]], ["end", "onetwothree", "0"]);
});

for (const body of [undefined, new Uint8Array(5_000_000)])
  test(`an answer that does not wait for the request ends cleanly (${body ? "large body" : "open request"})`, async () => {
    const done = call(pair.client, "/early-trailers", body);
    if (body === undefined) done.stream.write(bytes("abc"));
    await done.finished;
    assert.deepEqual([done.outcome, done.text, done.trailers["grpc-status"]], ["end", "enough", "0"]);
    await until(() => pair.client.openStreams === 0, "the stream was let go");
  });

test("a reset in the middle of an answer is an error, not an end", async () => {
  for (const body of ["abc", undefined]) {
    const done = call(pair.client, "/reset-midway", body);
    await done.finished;
    assert.ok(done.outcome instanceof Error);
    assert.deepEqual([done.outcome.http2Code, done.outcome.sent], [8, true]);
  }
});

for (const open of [true, false])
  test(`a client's reset reaches the server, which is not told of an end (${open ? "open" : "ended"} request)`, async () => {
    const path = `/hang-${open}`;
    const hanging = call(pair.client, path, open ? undefined : "abc");
    await hanging.started;
    hanging.stream.reset(8);
    await until(() => resets.has(path), "the server saw the reset");
    assert.equal(resets.get(path), 8);
    assert.equal(hanging.outcome, undefined);
  });

test("a reset request does not look like a whole one", async () => {
  let ended = false;
  let reset = false;
  const other = await openPair(host, (stream) => {
    stream.onEnd = () => (ended = true);
    stream.onReset = () => (reset = true);
  });
  const upload = call(other.client, "/");
  upload.stream.write(bytes("half"));
  await sleep(20);
  upload.stream.reset(8);
  await until(() => reset, "the server saw the reset");
  assert.equal(ended, false);
  await other.close();
});

test("headers that HTTP/2 forbids end that stream only", async () => {
  const keep = call(pair.client, "/echo");
  const bad = call(pair.client, "/forbidden-header", "");
  await Promise.race([bad.finished, sleep(500)]);
  keep.stream.write(bytes("alive"));
  await keep.started;
  keep.stream.end();
  await keep.finished;
  assert.equal(keep.outcome, "end");
  bad.stream.reset(8);
});

test("a slow reader holds the server back, nothing is lost", async () => {
  floodWaits = 0;
  const flood = call(pair.client, "/flood", "");
  await flood.started;
  flood.stream.pause();
  await sleep(50);
  assert.ok(floodWaits > 0, "the server had to wait");
  assert.equal(flood.outcome, undefined);
  flood.stream.resume();
  await flood.finished;
  assert.deepEqual([flood.outcome, flood.received, flood.trailers["x-writes"]], ["end", 160 * 64 * 1024, "160"]);
});

test("a slow server holds the client back, nothing is lost", async () => {
  const chunk = new Uint8Array(64 * 1024);
  const all = 160;
  let written = 0;
  let waits = 0;
  const go = () => {
    while (written < all) {
      written += 1;
      if (!upload.stream.write(chunk)) {
        waits += 1;
        return;
      }
    }
    upload.stream.end();
  };
  const upload = call(pair.client, "/lazy-reader", undefined, {}, go);
  go();
  await until(() => lazy !== undefined, "the request arrived");
  await sleep(50);
  assert.ok(waits > 0 && written < all, "the client had to wait");
  lazy!.resume();
  await upload.finished;
  assert.deepEqual([upload.outcome, upload.text], ["end", String(all * chunk.length)]);
});

test("fifty streams at once share the connection", async () => {
  const calls = Array.from({ length: 50 }, (_, index) => call(pair.client, "/unary", new Uint8Array(index * 1_000)));
  await Promise.all(calls.map((one) => one.finished));
  calls.forEach((one, index) => assert.deepEqual([one.outcome, one.text], ["end", String(index * 1_000)]));
  assert.equal(pair.client.openStreams, 0);
  assert.equal(pair.client.connected, true);
});

/** A way to the listener that can be cut. */
async function openWire(port: number) {
  const sockets = new Set<Socket>();
  const server = createServer((near) => {
    const far = connect(port, "127.0.0.1");
    for (const [from, to] of [
      [near, far],
      [far, near],
    ] as const) {
      sockets.add(from);
      from.on("error", () => {});
      from.on("close", () => {
        sockets.delete(from);
        to.destroy();
      });
      from.pipe(to);
    }
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    port: (server.address() as { port: number }).port,
    cut: () => sockets.forEach((socket) => socket.destroy()),
    close() {
      server.close();
      sockets.forEach((socket) => socket.destroy());
    },
  };
}

test("a lost connection fails what was open on both sides; the next request dials again", async () => {
  const wire = await openWire(pair.listener.port);
  const client = host.connectHttp2!({ host: "127.0.0.1", port: wire.port });
  const open = call(client, "/hang-lost");
  const ended = call(client, "/hang-lost-ended", "abc");
  await Promise.all([open.started, ended.started]);
  assert.equal(client.openStreams, 2);
  wire.cut();
  await Promise.all([open.finished, ended.finished]);
  for (const lost of [open, ended]) assert.ok(lost.outcome instanceof Error && lost.outcome.sent);
  await until(() => resets.has("/hang-lost") && resets.has("/hang-lost-ended"), "the server saw the loss");
  assert.deepEqual([client.connected, client.openStreams], [false, 0]);
  const next = call(client, "/unary", "abc");
  await next.finished;
  assert.deepEqual([next.outcome, next.text, client.connected], ["end", "3", true]);
  await client.close();
  wire.close();
});

test("nobody listens: an error that says nothing was sent, and the client lives on", async () => {
  const gone = await host.serveHttp2!({ host: "127.0.0.1", port: 0 }, serve);
  await gone.close(0);
  const client = host.connectHttp2!({ host: "127.0.0.1", port: gone.port });
  const refused = call(client, "/unary", "abc");
  await refused.finished;
  assert.ok(refused.outcome instanceof Error);
  assert.equal(refused.outcome.sent, false);
  assert.match(refused.outcome.message, new RegExp(`127\\.0\\.0\\.1:${gone.port}`));
  const back = await host.serveHttp2!({ host: "127.0.0.1", port: gone.port }, serve);
  const next = call(client, "/unary", "abc");
  await next.finished;
  assert.equal(next.outcome, "end");
  await client.close();
  await back.close(0);
});

test("a listener that closes lets open streams finish; new ones go to its successor on the port", async () => {
  let finish: (() => void) | undefined;
  const first = await host.serveHttp2!({ host: "127.0.0.1", port: 0 }, (stream) => {
    stream.respond({ ":status": "200" });
    stream.write(bytes("first"));
    finish = () => stream.end({ "grpc-status": "0" });
  });
  const client = host.connectHttp2!({ host: "127.0.0.1", port: first.port });
  const old = call(client, "/");
  await old.started;
  const closed = first.close();
  await until(() => !client.connected, "the client was asked to go");
  const second = await host.serveHttp2!({ host: "127.0.0.1", port: first.port }, serve);
  const next = call(client, "/unary", "abc");
  await next.finished;
  assert.deepEqual([next.outcome, next.text], ["end", "3"]);
  assert.equal(old.outcome, undefined);
  finish!();
  await old.finished;
  assert.deepEqual([old.outcome, old.text, old.trailers["grpc-status"]], ["end", "first", "0"]);
  await closed;
  await client.close();
  await second.close(0);
});

test("a listener that closes cuts what is open after the grace", async () => {
  const other = await openPair(host, serve);
  const hanging = call(other.client, "/hang-grace");
  await hanging.started;
  await other.listener.close(20);
  await hanging.finished;
  assert.ok(hanging.outcome instanceof Error);
  await until(() => resets.has("/hang-grace"), "the handler was told");
  await other.close();
});

test("a peer that never speaks is given up after the connect timeout", async () => {
  const mute = createServer((socket) => socket.on("error", () => {}));
  await new Promise<void>((resolve) => mute.listen(0, "127.0.0.1", resolve));
  const client = host.connectHttp2!({
    host: "127.0.0.1",
    port: (mute.address() as { port: number }).port,
    tls: { insecure: true },
    connectTimeoutMs: 50,
  });
  const waiting = call(client, "/unary", "abc");
  await waiting.finished;
  assert.ok(waiting.outcome instanceof Error);
  assert.match(waiting.outcome.message, /longer than 50 ms/);
  assert.equal(waiting.outcome.sent, false);
  await client.close();
  mute.close();
});

test("a closed client refuses without having sent", async () => {
  const client = host.connectHttp2!({ host: "127.0.0.1", port: pair.listener.port });
  await client.close();
  const refused = call(client, "/unary", "abc");
  await refused.finished;
  assert.ok(refused.outcome instanceof Error && !refused.outcome.sent);
});

test("closing a client fails its open streams", async () => {
  const client = host.connectHttp2!({ host: "127.0.0.1", port: pair.listener.port });
  const hanging = call(client, "/hang-closed");
  await hanging.started;
  await client.close();
  await hanging.finished;
  assert.ok(hanging.outcome instanceof Error && hanging.outcome.sent);
});

test("unix socket, and a socket file that a dead process left", async () => {
  const path = `${tmpdir()}/pillion-h2-${host.random.uuid()}.sock`;
  for (let round = 0; round < 2; round += 1) {
    const listener = await host.serveHttp2!({ host: "", port: 0, path }, serve);
    const client = host.connectHttp2!({ host: "", port: 0, path });
    const done = call(client, "/echo-headers", "");
    await done.finished;
    assert.equal(JSON.parse(done.text).remoteAddress, "");
    if (round === 0)
      await assert.rejects(host.serveHttp2!({ host: "", port: 0, path }, serve), /another process listens there/);
    await client.close();
    await listener.close(0);
  }
});

test("a taken port is refused with the system's code", async () => {
  await assert.rejects(host.serveHttp2!({ host: "127.0.0.1", port: pair.listener.port }, serve), {
    code: "EADDRINUSE",
    message: `listening on "127.0.0.1:${pair.listener.port}" failed: the address is in use`,
  });
});

test("bytes that are not HTTP/2 cost their sender the connection, nobody else", async () => {
  const keep = call(pair.client, "/echo");
  for (const noise of [
    "GET / HTTP/1.1\r\nhost: x\r\n\r\n",
    "\0\0\0\0\0\0",
    `PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n${"\xff".repeat(40)}`,
  ]) {
    const socket = connect(pair.listener.port, "127.0.0.1");
    socket.on("error", () => {});
    socket.write(Buffer.from(noise, "latin1"));
    socket.end();
    socket.resume();
    await new Promise((resolve) => socket.on("close", resolve));
  }
  keep.stream.end(bytes("alive"));
  await keep.finished;
  assert.deepEqual([keep.outcome, keep.text], ["end", "alive"]);
});

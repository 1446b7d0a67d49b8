import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { test } from "node:test";
import fc from "fast-check";
import type { PlainAnswer, WireHandler, WireRequest } from "../types.ts";
import { Http1Connection } from "./http1-connection.ts";

const ended = "<end>";
const limit = 512;

/** A connection without a socket: what it sends is text, and its timers run when they are told to. */
function connect(handle: WireHandler, { takes = Number.POSITIVE_INFINITY } = {}) {
  const seen = { sent: "", calls: [] as string[], room: takes, closed: 0 };
  const timers = new Map<number, () => void>();
  let count = 0;
  const wire = {
    info: { remoteAddress: "10.0.0.1", remotePort: 7 },
    write(bytes: Uint8Array, length: number) {
      const taken = Math.min(length, seen.room);
      seen.room -= taken;
      seen.sent += Buffer.from(bytes.subarray(0, taken)).toString("latin1");
      return taken;
    },
    pause: () => void seen.calls.push("pause"),
    resume: () => void seen.calls.push("resume"),
    finish: () => void seen.calls.push("finish"),
    close: () => void seen.calls.push("close"),
    destroy: () => void seen.calls.push("destroy"),
  };
  const connection = new Http1Connection(wire, {
    handle,
    maxHeaderBytes: limit,
    maxMessageBytes: 1000,
    room: Buffer.alloc(2048),
    date: () => "now",
    after(_ms, call) {
      const id = count++;
      timers.set(id, call);
      return () => void timers.delete(id);
    },
    closed: () => void seen.closed++,
  });
  const send = (text: string): void => connection.receive(Buffer.from(text, "latin1"));
  const runTimers = (): void => {
    for (const [id, call] of [...timers]) {
      timers.delete(id);
      call();
    }
  };
  return { connection, seen, send, timers, runTimers };
}

const text = (status: number, body: string, ...lines: string[]): PlainAnswer => ({
  status,
  lines,
  body: new TextEncoder().encode(body),
});
/** Lets promises and streams settle. */
async function settle(): Promise<void> {
  for (let turn = 0; turn < 5; turn++) await new Promise((resolve) => setTimeout(resolve, 0));
}
/** Answers with method, target and body. */
const echo: WireHandler = async (request) =>
  text(200, `${request.method} ${request.target} [${Buffer.from(await request.whole()).toString("latin1")}]`);
const bodies = (sent: string): string[] =>
  sent
    .split(/HTTP\/1\.1 /)
    .slice(1)
    .map((answer) => `${answer.slice(0, 3)} ${answer.slice(answer.indexOf("\r\n\r\n") + 4)}`);

const many = [
  "GET /a HTTP/1.1\r\nHost: h\r\n\r\n",
  "POST /b?c=d HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc",
  "\r\nPOST /e HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3;x=y\r\nabc\r\n2\r\nde\r\n0\r\nTrailer: t\r\n\r\n",
  "PUT /f HTTP/1.1\r\nHost: h\r\ncontent-length: 0\r\n\r\n",
  "DELETE http://h:1/g HTTP/1.1\r\nHost: h\r\n\r\n",
].join("");
const answers = ["200 GET /a []", "200 POST /b?c=d [abc]", "200 POST /e [abcde]", "200 PUT /f []", "200 DELETE /g []"];

test("requests that come ahead are answered in order, however they are cut", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.nat(many.length), { maxLength: 12 }), fc.boolean(), async (cuts, waits) => {
      const { send, seen } = connect(echo);
      const places = [0, ...cuts.sort((left, right) => left - right), many.length];
      for (let at = 1; at < places.length; at++) {
        send(many.slice(places[at - 1], places[at]));
        if (waits) await new Promise((resolve) => setImmediate(resolve));
      }
      await settle();
      assert.deepEqual(bodies(seen.sent), answers);
      assert.equal(seen.closed, 0);
    }),
    { numRuns: 60 },
  );
});

test("an answer has its length, the date, and the handler's lines in Go's form", () => {
  const { send, seen } = connect(() => text(200, "hi", "content-type", "a/b", "x-some-thing", "1", "connection", "x"));
  send("GET / HTTP/1.1\r\nHost: h\r\n\r\n");
  assert.equal(
    seen.sent,
    "HTTP/1.1 200 OK\r\nContent-Type: a/b\r\nX-Some-Thing: 1\r\nDate: now\r\nContent-Length: 2\r\n\r\nhi",
  );
});

test("every status that the API answers has its phrase, and others are told by number", () => {
  for (const [status, line] of [
    [416, "416 Requested Range Not Satisfiable"],
    [507, "507 Insufficient Storage"],
    [599, "599 status code 599"],
  ] as const) {
    const { seen, send } = connect(() => text(status, "x"));
    send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    assert.equal(seen.sent.split("\r\n")[0], `HTTP/1.1 ${line}`);
  }
});

test("204 has no length, HEAD has the length and no body, large bodies follow their header", () => {
  const big = "b".repeat(5000);
  const by: Record<string, PlainAnswer> = { "/204": { status: 204, lines: [], body: null }, "/big": text(200, big) };
  const { send, seen } = connect((request) => by[request.target] ?? text(200, "hi"));
  send("GET /204 HTTP/1.1\r\nHost: h\r\n\r\nHEAD / HTTP/1.1\r\nHost: h\r\n\r\nGET /big HTTP/1.1\r\nHost: h\r\n\r\n");
  assert.equal(
    seen.sent,
    "HTTP/1.1 204 No Content\r\nDate: now\r\n\r\n" +
      "HTTP/1.1 200 OK\r\nDate: now\r\nContent-Length: 2\r\n\r\n" +
      `HTTP/1.1 200 OK\r\nDate: now\r\nContent-Length: 5000\r\n\r\n${big}`,
  );
});

test("HEAD keeps the length that a handler tells, GET does not", () => {
  const { send, seen } = connect(() => ({ status: 200, lines: ["content-length", "77"], body: null }));
  send("HEAD / HTTP/1.1\r\nHost: h\r\n\r\nGET / HTTP/1.1\r\nHost: h\r\n\r\n");
  assert.deepEqual(
    [...seen.sent.matchAll(/Content-Length: (\d+)/g)].map(([, length]) => length),
    ["77", "0"],
  );
});

test("HEAD of an answer without body and length says none", () => {
  const { send, seen } = connect(() => ({ status: 200, lines: [], body: null }));
  send("HEAD / HTTP/1.1\r\nHost: h\r\n\r\n");
  assert.equal(seen.sent, "HTTP/1.1 200 OK\r\nDate: now\r\n\r\n");
});

const start = "POST / HTTP/1.1\r\nHost: h\r\n";
const smuggled = "GET /smuggled HTTP/1.1\r\nHost: h\r\n\r\n";
const refused: readonly (readonly [string, string, number])[] = [
  ["length and chunks", `${start}Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`, 400],
  ["two lengths", `${start}Content-Length: 3\r\nContent-Length: 30\r\n\r\nabc`, 400],
  ["a list of lengths", `${start}Content-Length: 3, 4\r\n\r\nabc`, 400],
  ["a length with a sign", `${start}Content-Length: +3\r\n\r\nabc`, 400],
  ["a hexadecimal length", `${start}Content-Length: 0x3\r\n\r\nabc`, 400],
  ["a coding over chunks", `${start}Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n`, 501],
  ["chunks twice", `${start}Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`, 501],
  ["chunks in HTTP/1.0", "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400],
  ["a blank before the colon", `${start}Content-Length : 3\r\n\r\nabc`, 400],
  ["a folded line", `${start}X: a\r\n Content-Length: 3\r\n\r\nabc`, 400],
  ["a lone line feed", `POST / HTTP/1.1\r\nHost: h\nContent-Length: 3\r\n\r\nabc`, 400],
  ["only line feeds", "POST / HTTP/1.1\nHost: h\n\n", 400],
  ["a lone carriage return", `${start}X: a\rContent-Length: 3\r\n\r\nabc`, 400],
  ["a zero byte", `${start}X: a\0b\r\n\r\n`, 400],
  ["no name", `${start}: b\r\n\r\n`, 400],
  ["no colon", `${start}nonsense\r\n\r\n`, 400],
  ["no host", "GET / HTTP/1.1\r\n\r\n", 400],
  ["two hosts", `${start}Host: h\r\n\r\n`, 400],
  ["a host that is none", "GET / HTTP/1.1\r\nHost: a b\r\n\r\n", 400],
  ["a blank in the target", "GET /a b HTTP/1.1\r\nHost: h\r\n\r\n", 400],
  ["two blanks", "GET  / HTTP/1.1\r\nHost: h\r\n\r\n", 400],
  ["a target without a slash", "GET a HTTP/1.1\r\nHost: h\r\n\r\n", 400],
  ["no version", "GET /\r\n\r\n", 400],
  ["another version", "GET / HTTP/2.0\r\nHost: h\r\n\r\n", 505],
  ["an odd method", "G@T / HTTP/1.1\r\nHost: h\r\n\r\n", 400],
  ["another expectation", `${start}Expect: money\r\nContent-Length: 3\r\n\r\n`, 417],
  ["a long header", `${start}X: ${"x".repeat(limit)}\r\n\r\n`, 431],
  ["a long header without an end", `${start}X: ${"x".repeat(limit)}`, 431],
  ["a chunk without its line end", `${start}Transfer-Encoding: chunked\r\n\r\n3\r\nabcX\r\n0\r\n\r\n`, 400],
  ["a chunk of no size", `${start}Transfer-Encoding: chunked\r\n\r\n\r\nabc\r\n0\r\n\r\n`, 400],
  ["a chunk of negative size", `${start}Transfer-Encoding: chunked\r\n\r\n-1\r\nabc\r\n0\r\n\r\n`, 400],
  ["a chunk of endless size", `${start}Transfer-Encoding: chunked\r\n\r\n${"f".repeat(20)}\r\n`, 400],
  ["a chunk with 0x", `${start}Transfer-Encoding: chunked\r\n\r\n0x3\r\nabc\r\n0\r\n\r\n`, 400],
  ["a chunk line that ends in a feed", `${start}Transfer-Encoding: chunked\r\n\r\n3\nabc\r\n0\r\n\r\n`, 400],
  ["long trailers", `${start}Transfer-Encoding: chunked\r\n\r\n0\r\nX: ${"x".repeat(limit)}\r\n\r\n`, 431],
];
for (const [what, request, status] of refused)
  test(`${what}: refused with ${status}, and nothing behind it is taken for a request`, async () => {
    const targets: string[] = [];
    const { send, seen } = connect((given) => {
      targets.push(given.target);
      return echo(given, given as never);
    });
    send(request);
    send(smuggled);
    await settle();
    assert.match(
      seen.sent,
      new RegExp(`^HTTP/1\\.1 ${status} [^\\r]+\\r\\nContent-Type: text/plain; charset=utf-8\\r\\n`),
    );
    assert.equal(bodies(seen.sent).length, 1);
    assert.ok(!targets.includes("/smuggled"));
    assert.ok(seen.calls.includes("finish"), "our side has ended");
  });

test("the header limit is exact", () => {
  const head = "GET / HTTP/1.1\r\nHost: h\r\nX: ";
  const fits = `${head}${"x".repeat(limit - head.length - 4)}\r\n\r\n`;
  const { send, seen } = connect(() => text(200, ""));
  send(fits);
  assert.match(seen.sent, /^HTTP\/1\.1 200 /);
  send(fits.replace("X: ", "X: x"));
  assert.match(
    seen.sent,
    /HTTP\/1\.1 431 Request Header Fields Too Large\r\n[\s\S]*\r\n\r\n431 Request Header Fields Too Large$/,
  );
});

test("what no URL holds is escaped in the path, dot segments stay", () => {
  const targets: string[] = [];
  const { send } = connect((request) => {
    targets.push(request.target);
    return text(200, "");
  });
  for (const target of ["/a/../%2e%2e/b", '/"{}\\?q={}', "/\xc3\xa9?\xc3\xa9", "http://h", "https://h?x"])
    send(`GET ${target} HTTP/1.1\r\nHost: h\r\n\r\n`);
  assert.deepEqual(targets, ["/a/../%2e%2e/b", "/%22%7B%7D%5C?q={}", "/%C3%A9?%C3%A9", "/", "/?x"]);
});

test("headers are found whatever their case; repeated ones are joined when asked for, and apart when all are", () => {
  let found: unknown;
  const { send } = connect(({ headers }) => {
    const all: string[] = [];
    headers.forEach((value, name) => void all.push(`${name}=${value}`));
    found = [headers.get("X-A"), headers.get("cookie"), headers.has("none"), headers.get("none"), all];
    return text(200, "");
  });
  send("GET / HTTP/1.1\r\nHost: h\r\nx-a: 1 \r\nX-A:\t2\r\nCookie: a\r\nCookie: b\r\n\r\n");
  assert.deepEqual(found, ["1, 2", "a; b", false, null, ["host=h", "x-a=1", "x-a=2", "cookie=a", "cookie=b"]]);
});

test("of several types of a body the first counts", () => {
  let found: unknown;
  const { send } = connect(({ headers }) => {
    const all: string[] = [];
    headers.forEach((value, name) => void all.push(`${name}=${value}`));
    found = [headers.get("content-type"), all];
    return text(200, "");
  });
  send("GET / HTTP/1.1\r\nHost: h\r\nContent-Type: a/b\r\nX: 1\r\ncontent-type: c/d\r\nX: 2\r\n\r\n");
  assert.deepEqual(found, ["a/b", ["host=h", "content-type=a/b", "x=1", "x=2"]]);
});

test("HTTP/1.0 and `close` end the connection, keep-alive does not", () => {
  for (const [request, line, isOver] of [
    ["GET / HTTP/1.0\r\n\r\n", "close", true],
    ["GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n", "keep-alive", false],
    ["GET / HTTP/1.1\r\nHost: h\r\nConnection: x, close\r\n\r\n", "close", true],
    ["GET / HTTP/1.1\r\nHost: h\r\n\r\n", undefined, false],
  ] as const) {
    const { send, seen } = connect(() => text(200, ""));
    send(request);
    assert.equal(/Connection: (.*)\r\n/.exec(seen.sent)?.[1], line);
    assert.equal(seen.calls.includes("close"), isOver);
    assert.equal(seen.closed, isOver ? 1 : 0);
  }
});

test("a client that waits gets leave when its body is wanted, and the connection's end when it is not", async () => {
  const expecting = "POST / HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n";
  const wanting = connect(echo);
  wanting.send(expecting);
  assert.equal(wanting.seen.sent, "HTTP/1.1 100 Continue\r\n\r\n");
  wanting.send("abc");
  await settle();
  assert.deepEqual(bodies(wanting.seen.sent), ["100 ", "200 POST / [abc]"]);
  const refusing = connect(() => text(403, ""));
  refusing.send(expecting);
  assert.match(refusing.seen.sent, /^HTTP\/1\.1 403 [\s\S]*Connection: close/);
  assert.ok(refusing.seen.calls.includes("finish"));
});

test("the rest of a body that nobody read is passed over, up to a limit", () => {
  const { send, seen } = connect(() => text(200, ""));
  send(`${start}Content-Length: 2000\r\n\r\n${"x".repeat(1000)}`);
  assert.equal(bodies(seen.sent).length, 1);
  send(`${"x".repeat(1000)}GET / HTTP/1.1\r\nHost: h\r\n\r\n`);
  assert.equal(bodies(seen.sent).length, 2);
  send(`${start}Content-Length: 900000000\r\n\r\nx`);
  assert.match(seen.sent, /Connection: close\r\n\r\n$/);
  assert.ok(seen.calls.includes("finish"));
});

test("a body that nobody reads yet stops the socket, and goes on with its reader", async () => {
  let asked: WireRequest | undefined;
  const answer = Promise.withResolvers<PlainAnswer>();
  const { send, seen } = connect((request) => {
    asked = request;
    return answer.promise;
  });
  send(`${start}Content-Length: 150000\r\n\r\n`);
  send("x".repeat(100_000));
  assert.deepEqual(seen.calls, ["pause"]);
  const body = asked?.body;
  assert.ok(body);
  const reader = body.getReader();
  assert.equal((await reader.read()).value?.length, 100_000);
  const next = reader.read();
  await settle();
  assert.deepEqual(seen.calls, ["pause", "resume"]);
  send("y".repeat(50_000));
  assert.equal((await next).value?.length, 50_000);
  assert.equal((await reader.read()).done, true);
  answer.resolve(text(200, "ok"));
  await settle();
  assert.deepEqual(bodies(seen.sent), ["200 ok"]);
});

test("answers that the system takes in pieces arrive whole, and the next request waits for them", () => {
  const { connection, send, seen } = connect((request) => text(200, request.target), { takes: 10 });
  send("GET /1 HTTP/1.1\r\nHost: h\r\n\r\nGET /2 HTTP/1.1\r\nHost: h\r\n\r\n");
  for (let turn = 0; turn < 100; turn++) {
    seen.room = 7;
    connection.writable();
  }
  assert.deepEqual(bodies(seen.sent), ["200 /1", "200 /2"]);
});

test("a client that half-closes sees its request aborted and still gets the answer", async () => {
  const { connection, send, seen } = connect(async (request) => {
    await new Promise((resolve) => request.signal.addEventListener("abort", resolve));
    return text(200, "late");
  });
  send("GET / HTTP/1.1\r\nHost: h\r\n\r\n");
  connection.peerEnded();
  await settle();
  assert.deepEqual(bodies(seen.sent), ["200 late"]);
  assert.deepEqual(seen.calls, ["close"]);
});

test("a client that goes in the middle of its body fails who waits for that", async () => {
  let failure: unknown;
  const { connection, send, seen } = connect(async (request) => {
    failure = await Promise.resolve(request.whole()).catch((error: unknown) => error);
    return text(200, "");
  });
  send(`${start}Content-Length: 10\r\n\r\nabc`);
  connection.gone();
  await settle();
  assert.match(String(failure), /the client went away/);
  assert.equal(seen.sent, "");
  assert.equal(seen.closed, 1);
});

test("a header that does not end is not waited for for ever", () => {
  const { send, seen, runTimers, timers } = connect(() => text(200, ""));
  send("GET / HTTP/1.1\r\nHos");
  send("t: h");
  assert.equal(timers.size, 1);
  runTimers();
  assert.deepEqual(seen.calls, ["destroy"]);
});

test("at the server's end idle connections close at once, the others with their answer", async () => {
  const idle = connect(echo);
  idle.connection.retire();
  assert.deepEqual(idle.seen.calls, ["close"]);
  const gate = Promise.withResolvers<PlainAnswer>();
  const busy = connect(() => gate.promise);
  busy.send("GET / HTTP/1.1\r\nHost: h\r\n\r\n");
  busy.connection.retire();
  assert.deepEqual(busy.seen.calls, []);
  gate.resolve(text(200, "x"));
  await settle();
  assert.match(busy.seen.sent, /Connection: close\r\n\r\nx$/);
  assert.deepEqual(busy.seen.calls, ["close"]);
});

test("a handler that fails is a 500 that tells nothing", async () => {
  for (const handle of [() => Promise.reject(new Error("secret")), () => JSON.parse("secret") as PlainAnswer]) {
    const { send, seen } = connect(handle);
    send("GET / HTTP/1.1\r\nHost: h\r\n\r\n");
    await settle();
    assert.equal(seen.sent, "HTTP/1.1 500 Internal Server Error\r\nDate: now\r\nContent-Length: 0\r\n\r\n");
  }
});

const streamOf = (...parts: string[]): ReadableStream<Uint8Array> =>
  new ReadableStream({
    async start(controller) {
      for (const part of parts) {
        await new Promise((resolve) => setTimeout(resolve, 1));
        if (part === ended) controller.error(new Error("broken"));
        else controller.enqueue(new TextEncoder().encode(part));
      }
      if (!parts.includes(ended)) controller.close();
    },
  });

test("a streamed answer goes out in chunks, in HTTP/1.0 up to the connection's end", async () => {
  const { send, seen } = connect(() => new Response(streamOf("ab", "cde"), { headers: { "x-a": "1" } }));
  send("GET / HTTP/1.1\r\nHost: h\r\n\r\n");
  await settle();
  await settle();
  assert.match(seen.sent, /X-A: 1\r\n[\s\S]*Transfer-Encoding: chunked\r\n\r\n2\r\nab\r\n3\r\ncde\r\n0\r\n\r\n$/);
  assert.equal(seen.closed, 0);
  const old = connect(() => new Response(streamOf("ab", "cde")));
  old.send("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
  await settle();
  await settle();
  assert.match(old.seen.sent, /Connection: close\r\n\r\nabcde$/);
  assert.doesNotMatch(old.seen.sent, /chunked|Content-Length/);
  assert.equal(old.seen.closed, 1);
});

test("a streamed answer that breaks, or is not as long as it said, ends in a lost connection", async () => {
  for (const response of [
    () => new Response(streamOf("ab", ended)),
    () => new Response(streamOf("ab"), { headers: { "content-length": "3" } }),
    () => new Response(streamOf("abcd"), { headers: { "content-length": "3" } }),
  ]) {
    const { send, seen } = connect(response);
    send("GET / HTTP/1.1\r\nHost: h\r\n\r\n");
    await settle();
    await settle();
    assert.deepEqual(seen.calls, ["destroy"], seen.sent);
  }
});

test("no bytes at all make the connection throw", () => {
  fc.assert(
    fc.property(
      fc.array(
        fc.oneof(
          fc.uint8Array({ maxLength: 60 }),
          fc.constantFrom(...many.split("\r\n").map((line) => new TextEncoder().encode(`${line}\r\n`))),
        ),
      ),
      (chunks) => {
        const { connection } = connect(() => text(200, ""));
        for (const chunk of chunks) connection.receive(Buffer.from(chunk));
        connection.peerEnded();
        connection.gone();
      },
    ),
    { numRuns: 300 },
  );
});

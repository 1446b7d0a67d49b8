import assert from "node:assert/strict";
import { connect } from "node:net";
import { after, test } from "node:test";
import { createHost, sleep } from "./host.ts";

/*
 * Pins of what each runtime's own HTTP parser does before our code sees the request. A row holds for all runtimes unless one is named.
 * When an update of a runtime changes a row, the API's own handling of that case has to be looked at.
 */
const host = await createHost();
const listener = await host.serveHttp!({ host: "127.0.0.1", port: 0, maxHeaderBytes: 8_192 }, async (request) => {
  const body = request.body === null ? "" : await request.text();
  return new Response(`${request.method} ${request.url.replace(/^https?:\/\/[^/]*/, "")} ${body}`);
});
after(() => listener.close(0));

type Runtime = "bun" | "deno" | "node";
type Pins<T> = { readonly all: T } & { readonly [name in Runtime]?: T };
const pinned = <T>(pins: Pins<T>): T => pins[host.name as Runtime] ?? pins.all;

/**
 * Sends Latin-1 text. Resolves with the status of the answer, "closed" without one, or "silent" when nothing happens, for which it waits
 * long unless that is what is expected.
 */
async function send(text: string, expected = ""): Promise<{ readonly status: string; readonly body: string }> {
  const socket = connect(listener.port, "127.0.0.1");
  let answer = "";
  socket.on("data", (data) => (answer += data.toString("latin1")));
  socket.on("error", () => {});
  const closed = new Promise<"closed">((resolve) => socket.on("close", () => resolve("closed")));
  socket.write(Buffer.from(text, "latin1"));
  const answered = (async () => {
    for (let wait = 0; wait < (expected === "silent" ? 60 : 4000) && !answer.includes("\r\n\r\n"); wait += 1)
      await sleep(5);
    return "silent";
  })();
  const end = await Promise.race([closed, answered]);
  await sleep(5);
  socket.destroy();
  const status = /^HTTP\/1\.[01] (\d+)/.exec(answer)?.[1];
  return { status: status ?? end, body: answer.slice(answer.indexOf("\r\n\r\n") + 4) };
}

/** Target on the wire → path and query of `request.url`, or the status that refuses it. */
const targets: Readonly<Record<string, Pins<string>>> = {
  "/a//b": { all: "/a//b" },
  "//a": { all: "//a" },
  // The web's URL removes dot segments, also those written with percent signs. Deno hands out the target as it came.
  "/a/../b": { all: "/b", deno: "/a/../b" },
  "/a/%2e%2e/b": { all: "/b", deno: "/a/%2e%2e/b" },
  "/a/%2E/b": { all: "/a/b", deno: "/a/%2E/b" },
  "/a%2Fb": { all: "/a%2Fb" },
  "/a%252Fb": { all: "/a%252Fb" },
  "/a+b": { all: "/a+b" },
  "/a%20b": { all: "/a%20b" },
  "/a%zzb": { all: "/a%zzb" },
  "/a%": { all: "/a%" },
  "/a?x=%2e%2e&y=+": { all: "/a?x=%2e%2e&y=+" },
  "/a\\b": { all: "/a/b", bun: "/a%5Cb", deno: "/a\\b" },
  "/a|b": { all: "/a|b" },
  "/a{b}": { all: "/a%7Bb%7D", deno: "/a{b}" },
  '/a"b': { all: "/a%22b", deno: '/a"b' },
  "/a%C3%A9": { all: "/a%C3%A9" },
  "/a\xc3\xa9": { all: "/a%C3%A9", node: "400", deno: "/a\xc3\xa9" },
  "/a#f": { all: "/a#f" },
  "/a;b=c": { all: "/a;b=c" },
  "http://other.test/x": { all: "/x" },
  "*": { all: "400", node: "/*" },
};

for (const [target, pins] of Object.entries(targets))
  test(`target ${target}`, async () => {
    const { status, body } = await send(`GET ${target} HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n`);
    const expected = pinned(pins);
    // A body in chunks (portable: not every runtime gives it a length) carries its sizes around the text.
    if (/^\d+$/.test(expected)) assert.equal(status, expected);
    else assert.equal(`${status} ${/GET (.*) /.exec(body)?.[1]}`, `200 ${expected}`);
  });

const head = "HTTP/1.1\r\nHost: a\r\n";
/** A faulty or unusual request → the status, "closed" or "silent". */
const requests: readonly (readonly [string, string, Pins<string>])[] = [
  ["no host", "GET / HTTP/1.1\r\n\r\n", { all: "400", deno: "200" }],
  ["two hosts", `GET / ${head}Host: b\r\n\r\n`, { all: "400", node: "200" }],
  ["a host with a space", "GET / HTTP/1.1\r\nHost: a b\r\n\r\n", { all: "400", deno: "200" }],
  ["header without colon", `GET / ${head}nonsense\r\n\r\n`, { all: "400" }],
  ["space before the colon", `GET / ${head}X : y\r\n\r\n`, { all: "400" }],
  ["folded header", `GET / ${head}X: y\r\n z\r\n\r\n`, { all: "400" }],
  ["NUL in a header", `GET / ${head}X: a\0b\r\n\r\n`, { all: "400" }],
  ["empty header name", `GET / ${head}: y\r\n\r\n`, { all: "400" }],
  ["bare line feeds", "GET / HTTP/1.1\nHost: a\n\n", { all: "400", deno: "200" }],
  [
    "length and chunked",
    `POST / ${head}Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
    { all: "400" },
  ],
  ["two lengths", `POST / ${head}Content-Length: 3\r\nContent-Length: 4\r\n\r\nabcd`, { all: "400" }],
  [
    "the same length twice",
    `POST / ${head}Content-Length: 3\r\nContent-Length: 3\r\n\r\nabc`,
    { all: "200", node: "400" },
  ],
  ["negative length", `POST / ${head}Content-Length: -1\r\n\r\n`, { all: "400" }],
  ["length with a sign", `POST / ${head}Content-Length: +3\r\n\r\nabc`, { all: "400" }],
  ["length that is no number", `POST / ${head}Content-Length: abc\r\n\r\n`, { all: "400" }],
  ["length beyond 64 bits", `POST / ${head}Content-Length: 99999999999999999999\r\n\r\n`, { all: "400" }],
  ["unknown transfer coding", `POST / ${head}Transfer-Encoding: xyz\r\n\r\n`, { all: "400", bun: "501" }],
  [
    "bad chunk size",
    `POST / ${head}Transfer-Encoding: chunked\r\n\r\nzz\r\nabc\r\n0\r\n\r\n`,
    { all: "400", deno: "closed" },
  ],
  ["chunked body", `POST / ${head}Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n`, { all: "200" }],
  ["unknown method", `BREW / ${head}\r\n`, { all: "200", node: "400" }],
  ["method in small letters", `get / ${head}\r\n`, { all: "200", node: "400" }],
  ["TRACE", `TRACE / ${head}\r\n`, { all: "200", node: "400" }],
  ["CONNECT", `CONNECT a:1 ${head}\r\n`, { all: "200", node: "400" }],
  ["no version", "GET /\r\n\r\n", { all: "400", node: "200" }],
  ["HTTP/1.0", "GET / HTTP/1.0\r\n\r\n", { all: "200" }],
  ["HTTP/2.0 in the request line", "GET / HTTP/2.0\r\nHost: a\r\n\r\n", { all: "400", bun: "505", node: "200" }],
  ["space in the target", `GET /a b ${head}\r\n`, { all: "400" }],
  ["headers of 7 KiB", `GET / ${head}X: ${"a".repeat(7_000)}\r\n\r\n`, { all: "200" }],
  // Deno's limit cannot be chosen.
  ["headers of 20 KiB, over the limit", `GET / ${head}X: ${"a".repeat(20_000)}\r\n\r\n`, { all: "431", deno: "200" }],
  ["a TLS greeting", "\x16\x03\x01\0\xee\x01\0\0\r\n\r\n", { all: "400" }],
  ["the HTTP/2 greeting", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", { all: "400", bun: "505", deno: "silent" }],
  ["half a request line", "GET / HT", { all: "silent" }],
];

for (const [name, text, pins] of requests)
  test(`request with ${name}`, async () => {
    assert.equal((await send(text, pinned(pins))).status, pinned(pins));
    const next = await send(`GET /alive ${head}\r\n`);
    assert.equal(next.status, "200", "the listener lives on");
  });

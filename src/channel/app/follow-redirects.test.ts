import assert from "node:assert/strict";
import { after, before, beforeEach, test } from "node:test";
import { hostPlatform } from "../../../test/harness/host-platform.ts";
import { type RawApp, startRawApp } from "../../../test/harness/raw-app.ts";
import { decodeUtf8, encodeUtf8 } from "../../kit/bytes.ts";
import { type HttpCall, readBody } from "../../kit/http-message.ts";
import { createConcurrencyLimit } from "./concurrency-limit.ts";
import type { AppMiddleware } from "./http-app.ts";
import { createHttpOrigin, type HttpOriginOptions } from "./http-origin.ts";

const platform = await hostPlatform();
const forever = new AbortController().signal;
let app: RawApp;
let other: RawApp;

/** `/STATUS?PLACE` redirects there, everything else is an answer. */
function answer(socket: { write(text: string): unknown }, all: string): void {
  const cut = all.indexOf("\r\n\r\n");
  if (cut < 0) return;
  const length = Number(/content-length: (\d+)/i.exec(all)?.[1] ?? 0);
  if (all.length < cut + 4 + length) return;
  const [, path = "", place = ""] = /^\S+ \/(\S*?)(?:\?(\S*))? HTTP/.exec(all) ?? [];
  const body = all.startsWith("HEAD") ? "" : "over";
  if (path === "loop")
    socket.write("HTTP/1.1 302 Found\r\nlocation: /loop\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
  else if (/^30\d$/.test(path)) {
    const location = place === "" ? "" : `location: ${place}\r\n`;
    socket.write(
      `HTTP/1.1 ${path} Moved\r\n${location}content-length: ${body.length}\r\nconnection: close\r\n\r\n${body}`,
    );
  } else socket.write(`HTTP/1.1 200 OK\r\ncontent-length: ${body.length}\r\nconnection: close\r\n\r\n${body}`);
}

before(async () => {
  app = await startRawApp(answer);
  other = await startRawApp(answer);
});
after(() => Promise.all([app.close(), other.close()]));
beforeEach(() => {
  app.received.length = 0;
  other.received.length = 0;
});

async function send(call: Partial<HttpCall>, more: Partial<HttpOriginOptions> = {}) {
  const baseUrl = `http://127.0.0.1:${app.port}`;
  const origin = createHttpOrigin({
    platform,
    baseUrl,
    headers: [["x-key", "secret"]],
    followsRedirects: true,
    ...more,
  });
  try {
    const reply = await origin.call({ method: "GET", path: "/", query: "", headers: [], body: null, ...call }, forever);
    return { status: reply.status, text: decodeUtf8(await readBody(reply.body)) };
  } finally {
    origin.close();
  }
}
const lines = (received: readonly string[]) => received.map((text) => text.slice(0, text.indexOf(" HTTP")));

test("301 to 303 are followed with a GET, and with a HEAD after a HEAD", async () => {
  const body = encodeUtf8("abc");
  for (const status of ["301", "302", "303"]) {
    app.received.length = 0;
    const headers = [
      ["content-type", "text/plain"],
      ["x-a", "1"],
    ] as const;
    assert.deepEqual(await send({ method: "POST", path: `/${status}`, query: "/target?q=1", body, headers }), {
      status: 200,
      text: "over",
    });
    assert.deepEqual(lines(app.received), [`POST /${status}?/target?q=1`, "GET /target?q=1"]);
    const second = app.received[1] ?? "";
    assert.match(second, /\r\nx-a: 1\r\n/);
    assert.match(second, /\r\nx-key: secret\r\n/);
    assert.match(
      second,
      new RegExp(`\\r\\nreferer: http://127\\.0\\.0\\.1:${app.port}/${status}\\?/target\\?q=1\\r\\n`),
    );
    assert.doesNotMatch(second, /content-type|content-length/);
  }
  app.received.length = 0;
  assert.equal((await send({ method: "HEAD", path: "/302", query: "next" })).status, 200);
  assert.deepEqual(lines(app.received), ["HEAD /302?next", "HEAD /next"]);
});

test("what names no place, and what nobody follows, is the answer", async () => {
  assert.deepEqual(await send({ path: "/302" }), { status: 302, text: "over" });
  for (const status of [304, 307, 308]) {
    assert.equal((await send({ path: `/${status}`, query: "/x" })).status, status);
  }
  assert.equal((await send({ path: "/302", query: "/x" }, { followsRedirects: false })).status, 302);
});

test("another host sees neither secrets nor credentials", async () => {
  const place = `http://127.0.0.1:${other.port}/there`;
  const headers = [
    ["authorization", "me"],
    ["cookie", "c"],
    ["x-a", "1"],
  ] as const;
  assert.equal((await send({ path: "/302", query: place, headers })).status, 200);
  const seen = other.received[0] ?? "";
  assert.match(seen, new RegExp(`^GET /there HTTP/1\\.1\\r\\nhost: 127\\.0\\.0\\.1:${other.port}\\r\\n`));
  assert.match(seen, /\r\nx-a: 1\r\n/);
  assert.doesNotMatch(seen, /authorization|cookie|x-key/);
});

test("redirects end after ten, and lead to HTTP only", async () => {
  await assert.rejects(send({ path: "/loop" }), /Get "\/loop": stopped after 10 redirects$/);
  assert.equal(app.received.length, 10);
  await assert.rejects(
    send({ path: "/302", query: "ftp://x/" }),
    /Get "ftp:\/\/x\/": unsupported protocol scheme "ftp"$/,
  );
  await assert.rejects(
    send({ path: "/302", query: "http://[" }),
    /Get "http:\/\/\[": the place of the redirect is no URL$/,
  );
});

test("a pipeline sees one call, and a place in the limit is held to the end", async () => {
  const seen: string[] = [];
  const step: AppMiddleware = async (call, signal, next) => {
    seen.push(call.path);
    return next({ ...call, headers: [...call.headers, ["x-step", "1"]] }, signal);
  };
  const limit = createConcurrencyLimit(1);
  const more = { limit, pipeline: [step] };
  const calls = [1, 2, 3].map(() => send({ path: "/302", query: "/x" }, more));
  assert.deepEqual(
    (await Promise.all(calls)).map(({ status }) => status),
    [200, 200, 200],
  );
  assert.deepEqual(seen, ["/302", "/302", "/302"]);
  assert.equal(app.received.filter((text) => text.includes("x-step: 1")).length, 6);
  await assert.rejects(send({ path: "/302", query: "ftp://x/" }, more));
  assert.equal(limit.take(forever), undefined, "every place came back");
});

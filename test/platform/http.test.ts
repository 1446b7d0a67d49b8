import assert from "node:assert/strict";
import { request as nodeRequest } from "node:http";
import { tmpdir } from "node:os";
import { after, test } from "node:test";
import { responseOf } from "../../src/kit/any-status.ts";
import { bytes, createHost, sleep, until } from "./host.ts";

const host = await createHost();
let aborted = 0;
let cancelled = 0;
let waiters = 0;
let asking = 0;
const gate = Promise.withResolvers<void>();

async function serve(request: Request, info: { readonly remoteAddress: string }): Promise<Response> {
  const { pathname } = new URL(request.url);
  if (pathname === "/remote") return new Response(info.remoteAddress);
  if (pathname === "/echo")
    return new Response(request.body, { headers: { "x-type": request.headers.get("content-type") ?? "" } });
  if (pathname === "/count") {
    let count = 0;
    if (request.body !== null)
      for await (const chunk of request.body as unknown as AsyncIterable<Uint8Array>) count += chunk.length;
    return new Response(String(count));
  }
  if (pathname === "/throw") throw new Error("a secret of ours");
  if (pathname === "/throw-sync") return refuse();
  if (pathname.startsWith("/status/")) {
    const status = Number(pathname.slice(8));
    const text = bytes(`status ${status}`);
    return responseOf(status % 2 === 0 ? text : new Response(text).body, { status, headers: { "x-status": "odd" } });
  }
  if (pathname === "/empty") return new Response(null, { status: 204 });
  if (pathname === "/json")
    return Response.json(
      { a: 1 },
      {
        headers: [
          ["set-cookie", "a=1"],
          ["set-cookie", "b=2"],
        ],
      },
    );
  if (pathname === "/wait") {
    waiters += 1;
    await gate.promise;
    return new Response("waited");
  }
  if (pathname === "/until-abort") {
    asking += 1;
    await new Promise<void>((resolve) => {
      request.signal.addEventListener("abort", () => {
        aborted += 1;
        resolve();
      });
    });
    return new Response();
  }
  if (pathname === "/drip" || pathname === "/endless") {
    let left = pathname === "/drip" ? 5 : Number.POSITIVE_INFINITY;
    const body = new ReadableStream<Uint8Array>({
      async pull(controller) {
        await sleep(5);
        if (left === 0) return controller.close();
        left -= 1;
        controller.enqueue(bytes("drop."));
      },
      cancel() {
        cancelled += 1;
      },
    });
    return new Response(body);
  }
  return new Response("not found", { status: 404 });
}
function refuse(): never {
  throw new Error("a secret of ours");
}

const listener = await host.serveHttp!({ host: "127.0.0.1", port: 0 }, serve);
const base = `http://127.0.0.1:${listener.port}`;
after(() => listener.close(0));

test("a picked port is told, and the peer's address", async () => {
  assert.ok(listener.port > 0);
  assert.equal(await (await fetch(`${base}/remote`)).text(), "127.0.0.1");
});

test("a body goes through unchanged", async () => {
  const sent = host.random.bytes(300_000);
  const answer = await fetch(`${base}/echo`, {
    method: "POST",
    body: sent as BodyInit,
    headers: { "content-type": "x/y" },
  });
  assert.deepEqual(new Uint8Array(await answer.arrayBuffer()), sent);
  assert.equal(answer.headers.get("x-type"), "x/y");
});

test("bodies beyond the limits that runtimes have by default", { timeout: 30_000 }, async () => {
  const size = 160 * 1024 * 1024;
  const answer = await fetch(`${base}/count`, { method: "POST", body: new Uint8Array(size) });
  assert.equal(await answer.text(), String(size));
});

test("a body is streamed out as it grows", async () => {
  const answer = await fetch(`${base}/drip`);
  assert.equal(answer.headers.get("content-length"), null);
  let parts = 0;
  let text = "";
  for await (const part of answer.body as unknown as AsyncIterable<Uint8Array>) {
    parts += 1;
    text += new TextDecoder().decode(part);
  }
  assert.equal(text, "drop.".repeat(5));
  assert.ok(parts > 1);
});

test("short answers carry their length, cookies stay apart", async () => {
  const answer = await fetch(`${base}/json`);
  assert.equal(answer.headers.get("content-length"), "7");
  assert.deepEqual(answer.headers.getSetCookie(), ["a=1", "b=2"]);
  assert.deepEqual(await answer.json(), { a: 1 });
  const empty = await fetch(`${base}/empty`);
  assert.deepEqual([empty.status, empty.headers.get("content-length"), await empty.text()], [204, null, ""]);
});

test("HEAD has the head only", async () => {
  const answer = await fetch(`${base}/json`, { method: "HEAD" });
  assert.deepEqual([answer.status, await answer.text()], [200, ""]);
});

// portable: of a 205 Deno does not say where it ends.
for (const status of host.name === "deno" ? [600, 999] : [205, 600, 601, 999])
  test(`status ${status} goes out as it is, with its body`, async () => {
    const { port } = new URL(base);
    const seen = await new Promise<
      [status: number | undefined, reason: string | undefined, kind: unknown, body: string]
    >((resolve, reject) => {
      const asked = nodeRequest({ host: "127.0.0.1", port, path: `/status/${status}` }, (answer) => {
        let body = "";
        answer.setEncoding("latin1").on("data", (part: string) => {
          body += part;
        });
        answer.on("end", () => resolve([answer.statusCode, answer.statusMessage, answer.headers["x-status"], body]));
      });
      asked.on("error", reject).end();
    });
    const reason = status === 205 ? "Reset Content" : `status code ${status}`;
    // portable: Deno's server has the web's statuses alone.
    if (host.name === "deno") assert.deepEqual([seen[0], seen[3]], [500, ""]);
    else assert.deepEqual(seen, [status, reason, "odd", `status ${status}`]);
  });

for (const path of ["/throw", "/throw-sync"])
  test(`${path}: a handler that fails answers 500 and tells nothing`, async () => {
    const answer = await fetch(base + path);
    const text = await answer.text();
    assert.equal(answer.status, 500);
    assert.doesNotMatch(text + JSON.stringify([...answer.headers]), /secret|Error|serve|\.ts/);
  });

test("a client that leaves aborts the request", async () => {
  const leave = new AbortController();
  const asked = fetch(`${base}/until-abort`, { signal: leave.signal }).catch((error) => error);
  await until(() => asking === 1, "the request arrived");
  leave.abort();
  await asked;
  await until(() => aborted === 1, "the handler saw the abort");
});

test("a client that leaves cancels the body it was sent", async () => {
  const leave = new AbortController();
  const answer = await fetch(`${base}/endless`, { signal: leave.signal });
  const reader = answer.body!.getReader();
  await reader.read();
  leave.abort();
  await until(() => cancelled === 1, "the body was cancelled");
});

test("many requests at once", async () => {
  const answers = await Promise.all(
    Array.from({ length: 100 }, async (_, index) =>
      (await fetch(`${base}/echo`, { method: "POST", body: `${index}` })).text(),
    ),
  );
  assert.deepEqual(
    answers,
    Array.from({ length: 100 }, (_, index) => `${index}`),
  );
});

test("close waits for open requests and refuses new ones", async () => {
  const other = await host.serveHttp!({ host: "127.0.0.1", port: 0 }, serve);
  const waiting = fetch(`http://127.0.0.1:${other.port}/wait`).then((answer) => answer.text());
  await until(() => waiters === 1, "the request arrived");
  const closed = other.close();
  await sleep(5);
  await assert.rejects(fetch(`http://127.0.0.1:${other.port}/remote`));
  gate.resolve();
  assert.equal(await waiting, "waited");
  await closed;
});

test("close cuts open requests after the grace", async () => {
  const other = await host.serveHttp!({ host: "127.0.0.1", port: 0 }, serve);
  const endless = await fetch(`http://127.0.0.1:${other.port}/endless`);
  const read = endless.text().catch((error) => error);
  await other.close(20);
  await read;
});

test("a taken port is refused with the system's code", async () => {
  await assert.rejects(host.serveHttp!({ host: "127.0.0.1", port: listener.port }, serve), {
    code: "EADDRINUSE",
    message: `listening on "127.0.0.1:${listener.port}" failed: the address is in use`,
  });
});

test("unix socket", async () => {
  const path = `${tmpdir()}/pillion-http-${host.random.uuid()}.sock`;
  const other = await host.serveHttp!(
    { host: "", port: 0, path },
    (_request, info) => new Response(`[${info.remoteAddress}]`),
  );
  const text = await new Promise<string>((resolve, reject) => {
    const asked = nodeRequest({ socketPath: path, path: "/" }, (answer) => {
      let body = "";
      answer.on("data", (chunk) => (body += chunk));
      answer.on("end", () => resolve(body));
    });
    asked.on("error", reject);
    asked.end();
  });
  assert.equal(text, "[]");
  await other.close(0);
});

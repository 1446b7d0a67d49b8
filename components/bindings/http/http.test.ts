import assert from "node:assert/strict";
import { createServer, type IncomingHttpHeaders } from "node:http";
import type { AddressInfo } from "node:net";
import { after, test } from "node:test";
import { gzipSync } from "node:zlib";
import { type Binding, metadataOfFailure } from "../../../src/driver/bindings.ts";
import { DriverError } from "../../../src/driver/errors.ts";
import { decodeUtf8, encodeUtf8 } from "../../../src/kit/bytes.ts";
import { createVirtualClock } from "../../../src/kit/virtual-clock.ts";
import { bindingConformance } from "../../../test/conformance/bindings.ts";
import { driverContext } from "../../../test/harness/driver-context.ts";
import { hostPlatform } from "../../../test/harness/host-platform.ts";
import driver from "./http.ts";

interface Seen {
  readonly method: string;
  readonly url: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

const platform = await hostPlatform();
const { signal } = new AbortController();
const seen: Seen[] = [];
const server = createServer((request, response) => {
  const chunks: Buffer[] = [];
  request.on("data", (chunk: Buffer) => chunks.push(chunk));
  request.on("end", () => {
    const { method = "", url = "", headers } = request;
    seen.push({ method, url, headers, body: Buffer.concat(chunks).toString() });
    const [path] = url.split("?");
    if (path === "/hang") return;
    if (path === "/gone") response.writeHead(404, { "x-why": "gone" }).end("no such thing");
    else if (path === "/packed") response.writeHead(200, { "content-encoding": "gzip" }).end(gzipSync("unpacked"));
    else if (path === "/moved") response.writeHead(302, { location: "/there" }).end();
    else response.writeHead(201, { "x-many": ["a", "b"], "content-type": "text/plain" }).end("0123456789");
  });
});
await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
const base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
after(() => {
  server.closeAllConnections();
  server.close();
});

const open = (metadata: Record<string, string> = {}, change = {}): Promise<Binding> =>
  driver.open(
    new Map(Object.entries({ url: base, ...metadata })),
    driverContext(platform, "web", change),
  ) as Promise<Binding>;
const request = (operation: string, metadata: Record<string, string> = {}, data = '"data"') => ({
  operation,
  data: encodeUtf8(data),
  metadata,
});
async function run(binding: Binding, operation: string, metadata?: Record<string, string>) {
  const answer = await binding.invoke?.(request(operation, metadata), signal);
  return { data: decodeUtf8(answer!.data), metadata: answer!.metadata, seen: seen.at(-1)! };
}

bindingConformance("http", () => open(), {
  invoke: ["create", "get", "head", "post", "put", "patch", "delete", "options"].map((operation) => ({
    request: request(operation),
    check: (data) => assert.equal(decodeUtf8(data!), operation === "head" ? "" : "0123456789"),
  })),
});

test("method, address, body and headers of requests", async () => {
  const binding = await open({ url: `${base}/api//`, securityToken: "t0k", securityTokenHeader: "X-Token" });
  const json = "application/json; charset=utf-8";
  const sent = await run(binding, "create", {
    path: "//things?a=1",
    "X-Own": "1",
    lower: "no",
    traceparent: "00-1-2-01",
    Host: "other",
  });
  assert.deepEqual([sent.seen.method, sent.seen.url, sent.seen.body], ["POST", "/api/things?a=1", '"data"']);
  const { headers } = sent.seen;
  assert.deepEqual([headers["content-type"], headers.accept, headers["x-own"]], [json, json, "1"]);
  assert.deepEqual([headers["x-token"], headers["traceparent"], headers["lower"]], ["t0k", "00-1-2-01", undefined]);
  assert.equal(headers.host, base.slice("http://".length));
  const got = await run(binding, "get", { Accept: "text/plain" });
  assert.deepEqual([got.seen.method, got.seen.url, got.seen.body], ["GET", "/api//", ""]);
  assert.deepEqual([got.seen.headers.accept, got.seen.headers["content-type"]], ["text/plain", undefined]);
  assert.equal((await run(binding, "PUT", { "Content-Type": "a/b" })).seen.headers["content-type"], "a/b");
});

test("the answer's status and headers are metadata", async () => {
  const { data, metadata } = await run(await open(), "get");
  assert.equal(data, "0123456789");
  assert.deepEqual(
    [metadata["statusCode"], metadata["status"], metadata["X-Many"], metadata["Content-Type"]],
    ["201", "201 Created", "a, b", "text/plain"],
  );
  // The server's own, but nothing of the answer.
  assert.ok(!("Transfer-Encoding" in metadata));
  const packed = await run(await open({ url: `${base}/packed` }), "get");
  assert.deepEqual([packed.data, packed.metadata["Content-Encoding"]], ["unpacked", undefined]);
  const moved = await run(await open({ url: `${base}/moved` }), "post");
  assert.deepEqual([moved.metadata["statusCode"], moved.seen.method, moved.seen.url], ["201", "GET", "/there"]);
});

test("another status than 2xx is an error with metadata, unless that is not wanted", async () => {
  const strict = await open({ url: `${base}/gone` });
  await assert.rejects(run(strict, "get"), (error) => {
    assert.ok(DriverError.is(error));
    assert.equal(error.message, "received status code 404");
    assert.deepEqual([metadataOfFailure(error)?.["statusCode"], metadataOfFailure(error)?.["X-Why"]], ["404", "gone"]);
    return true;
  });
  assert.equal((await run(strict, "get", { errorIfNot2XX: "false" })).data, "no such thing");
  const lenient = await open({ url: `${base}/gone`, errorIfNot2XX: "false" });
  assert.equal((await run(lenient, "get")).metadata["statusCode"], "404");
  await assert.rejects(run(lenient, "get", { errorIfNot2XX: "true" }), { message: "received status code 404" });
});

test("limits of size and time", async () => {
  assert.equal((await run(await open({ maxResponseBodySize: "4" }), "get")).data, "0123");
  assert.equal((await run(await open({ maxResponseBodySize: "0" }), "get")).data, "0123456789");
  const clock = createVirtualClock();
  const binding = await open({ url: `${base}/hang`, responseTimeout: "3s" }, { clock });
  const asked = assert.rejects(run(binding, "delete"), {
    message: `Delete "${base}/hang": context deadline exceeded`,
  });
  await clock.advance(3000);
  await asked;
  const cut = new AbortController();
  const cancelled = assert.rejects(
    (await open({ url: `${base}/hang` })).invoke?.(request("get"), cut.signal) ?? Promise.resolve(),
    /the caller went/,
  );
  cut.abort(new Error("the caller went"));
  await cancelled;
});

test("what cannot be sent, and settings that cannot be, are refused", async () => {
  await assert.rejects(run(await open({ url: "no address" }), "get"), /^DriverError: Get "no address": /);
  await assert.rejects(run(await open(), "get", { "X-Bad": "a\nb" }), (error) => DriverError.is(error));
  await assert.rejects(run(await open(), "brew"), { message: "invalid operation: brew" });
  const cases: readonly (readonly [Record<string, string>, RegExp])[] = [
    [{ url: "" }, /url/],
    [{ MTLSRenegotiation: "Always" }, /invalid renegotiation value: Always/],
    [{ MTLSRenegotiation: "RenegotiateFreelyAsClient" }, /is not served/],
    [{ MTLSRootCA: "/no/such/file" }, platform.name === "bun" ? /neither a valid file path or nor/ : /not served/],
  ];
  for (const [metadata, message] of cases) await assert.rejects(open(metadata), message);
});

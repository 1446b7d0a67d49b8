import assert from "node:assert/strict";
import { test } from "node:test";
import { fail } from "../../errors/error.ts";
import { zeroTraceparent } from "../../kit/call.ts";
import type { Clock } from "../../kit/clock.ts";
import { createErrorCodeMetrics } from "../../telemetry/error-code-metrics.ts";
import { createHttpMetrics } from "../../telemetry/http-metrics.ts";
import { createMetrics } from "../../telemetry/metrics.ts";
import type { Log, LogFields } from "../../telemetry/ports.ts";
import { createTracer } from "../../telemetry/trace.ts";
import { bytesAnswer, emptyAnswer, failedWith, jsonAnswer } from "./answer.ts";
import { createHttpApi, type HttpApiOptions } from "./app.ts";
import { createPublicFallback } from "./public-fallback.ts";
import type { Route } from "./route.ts";

const clock: Clock = {
  now: () => 0,
  monotonic: () => 0,
  sleep: () => Promise.resolve(),
  after: () => () => {},
  alarm: () => () => {},
};
const random = { bytes: (length: number) => new Uint8Array(length).fill(0xab), uuid: () => "", fraction: () => 0 };
const off = createTracer({ samplingRate: "0", hasExporter: false, random });
const pass = createTracer({ samplingRate: "", hasExporter: false, random });

const seen: string[] = [];
const route = (methods: string[], path: string, more: Partial<Route> = {}): Route => ({
  methods,
  version: "v1.0",
  path,
  group: "state",
  handle: (request) =>
    jsonAnswer({
      path,
      params: Object.fromEntries([...path.matchAll(/[:*](\w+)/g)].map(([, name = ""]) => [name, request.param(name)])),
    }),
  ...more,
});
const routes: readonly Route[] = [
  route(["GET"], "/healthz", { group: "healthz", isOpen: true, handle: () => emptyAnswer() }),
  route(["GET"], "/metadata", { group: "metadata" }),
  route(["PUT"], "/metadata/:key", { group: "metadata" }),
  route(["POST", "PUT"], "/state/:store"),
  route(["POST", "PUT"], "/state/:store/bulk"),
  route(["GET", "DELETE"], "/state/:store/:key"),
  route(["POST"], "/publish/:pubsub/*topic", { group: "publish" }),
  route(["POST"], "/publish/bulk/:pubsub/*topic", { group: "publish" }),
  route(["GET"], "/broken", {
    group: "bindings",
    handle: () => Promise.reject(fail("badRequest", { reason: "x" })),
  }),
  route(["POST"], "/echo", { group: "bindings", handle: async (request) => bytesAnswer(await request.body()) }),
  route(["POST"], "/pipe", {
    group: "bindings",
    handle: (request) => new Response(request.stream(), { headers: { "x-trace": request.call.trace.traceparent } }),
  }),
  route(["GET"], "/headers", {
    group: "bindings",
    handle(request) {
      const names: string[] = [];
      request.headers.forEach((_value, name) => void names.push(name));
      return jsonAnswer(names.sort());
    },
  }),
  route(["GET"], "/query", {
    group: "bindings",
    handle: (request) => jsonAnswer([request.queryValue("a"), request.queryValue("b"), request.metadata()]),
  }),
];

function api(options: Partial<HttpApiOptions> = {}) {
  const handle = createHttpApi({ routes, clock, tracer: off, ...options });
  return async (method: string, target: string, init: RequestInit = {}): Promise<Response> =>
    handle(new Request(`http://h${target}`, { method, ...init }), { remoteAddress: "127.0.0.1" });
}
const params = async (response: Response): Promise<unknown> => ((await response.json()) as { params: unknown }).params;

test("paths are cleaned, parameters are unescaped once", async () => {
  const call = api();
  const cases: readonly (readonly [string, string, unknown])[] = [
    ["GET", "/v1.0/state/s/k", { store: "s", key: "k" }],
    ["GET", "//v1.0//state/s/k/", { store: "s", key: "k" }],
    ["GET", "/v1.0/state/s/a+b%2Bc%2Fd%252F%3F", { store: "s", key: "a b+c/d%2F?" }],
    ["GET", "/v1.0/state/s/bulk", { store: "s", key: "bulk" }],
    ["POST", "/v1.0/state/s/bulk", { store: "s" }],
    ["POST", "/v1.0/publish/p/a//b/c/", { pubsub: "p", topic: "a/b/c" }],
    ["POST", "/v1.0/publish/p/%2Fa%2F", { pubsub: "p", topic: "/a/" }],
    ["POST", "/v1.0/publish/bulk/p/t", { pubsub: "p", topic: "t" }],
    ["POST", "/v1.0/publish/bulk/p", { pubsub: "bulk", topic: "p" }],
    ["PUT", "/v1.0/metadata/caf%C3%A9", { key: "café" }],
    ["PUT", "/v1.0/metadata/%ff", { key: "\ufffd" }],
  ];
  for (const [method, target, expected] of cases) {
    assert.deepEqual(await params(await call(method, target)), expected, target);
  }
});

test("unknown paths and verbs are the same 404", async () => {
  const call = api();
  for (const [method, target] of [
    ["GET", "/"],
    ["GET", "/v1.0/State/s/k"],
    ["HEAD", "/v1.0/metadata"],
    ["OPTIONS", "/v1.0/metadata"],
    ["POST", "/v1.0/publish/p"],
    ["PATCH", "/v1.0/state/s/k"],
  ] as const) {
    const response = await call(method, target);
    assert.equal(response.status, 404, target);
    assert.equal(
      await response.text(),
      '{"errorCode":"ERR_DIRECT_INVOKE","message":"failed getting app id either from the URL path or the header dapr-app-id"}',
    );
  }
});

test("a malformed escape is refused before anything else", async () => {
  const response = await api({ tracer: pass })("GET", "/v1.0/state/s/%zz");
  assert.equal(response.status, 400);
  assert.equal(await response.text(), "400 Bad Request");
  assert.equal(response.headers.get("traceparent"), null);
});

test("errors of handlers become answers and are counted", async () => {
  const registry = createMetrics({ prefix: "dapr", common: { app_id: "a" } });
  const call = api({ errorCodes: createErrorCodeMetrics(registry) });
  const response = await call("GET", "/v1.0/broken");
  assert.equal(response.status, 400);
  assert.equal(await response.text(), '{"errorCode":"ERR_BAD_REQUEST","message":"invalid request: x"}');
  await call("GET", "/nowhere");
  assert.match(
    registry.expose(),
    /dapr_error_code_total\{app_id="a",category="common",error_code="ERR_BAD_REQUEST"\} 1\n/,
  );
  assert.match(registry.expose(), /category="service-invocation",error_code="ERR_DIRECT_INVOKE"\} 1\n/);
  const marked = failedWith(new Response("{}"), fail("badRequest", { reason: "y" }));
  const byHand = api({
    routes: [route(["GET"], "/x", { handle: () => marked })],
    errorCodes: createErrorCodeMetrics(registry),
  });
  await byHand("GET", "/v1.0/x");
  assert.match(registry.expose(), /error_code="ERR_BAD_REQUEST"\} 2\n/);
});

test("the body limit", async () => {
  const call = api({ bodyLimit: 4 });
  const stream = (...parts: string[]): RequestInit =>
    ({
      duplex: "half",
      body: new ReadableStream({
        start(controller) {
          for (const part of parts) controller.enqueue(new TextEncoder().encode(part));
          controller.close();
        },
      }),
    }) as RequestInit;
  const tooLarge = '{"errorCode":"ERROR","message":"stream too large"}';
  assert.equal(await (await call("POST", "/v1.0/echo", { body: "1234" })).text(), "1234");
  assert.equal(await (await call("POST", "/v1.0/echo", { body: "12345" })).text(), tooLarge);
  assert.equal(await (await call("POST", "/v1.0/echo", stream("12", "34"))).text(), "1234");
  assert.equal(await (await call("POST", "/v1.0/echo", stream("12", "345"))).text(), tooLarge);
  assert.equal(await (await call("POST", "/v1.0/pipe", stream("12", "34"))).text(), "1234");
  await assert.rejects((await call("POST", "/v1.0/pipe", stream("12", "345"))).text(), { message: "stream too large" });
  assert.equal(await (await call("POST", "/v1.0/echo")).text(), "");
  const declared = await call("POST", "/v1.0/echo", { body: "12345", headers: { "content-length": "5" } });
  assert.equal(await declared.text(), tooLarge);
});

test("the API token", async () => {
  const call = api({ token: "secret", tracer: pass });
  const refused = await call("GET", "/v1.0/metadata");
  assert.equal(refused.status, 401);
  assert.equal(await refused.text(), "invalid api token\n");
  assert.equal(refused.headers.get("content-type"), "text/plain; charset=utf-8");
  assert.equal(refused.headers.get("x-content-type-options"), "nosniff");
  assert.equal(refused.headers.get("traceparent"), zeroTraceparent);
  assert.equal((await call("GET", "/nowhere")).status, 401);
  assert.equal((await call("HEAD", "/v1.0/healthz")).status, 401);
  assert.equal((await call("GET", "/v1.0/healthz/")).status, 204);
  assert.equal((await call("GET", "/v1.0/metadata", { headers: { "dapr-api-token": "secreT" } })).status, 401);
  const passed = await call("GET", "/v1.0/headers", { headers: { "dapr-api-token": "secret", "x-a": "1" } });
  assert.deepEqual(await passed.json(), ["x-a"]);
});

test("of several tokens the first one counts, and handlers see none", async () => {
  const call = api({ token: "sec,ret" });
  const tell = async (...tokens: string[]) => {
    const headers = new Headers();
    for (const token of tokens) headers.append("dapr-api-token", token);
    const answer = await call("GET", "/v1.0/headers", { headers });
    return answer.status === 200 ? await answer.json() : answer.status;
  };
  assert.deepEqual(await tell("sec,ret"), []);
  assert.deepEqual(await tell("sec,ret", "wrong"), []);
  assert.deepEqual(await tell("sec,ret", "sec,ret", ""), []);
  assert.equal(await tell("wrong", "sec,ret"), 401);
  assert.equal(await tell("sec,retx"), 401);
  assert.equal(await tell("sec"), 401);
});

test("cross-origin rules", async () => {
  const preflight = {
    headers: {
      origin: "http://App.example",
      "access-control-request-method": "put",
      "access-control-request-headers": "content-type, X-thing",
    },
  };
  const none = await api()("OPTIONS", "/v1.0/metadata", preflight);
  assert.equal(none.status, 404);
  assert.equal(none.headers.get("vary"), null);
  const open = await api({ allowedOrigins: "*", token: "t" })("OPTIONS", "/nowhere", preflight);
  assert.equal(open.status, 200);
  assert.equal(await open.text(), "");
  assert.equal(open.headers.get("vary"), "Origin, Access-Control-Request-Method, Access-Control-Request-Headers");
  assert.equal(open.headers.get("access-control-allow-origin"), "*");
  assert.equal(open.headers.get("access-control-allow-methods"), "PUT");
  assert.equal(open.headers.get("access-control-allow-headers"), "Content-Type, X-Thing");
  const listed = api({ allowedOrigins: "http://app.example,http://*.dev", token: "t" });
  const refused = await listed("GET", "/v1.0/metadata", { headers: { origin: "http://App.example" } });
  assert.equal(refused.status, 401);
  assert.equal(refused.headers.get("access-control-allow-origin"), "http://App.example");
  const foreign = await listed("GET", "/v1.0/healthz", { headers: { origin: "http://evil" } });
  assert.equal(foreign.status, 204);
  assert.equal(foreign.headers.get("vary"), "Origin");
  assert.equal(foreign.headers.get("access-control-allow-origin"), null);
  const wild = await listed("GET", "/v1.0/healthz", { headers: { origin: "http://a.dev" } });
  assert.equal(wild.headers.get("access-control-allow-origin"), "http://a.dev");
  assert.equal((await api({ allowedOrigins: "*" })("OPTIONS", "/v1.0/metadata")).status, 404);
});

test("a page of a foreign origin gets no WebSocket where origins are listed", async () => {
  const asked = (origin: string) => ({ headers: { upgrade: "websocket", connection: "Upgrade", origin } });
  const listed = api({ allowedOrigins: "http://app.example" });
  const refused = await listed("GET", "/v1.0/healthz", asked("http://evil"));
  assert.equal(refused.status, 403);
  assert.equal(await refused.text(), "origin not allowed\n");
  assert.equal((await listed("GET", "/v1.0/healthz", asked("http://app.example"))).status, 204);
  assert.equal((await api({ allowedOrigins: "*" })("GET", "/v1.0/healthz", asked("http://evil"))).status, 204);
});

test("trace headers", async () => {
  const parent = `00-${"1".repeat(32)}-${"2".repeat(16)}-01`;
  const headers = { traceparent: parent, tracestate: "a=1" };
  assert.equal((await api()("GET", "/v1.0/metadata", { headers })).headers.get("traceparent"), null);
  const passed = await api({ tracer: pass })("GET", "/nowhere", { headers });
  assert.equal(passed.headers.get("traceparent"), parent);
  assert.equal(passed.headers.get("tracestate"), "a=1");
  assert.equal((await api({ tracer: pass })("GET", "/v1.0/healthz")).headers.get("traceparent"), null);
  const tracer = createTracer({ samplingRate: "1", hasExporter: false, random });
  const own = await api({ tracer })("POST", "/v1.0/pipe", { headers });
  assert.equal(own.headers.get("traceparent"), `00-${"1".repeat(32)}-${"ab".repeat(8)}-01`);
  assert.equal(own.headers.get("x-trace"), own.headers.get("traceparent"));
  const started = await api({ tracer })("GET", "/v1.0/metadata");
  assert.equal(started.headers.get("traceparent"), `00-${"ab".repeat(16)}-${"ab".repeat(8)}-01`);
  const baggage = await api({ tracer: pass })("GET", "/v1.0/metadata", { headers: { baggage: "k=v;p=1, a=b" } });
  assert.equal(baggage.headers.get("baggage"), "k=v;p=1, a=b");
  const invalid = await api({ tracer: pass })("GET", "/v1.0/metadata", { headers: { baggage: "novalue" } });
  assert.equal(invalid.status, 400);
  assert.equal(await invalid.text(), 'invalid baggage header: invalid baggage list-member: "novalue"\n');
  assert.equal(invalid.headers.get("traceparent"), null);
});

test("queries", async () => {
  const response = await api()(
    "GET",
    "/v1.0/query?a=1+2&a=3&b=%2B&metadata.ttlInSeconds=5&metadata.ttlInSeconds=6&metadata.K=%zz&metadata.Case=x",
  );
  assert.deepEqual(await response.json(), ["1 2", "+", { ttlInSeconds: "5", Case: "x" }]);
});

test("denied APIs are as good as absent", async () => {
  const status = async (access: HttpApiOptions["access"], target: string) =>
    (await api({ access })("GET", target)).status;
  const state = { name: "state", version: "v1" };
  assert.equal(await status({ allowed: [state], denied: [] }, "/v1.0/state/s/k"), 200);
  assert.equal(await status({ allowed: [state], denied: [] }, "/v1.0/metadata"), 404);
  assert.equal(await status({ allowed: [state], denied: [] }, "/v1.0/healthz"), 204);
  assert.equal(await status({ allowed: [], denied: [state] }, "/v1.0/state/s/k"), 404);
  assert.equal(await status({ allowed: [{ name: "state", version: "v1.0" }], denied: [] }, "/v1.0/state/s/k"), 200);
  assert.equal(await status({ allowed: [], denied: [{ name: "state/{s", version: "v1.0" }] }, "/v1.0/state/s/k"), 404);
});

test("calls of apps are an API that can be denied, whichever way they name the app", async () => {
  const answer = async (access: HttpApiOptions["access"], target: string, method = "GET") => {
    const fallback = { handle: () => new Response("invoked") };
    const mounts = new Map([["a.B", async () => undefined]]);
    const response = await api({ access, fallback, mounts })(method, target, { headers: { "dapr-app-id": "a" } });
    return `${response.status} ${await response.text()}`;
  };
  const invoke = { name: "invoke", version: "v1.0" };
  const state = { name: "state", version: "v1" };
  const shut = "404 404 page not found\n";
  for (const target of ["/v1.0/invoke/a/method/b", "/b", "/a.B/Get"]) {
    assert.equal(await answer({ allowed: [], denied: [invoke] }, target), shut);
    assert.equal(await answer({ allowed: [state], denied: [] }, target), shut);
    assert.equal(await answer({ allowed: [invoke], denied: [] }, target), "200 invoked");
    assert.equal(await answer({ allowed: [], denied: [state] }, target), "200 invoked");
  }
  assert.equal(await answer({ allowed: [state], denied: [] }, "/v1.0/state/s/k", "PUT"), "405 ");
});

test("the pipeline, mounts and the fallback", async () => {
  const failures: string[] = [];
  const call = api({
    token: "t",
    errorCodes: { record: (code) => void failures.push(code) },
    pipeline: async (request, next) => {
      seen.push(String(request.headers.get("dapr-api-token")), request.path, request.info.remoteAddress);
      if (request.query === "none") return new Response("refused", { status: 401 });
      const url =
        request.query === "same" ? undefined : `http://h${request.query === "" ? "/v1.0/state/other/k" : "/no"}`;
      const response = await next(url === undefined ? undefined : new Request(url));
      return new Response(`<${await response.text()}>`, { status: response.status });
    },
  });
  const headers = { "dapr-api-token": "t" };
  const changed = await call("GET", "/v1.0/state/s/k", { headers });
  assert.match(await changed.text(), /^<\{"path":"\/state\/:store\/:key","params":\{"store":"other"/);
  assert.deepEqual(seen, ["null", "/v1.0/state/s/k", "127.0.0.1"]);
  const same = await call("GET", "/v1.0/state/s/k?same", { headers });
  assert.match(await same.text(), /^<\{"path":"\/state\/:store\/:key","params":\{"store":"s"/);
  assert.equal((await call("GET", "/v1.0/state/s/k?none", { headers })).status, 401);
  assert.equal((await call("GET", "/v1.0/state/s/k")).status, 401);
  assert.deepEqual(failures, []);
  const failed = await call("GET", "/v1.0/state/s/k?fails", { headers });
  assert.equal(failed.status, 404);
  assert.match(await failed.text(), /^<\{"errorCode":"ERR_DIRECT_INVOKE"/);
  assert.deepEqual(failures, ["ERR_DIRECT_INVOKE"], "an error counts although the pipeline made another answer of it");
  const mounted = api({
    mounts: new Map([["a.B", async ({ path }) => (path === "/a.B/Get" ? new Response("mount") : undefined)]]),
    fallback: { handle: (request) => new Response(`fallback ${request.path}`) },
  });
  assert.equal(await (await mounted("POST", "/a.B/Get")).text(), "mount");
  assert.equal(await (await mounted("POST", "/a.B/Other")).text(), "fallback /a.B/Other");
  assert.equal(await (await mounted("POST", "/a.C//Get/")).text(), "fallback /a.C//Get/");
});

test("the public listener knows no invocation", async () => {
  const known = [routes[1] as Route, routes[2] as Route];
  const call = api({ routes: known, fallback: createPublicFallback(known) });
  const unknown = await call("GET", "/nope");
  assert.equal(unknown.status, 404);
  assert.equal(await unknown.text(), "404 page not found\n");
  const wrong = await call("POST", "/v1.0/metadata/");
  assert.equal(wrong.status, 405);
  assert.equal(wrong.headers.get("allow"), "GET");
  assert.equal((await call("GET", "/v1.0/metadata")).status, 200);
});

test("metrics and the API log", async () => {
  const registry = createMetrics({ prefix: "dapr", common: { app_id: "a" } });
  const http = createHttpMetrics(registry, {
    increasedCardinality: true,
    pathMatching: [],
    excludeVerbs: false,
    latencyBuckets: [],
  });
  const lines: [string, LogFields | undefined][] = [];
  const log = { info: (message: string, fields?: LogFields) => void lines.push([message, fields]) } as unknown as Log;
  const call = api({
    metrics: http.server,
    apiLog: { log, obfuscateUrls: false, omitHealthChecks: true },
    fallback: { handle: () => new Response(new Blob(["12345"]).stream()) },
  });
  await call("GET", "/v1.0/healthz");
  await (await call("GET", "/v1.0/state/s/a%20b", { headers: { "user-agent": "curl" } })).text();
  await (await call("GET", "/v1.0/state/s/other")).text();
  await (await call("GET", "/streamed?x=1")).text();
  const text = registry.expose();
  assert.match(
    text,
    /dapr_http_server_request_count\{app_id="a",method="GET",path="\/v1.0\/state\/s",status="200"\} 2\n/,
  );
  assert.match(
    text,
    /dapr_http_server_response_count\{app_id="a",method="GET",path="\/v1.0\/healthz",status="204"\} 1\n/,
  );
  assert.match(text, /dapr_http_server_response_bytes_count\{app_id="a"\} 4\n/);
  const size = new TextEncoder().encode('{"path":"/state/:store/:key","params":{"store":"s","key":"a b"}}\n').length;
  assert.deepEqual(lines[0], [
    "HTTP API Called",
    { code: 200, duration: 0, method: "GET /v1.0/state/s/a b", size, useragent: "curl" },
  ]);
  assert.deepEqual(lines[2], ["HTTP API Called", { code: 200, duration: 0, method: "GET /streamed", size: 5 }]);
  assert.equal(lines.length, 3);
});

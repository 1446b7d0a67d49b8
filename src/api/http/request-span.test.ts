import assert from "node:assert/strict";
import { test } from "node:test";
import { createSeededRandom } from "../../kit/seeded-random.ts";
import { createVirtualClock } from "../../kit/virtual-clock.ts";
import { createSpanRecorder, type SpanData } from "../../telemetry/span.ts";
import { createTracer } from "../../telemetry/trace.ts";
import { emptyAnswer } from "./answer.ts";
import { createHttpApi, type HttpApiOptions } from "./app.ts";
import type { Route } from "./route.ts";

const route = (path: string, group: Route["group"]): Route => ({
  methods: ["GET", "POST"],
  version: "v1.0",
  path,
  group,
  handle: () => emptyAnswer(),
});
const routes = [
  route("/state/:storeName/:key", "state"),
  route("/secrets/:secretStoreName/bulk", "secrets"),
  route("/bindings/:name", "bindings"),
  route("/publish/:pubsubName/*topic", "publish"),
  route("/metadata", "metadata"),
  route("/healthz", "healthz"),
];

/** Sends one request; the spans that it leaves. */
async function spansOf(path: string, headers: Record<string, string> = {}, more: Partial<HttpApiOptions> = {}) {
  const spans: SpanData[] = [];
  const clock = createVirtualClock();
  const record = createSpanRecorder(clock, { add: (span) => void spans.push(span) });
  const tracer = createTracer({ samplingRate: "1", hasExporter: true, random: createSeededRandom(4), record });
  const handle = createHttpApi({ routes, clock, tracer, ...more });
  await handle(new Request(`http://localhost:3500${path}`, { headers }), {
    remoteAddress: "10.1.2.3",
    remotePort: 4711,
  });
  return spans.map(({ name, kind, error, attributes }): Record<string, unknown> => {
    return { name, kind, error, ...Object.fromEntries(attributes) };
  });
}

const common = (path: string, status: string) => ({
  kind: "client",
  error: undefined,
  "dapr.protocol": "http",
  "dapr.api": `GET ${path}`,
  "dapr.status_code": status,
  "http.request.method": "GET",
  "url.full": path,
  "server.address": "10.1.2.3",
  "server.port": "4711",
});
const database = (system: string, name: string, path: string) => ({
  "db.system": system,
  "db.connection_string": system,
  "db.statement": `GET ${path}`,
  "db.name": name,
});

test("a request is a step with the name of its path and upstream's attributes", async () => {
  assert.deepEqual(await spansOf("/v1.0/metadata"), [{ name: "/v1.0/metadata", ...common("/v1.0/metadata", "204") }]);
  const [state] = await spansOf("/v1.0/state/a%20b/k?metadata.x=1", {
    "dapr-foo": "x",
    "dapr-api-token": "t",
    other: "y",
  });
  assert.deepEqual(state, {
    name: "/v1.0/state/a b/k",
    ...common("/v1.0/state/a b/k", "204"),
    ...database("state", "a b", "/v1.0/state/a b/k"),
    "url.full": "/v1.0/state/a%20b/k?metadata.x=1",
    "dapr-foo": "x",
  });
  const [called] = await spansOf("/b", { "dapr-app-id": "a", "dapr-foo": "x" });
  assert.deepEqual([called?.["dapr-app-id"], called?.["dapr-foo"]], [undefined, "x"]);
  const secrets = "/v1.0/secrets/vault/bulk";
  assert.deepEqual(await spansOf(secrets), [
    { name: secrets, ...common(secrets, "204"), ...database("secrets", "vault", secrets) },
  ]);
  const binding = "/v1.0/bindings/q";
  assert.deepEqual(await spansOf(binding), [
    { name: binding, ...common(binding, "204"), ...database("bindings", "q", binding) },
  ]);
  const publish = "/v1.0/publish/bus/a/b";
  assert.deepEqual(await spansOf(publish), [
    { name: publish, ...common(publish, "204"), "messaging.system": "pubsub", "messaging.destination.name": "a/b" },
  ]);
});

test("answers from 400 on are failures, whoever gives them", async () => {
  const [unknown] = await spansOf("/v1.0/nowhere");
  assert.deepEqual([unknown?.error, unknown?.["dapr.status_code"]], ["Code(404): Not Found", "404"]);
  const [refused] = await spansOf("/v1.0/metadata", {}, { token: "secret" });
  assert.equal(refused?.error, "Code(401): Unauthorized");
  const broken: Route = { ...route("/broken", "state"), handle: () => Promise.reject(new Error("no")) };
  const [failed] = await spansOf("/v1.0/broken", {}, { routes: [broken] });
  assert.equal(failed?.error, "Code(500): Internal Server Error");
});

test("health checks and requests with faulty baggage leave nothing", async () => {
  assert.deepEqual(await spansOf("/v1.0/healthz"), []);
  assert.deepEqual(await spansOf("/v1.0/metadata", { baggage: "bad" }), []);
});

test("a request that the pipeline makes anew is one step", async () => {
  const spans = await spansOf(
    "/v1.0/metadata",
    {},
    { pipeline: (_, next) => next(new Request("http://h/v1.0/state/s/k")) },
  );
  assert.equal(spans.length, 1);
  assert.equal(spans[0]?.["db.name"], "s");
});

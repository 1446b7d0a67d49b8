import assert from "node:assert/strict";
import { test } from "node:test";
import { createClient, createRouterTransport } from "@connectrpc/connect";
import { createHttpApi } from "../../api/http/app.ts";
import { Dapr } from "../../gen/dapr/proto/runtime/v1/dapr_pb.ts";
import { createTracer } from "../../telemetry/trace.ts";
import { metadataGrpc } from "./grpc.ts";
import { createHealth } from "./health.ts";
import { metadataHttp } from "./http.ts";
import { createMetadata } from "./metadata.ts";
import type { MetadataPorts } from "./ports.ts";
import { createShutdown } from "./shutdown.ts";

const random = { bytes: (length: number) => new Uint8Array(length), uuid: () => "", fraction: () => 0 };
const clock = {
  now: () => 0,
  monotonic: () => 0,
  sleep: () => Promise.resolve(),
  after: () => () => {},
  alarm: () => () => {},
};

function sidecar(more: Partial<MetadataPorts> = {}) {
  const missing: string[] = [];
  const events: string[] = [];
  const state = { outbound: false };
  const metadata = createMetadata({
    appId: "app",
    runtimeVersion: "1.18.1",
    app: { port: 0, protocol: "http", channelAddress: "127.0.0.1", maxConcurrency: 0 },
    extended: new Map(),
    enabledFeatures: [],
    components: () => [],
    httpEndpoints: [],
    mcpServers: [],
    workflowAccessPolicies: [],
    resiliencies: [],
    ...more,
  });
  const shutdown = createShutdown({
    after: (ms, wake) => {
      events.push(`after ${ms}`);
      wake();
    },
    stop: () => void events.push("stop"),
    exit: (code) => void events.push(`exit ${code}`),
    log: { info: () => {}, warn: () => {} },
  });
  const health = createHealth({ appId: "app", missing: () => missing, isOutboundReady: () => state.outbound });
  const handle = createHttpApi({
    routes: metadataHttp({ metadata, health, shutdown }),
    clock,
    tracer: createTracer({ samplingRate: "0", hasExporter: false, random }),
    bodyLimit: 8,
  });
  const call = async (method: string, path: string, init: RequestInit = {}): Promise<Response> =>
    handle(new Request(`http://h/v1.0${path}`, { method, ...init }), { remoteAddress: "" });
  const part = metadataGrpc({ metadata, shutdown });
  const client = createClient(
    Dapr,
    createRouterTransport(({ service }) => void service(Dapr, part.methods as Parameters<typeof service>[1])),
  );
  return { call, client, missing, events, state };
}

test("metadata of an empty sidecar", async () => {
  const response = await sidecar().call("GET", "/metadata");
  assert.equal(response.headers.get("content-type"), "application/json");
  assert.equal(
    await response.text(),
    '{"id":"app","runtimeVersion":"1.18.1","extended":{"daprRuntimeVersion":"1.18.1"},' +
      '"appConnectionProperties":{"protocol":"http","channelAddress":"127.0.0.1"},' +
      '"actorRuntime":{"runtimeStatus":"DISABLED","hostReady":false,"placement":"placement: disconnected"}}\n',
  );
});

const full: Partial<MetadataPorts> = {
  app: {
    port: 3000,
    protocol: "http",
    channelAddress: "127.0.0.1",
    maxConcurrency: 2,
    health: { path: "/healthz", intervalMs: 5000, timeoutMs: 500, threshold: 3 },
  },
  enabledFeatures: ["F"],
  components: () => [{ name: "store", type: "state.in-memory", version: "v1", capabilities: ["ETAG", "ACTOR"] }],
  subscriptions: () => [
    {
      pubsubName: "bus",
      topic: "B",
      metadata: {},
      rules: [{ match: "", path: "/B" }],
      deadLetterTopic: "",
      type: "DECLARATIVE",
    },
  ],
  httpEndpoints: ["e"],
  resiliencies: ["r"],
  actors: () => ({ status: "RUNNING", active: [{ type: "T", count: 2 }], hostReady: true, placement: "p" }),
};

test("metadata of a full one", async () => {
  const body = (await (await sidecar(full).call("GET", "/metadata")).json()) as Record<string, unknown>;
  assert.deepEqual(body, {
    id: "app",
    runtimeVersion: "1.18.1",
    enabledFeatures: ["F"],
    actors: [{ type: "T", count: 2 }],
    components: [{ name: "store", type: "state.in-memory", version: "v1", capabilities: ["ETAG", "ACTOR"] }],
    extended: { daprRuntimeVersion: "1.18.1" },
    subscriptions: [
      { pubsubname: "bus", topic: "B", rules: [{ path: "/B" }], deadLetterTopic: "", type: "DECLARATIVE" },
    ],
    httpEndpoints: [{ name: "e" }],
    appConnectionProperties: {
      port: 3000,
      protocol: "http",
      channelAddress: "127.0.0.1",
      maxConcurrency: 2,
      health: {
        healthCheckPath: "/healthz",
        healthProbeInterval: "5s",
        healthProbeTimeout: "500ms",
        healthThreshold: 3,
      },
    },
    actorRuntime: {
      runtimeStatus: "RUNNING",
      activeActors: [{ type: "T", count: 2 }],
      hostReady: true,
      placement: "p",
    },
    resiliencies: [{ name: "r" }],
  });
});

test("labels", async () => {
  const { call, client } = sidecar();
  assert.equal((await call("PUT", "/metadata/a%20%2Fb", { body: "v" })).status, 204);
  assert.equal((await call("PUT", "/metadata/empty")).status, 204);
  const large = await call("PUT", "/metadata/large", { body: "123456789" });
  assert.equal(large.status, 400);
  assert.match(await large.text(), /"ERR_BODY_READ","message":"failed to read request body: stream too large"/);
  await client.setMetadata({ key: "k", value: "v2" });
  await client.setMetadata({ key: "", value: "ignored" });
  const { extended } = (await (await call("GET", "/metadata")).json()) as { extended: Record<string, string> };
  assert.deepEqual(extended, { "a /b": "v", empty: "", k: "v2", daprRuntimeVersion: "1.18.1" });
});

test("metadata over gRPC", async () => {
  const found = await sidecar(full).client.getMetadata({});
  assert.equal(found.id, "app");
  assert.equal(found.actorRuntime?.runtimeStatus, 2);
  assert.equal(found.scheduler, undefined);
  assert.equal(found.subscriptions[0]?.rules?.rules[0]?.path, "/B");
  assert.equal(found.subscriptions[0]?.type, 1);
  assert.deepEqual(found.registeredComponents[0]?.capabilities, ["ETAG", "ACTOR"]);
  const none = await sidecar().client.getMetadata({});
  assert.equal(none.actorRuntime?.runtimeStatus, 1);
  assert.equal(none.actorRuntime?.placement, "placement: disconnected");
  assert.equal(none.appConnectionProperties?.health, undefined);
  assert.equal(none.workflows?.connectedWorkers, 0);
});

test("health", async () => {
  const { call, missing, state } = sidecar();
  assert.equal((await call("GET", "/healthz")).status, 204);
  assert.equal((await call("GET", "/healthz?appid=app")).status, 204);
  const other = await call("GET", "/healthz?appid=");
  assert.equal(other.status, 500);
  assert.equal(await other.text(), '{"errorCode":"ERR_HEALTH_APPID_NOT_MATCH","message":"dapr app-id does not match"}');
  missing.push("runtime", "app");
  assert.equal(
    await (await call("GET", "/healthz?appid=x")).text(),
    '{"errorCode":"ERR_HEALTH_NOT_READY","message":"dapr is not ready: [runtime app]"}',
  );
  const outbound = await call("GET", "/healthz/outbound");
  assert.equal(outbound.status, 500);
  assert.match(await outbound.text(), /ERR_OUTBOUND_HEALTH_NOT_READY/);
  state.outbound = true;
  assert.equal((await call("GET", "/healthz/outbound?appid=x")).status, 204);
});

test("shutdown", async () => {
  const { call, client, events } = sidecar();
  assert.equal((await call("PUT", "/shutdown")).status, 404);
  assert.equal((await call("POST", "/shutdown")).status, 204);
  await client.shutdown({});
  assert.equal((await call("POST", "/shutdown", { headers: { "dapr-force-shutdown": "TRUE" } })).status, 204);
  await client.shutdown({}, { headers: { "dapr-force-shutdown": "true" } });
  assert.deepEqual(events, ["after 0", "stop", "after 0", "stop", "after 100", "exit 1", "after 100", "exit 1"]);
});

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { catalog } from "../../components/catalog.gen.ts";
import { grpcPart } from "../../src/api/grpc/part.ts";
import { createGrpcServer } from "../../src/api/grpc/server.ts";
import { createGrpcClient } from "../../src/channel/grpc/client.ts";
import { AppCallback, AppCallbackHealthCheck } from "../../src/gen/dapr/proto/runtime/v1/appcallback_pb.ts";
import type { Listener } from "../../src/platform/types.ts";
import { createNode, type RuntimeNode } from "../../src/runtime/node.ts";
import { hostPlatform } from "../harness/host-platform.ts";
import { type InlineSidecar, startInlineSidecar } from "../harness/inline-sidecar.ts";
import { describeProbe } from "../harness/probe-service.ts";

const platform = await hostPlatform();
const { clock } = platform;
const limits = { maxReceiveBytes: 1 << 20, maxSendBytes: 1 << 20 };
const probe = describeProbe();
const nodes: RuntimeNode[] = [];
let http: Listener;
let grpc: Listener;

const newNode = (): RuntimeNode => {
  const node = createNode({ platform, catalog, version: "0.0.0" });
  nodes.push(node);
  return node;
};
const configuration = (metrics: object, more: object = {}) => ({
  apiVersion: "dapr.io/v1alpha1",
  kind: "Configuration",
  metadata: { name: "c" },
  spec: { metrics, nameResolution: { component: "static", configuration: { peers: {} } }, ...more },
});

before(async () => {
  http = await platform.serveHttp!({ host: "127.0.0.1", port: 0 }, async (request) => {
    const { pathname } = new URL(request.url);
    return new Response("0123456789", { status: pathname === "/fail" ? 500 : 200 });
  });
  const callback = grpcPart(AppCallback, { onInvoke: () => ({}) });
  const health = grpcPart(AppCallbackHealthCheck, { healthCheck: () => ({}) });
  grpc = await platform.serveHttp2!(
    { host: "127.0.0.1", port: 0 },
    createGrpcServer({ parts: [probe.part({ unary: () => ({ text: "ok" }) }), callback, health], limits, clock }),
  );
});
after(async () => {
  await Promise.all(nodes.map((node) => node.stop()));
  await Promise.all([http.close(100), grpc.close(100)]);
});

/** Waits for the first probe, without which the app gets no calls. */
async function untilProbed(sidecar: InlineSidecar): Promise<void> {
  for (let tries = 0; !/healthprobes_completed_count\{.*="(?:200|OK)"\} /.test(await sidecar.metrics()); tries++) {
    assert.ok(tries < 500, "the app was not probed");
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

/** Series of one family with their values; of a histogram the counts and sums. */
function series(text: string, family: string): Record<string, number> {
  const found = text.matchAll(new RegExp(`^dapr_${family}\\{(.*)\\} (\\S+)$`, "gm"));
  return Object.fromEntries([...found].map(([, labels, value]) => [labels, Number(value)]));
}

test("calls of an HTTP app, of services outside and probes are counted", async () => {
  const site = {
    apiVersion: "dapr.io/v1alpha1",
    kind: "HTTPEndpoint",
    metadata: { name: "site" },
    spec: { baseUrl: `http://127.0.0.1:${http.port}` },
  };
  const sidecar = await startInlineSidecar({
    node: newNode(),
    appId: "a",
    args: [`--app-port=${http.port}`, "--enable-app-health-check", "--app-health-probe-interval=1"],
    values: [configuration({ enabled: true }), site],
  });
  await untilProbed(sidecar);
  const post = async (id: string, method: string) => {
    await (await sidecar.call(`/v1.0/invoke/${id}/method/${method}`, { method: "POST", body: "abc" })).text();
  };
  for (const [id, method] of [
    ["a", "x%20y"],
    ["a", "x%20y"],
    ["a", "fail"],
    ["site", "out"],
  ] as const)
    await post(id, method);
  await post(`http://127.0.0.1:${http.port}`, "url");
  await post("http://127.0.0.1:1", "dead");
  const text = await sidecar.metrics();
  const of = (path: string, status: string) => `app_id="a",method="POST",path="${path}",status="${status}"`;
  const { 'app_id="a",method="GET",path="/dapr/config",status="200"': config, ...calls } = series(
    text,
    "http_client_completed_count",
  );
  assert.equal(config, 1);
  delete calls['app_id="a",method="GET",path="/dapr/subscribe",status="200"'];
  assert.deepEqual(calls, {
    [of("/x y", "200")]: 2,
    [of("/fail", "500")]: 1,
    [of("/out", "200")]: 1,
    [of("/url", "200")]: 1,
    [of("/dead", "500")]: 1,
  });
  assert.equal(series(text, "http_client_sent_bytes_sum")[of("/x y", "")], 6);
  assert.equal(series(text, "http_client_roundtrip_latency_count")[of("/x y", "200")], 2);
  const received = series(text, "http_client_received_bytes_sum")['app_id="a"'] ?? 0;
  assert.ok(received >= 50 && received % 10 === 0, String(received));
  assert.ok((series(text, "http_healthprobes_completed_count")['app_id="a",status="200"'] ?? 0) >= 1);
});

test("labels follow the rules of the Configuration", async () => {
  const sidecar = await startInlineSidecar({
    node: newNode(),
    appId: "a",
    args: [`--app-port=${http.port}`],
    values: [
      configuration({ http: { increasedCardinality: false, pathMatching: ["/orders/{id}"], excludeVerbs: true } }),
    ],
  });
  for (const method of ["orders/1", "orders/2", "other"]) {
    await (await sidecar.call(`/v1.0/invoke/a/method/${method}`)).text();
  }
  const found = series(await sidecar.metrics(), "http_client_completed_count");
  assert.equal(found['app_id="a",method="",path="/orders/{id}",status="200"'], 2);
  assert.equal(found['app_id="a",method="",path="",status="200"'], 1);
  assert.equal(found['app_id="a",method="",path="/dapr/config",status="200"'], 1);
});

test("without metrics nothing is counted", async () => {
  const sidecar = await startInlineSidecar({
    node: newNode(),
    appId: "a",
    args: [`--app-port=${http.port}`, "--enable-metrics=false"],
    values: [configuration({})],
  });
  assert.equal((await sidecar.call("/v1.0/invoke/a/method/x")).status, 200);
  assert.equal(sidecar.metricsPort, 0);
});

test("calls of a gRPC app are counted, and those that are proxied", async () => {
  const callee = await startInlineSidecar({
    node: newNode(),
    appId: "callee",
    args: [
      `--app-port=${grpc.port}`,
      "--app-protocol=grpc",
      "--enable-app-health-check",
      "--app-health-probe-interval=1",
    ],
    values: [configuration({})],
  });
  await untilProbed(callee);
  const { internalPort } = await callee.sidecar.listening;
  const caller = await startInlineSidecar({
    node: newNode(),
    appId: "caller",
    values: [
      configuration(
        {},
        { nameResolution: { component: "static", configuration: { peers: { callee: `127.0.0.1:${internalPort}` } } } },
      ),
    ],
  });
  assert.equal((await caller.call("/v1.0/invoke/callee/method/x", { method: "POST", body: "abc" })).status, 200);
  const http2 = platform.connectHttp2!({ host: "127.0.0.1", port: caller.grpcPort });
  const client = createGrpcClient({ client: http2, clock, target: "tcp test", ...limits });
  await client.unary(probe.unary, {}, { headers: { "dapr-app-id": "callee" } });
  await client.unary(probe.unary, {}, { headers: { "dapr-app-id": "callee", "dapr-stream": "true" } });
  await http2.close();
  const text = await callee.metrics();
  const of = (method: string) => `app_id="callee",grpc_client_method="${method}"`;
  const onInvoke = "/dapr.proto.runtime.v1.AppCallback/OnInvoke";
  const completed = series(text, "grpc_io_client_completed_rpcs");
  assert.equal(completed[`${of(onInvoke)},grpc_client_status="OK"`], 1);
  // compat: upstream counts it only when the caller's sidecar left the app id in the metadata, which none does.
  assert.equal(completed[`${of("/probe.v1.Probe/Unary")},grpc_client_status="OK"`], undefined);
  const sent = await caller.metrics();
  const invocation = "runtime_service_invocation";
  assert.deepEqual(series(sent, `${invocation}_req_sent_total`), {
    'app_id="caller",dst_app_id="callee",type="unary"': 2,
    'app_id="caller",dst_app_id="callee",type="streaming"': 1,
  });
  const received = series(sent, `${invocation}_res_recv_total`);
  assert.deepEqual(received, { 'app_id="caller",src_app_id="callee",status="0",type="unary"': 2 });
  assert.ok((series(text, "grpc_io_client_sent_bytes_per_rpc_sum")[of(onInvoke)] ?? 0) > 3);
});

import assert from "node:assert/strict";
import { test } from "node:test";
import { sizeBuckets } from "./buckets.ts";
import { createComponentMetrics } from "./component-metrics.ts";
import { formatGoFloat } from "./go-float.ts";
import { createHttpMetrics, type HttpMetricsOptions } from "./http-metrics.ts";
import { reducedPath } from "./metric-path.ts";
import { createMetrics } from "./metrics.ts";
import { createMetricsHandler } from "./metrics-listener.ts";

const registry = () => createMetrics({ prefix: "dapr", common: { app_id: "a" } });

test("the text of a registry", async () => {
  const metrics = registry();
  metrics.gauge("b_now", 'a "gauge"\nwith \\').set({ z: 'q"\\\n', c: "" }, 1.5);
  metrics.counter("a_total", "A counter.").add({ x: "2" }, 2);
  metrics.counter("a_total", "A counter.").add({ x: "1" });
  metrics.counter("unused", "Never shown.");
  const latency = metrics.histogram("lat", "ms.", [0, 1, 5]);
  for (const value of [0.5, 1, 4, 100]) latency.observe({}, value);
  metrics.plain().gauge("process_resident_memory_bytes", "RSS.").set({}, 89747456);
  let collected = 0;
  metrics.onCollect(() => collected++);
  const response = await createMetricsHandler(metrics, () => Promise.resolve())(new Request("http://h/metrics"), {
    remoteAddress: "",
  });
  assert.equal(collected, 1);
  assert.equal(response.headers.get("content-type"), "text/plain; version=0.0.4; charset=utf-8");
  assert.equal(
    await response.text(),
    [
      "# HELP dapr_a_total A counter.",
      "# TYPE dapr_a_total counter",
      'dapr_a_total{app_id="a",x="1"} 1',
      'dapr_a_total{app_id="a",x="2"} 2',
      '# HELP dapr_b_now a "gauge"\\nwith \\\\',
      "# TYPE dapr_b_now gauge",
      'dapr_b_now{app_id="a",c="",z="q\\"\\\\\\n"} 1.5',
      "# HELP dapr_lat ms.",
      "# TYPE dapr_lat histogram",
      'dapr_lat_bucket{app_id="a",le="1"} 1',
      'dapr_lat_bucket{app_id="a",le="5"} 3',
      'dapr_lat_bucket{app_id="a",le="+Inf"} 4',
      'dapr_lat_sum{app_id="a"} 105.5',
      'dapr_lat_count{app_id="a"} 4',
      "# HELP process_resident_memory_bytes RSS.",
      "# TYPE process_resident_memory_bytes gauge",
      "process_resident_memory_bytes 8.9747456e+07",
      "",
    ].join("\n"),
  );
});

test("labels given in another order are the same series", () => {
  const metrics = registry();
  const counter = metrics.counter("x", "x");
  counter.add({ a: "1", b: "2" });
  counter.add({ b: "2", a: "1" });
  counter.bind({ a: "1", b: "2" }).add();
  assert.match(metrics.expose(), /dapr_x\{a="1",app_id="a",b="2"\} 3\n/);
  assert.throws(() => metrics.gauge("x", "x"), { message: 'metric "dapr_x" is a counter, not a gauge' });
});

test("rules rewrite label values", () => {
  const metrics = createMetrics({
    prefix: "dapr",
    common: {},
    rules: [
      {
        name: "dapr_http_server_request_count",
        labels: [{ name: "path", regex: { "/orders/$1x": "/orders/(\\w).*" } }],
      },
    ],
  });
  metrics.counter("http_server_request_count", "x").add({ path: "/orders/abc" });
  assert.match(metrics.expose(), /path="\/orders\/ax"/);
  const faulty = [{ name: "n", labels: [{ name: "l", regex: { r: "(" } }] }];
  assert.throws(() => createMetrics({ prefix: "dapr", common: {}, rules: faulty }), /failed to compile regex "\("/);
});

test("numbers as Go prints them", () => {
  const cases = { "100000": 1e5, "1.048576e+06": 1048576, "0.0001": 1e-4, "1e-05": 1e-5, "+Inf": Infinity, "1.5": 1.5 };
  for (const [text, value] of Object.entries(cases)) assert.equal(formatGoFloat(value), text);
  assert.equal(formatGoFloat(sizeBuckets.at(-1) ?? 0), "4.294967296e+09");
});

test("paths without what varies", () => {
  const cases = {
    "": "",
    "/v1.0": "/v1.0",
    "//v1.0/state//s/k/x": "/v1.0/state/s",
    "/v1.0/state/s": "/v1.0/state/s",
    "/v1.0/secrets/s/bulk": "/v1.0/secrets/s",
    "/v1.0/actors/T/1/timers/n": "/v1.0/actors/T/{id}/timers",
    "/v1.0/actors/T/1": "/v1.0/actors/T/1",
    "/actors/T/1/method/m": "actors/T/{id}/method/m",
    "/v1.0/workflows/dapr/id": "/v1.0/workflows/dapr/{instanceId}",
    "/v1.0/workflows/dapr/name/start": "/v1.0/workflows/dapr/name/start",
    "/v1.0/workflows/dapr/id/pause": "/v1.0/workflows/dapr/{instanceId}/pause",
    "/v1.0/workflows/dapr/id/raiseEvent/e": "/v1.0/workflows/dapr/{instanceId}/raiseEvent/{eventName}",
    "/v1.0/invoke/a/method/x/1": "/v1.0/invoke/a/method/x/1",
  };
  for (const [path, label] of Object.entries(cases)) assert.equal(reducedPath(path), label);
});

function pathsOf(options: Partial<HttpMetricsOptions>, paths: readonly string[], method = "GET"): string[] {
  const metrics = registry();
  const { server } = createHttpMetrics(metrics, {
    increasedCardinality: false,
    pathMatching: [],
    excludeVerbs: false,
    latencyBuckets: [],
    ...options,
  });
  for (const path of paths) server.completed(method, path, 200, 0, 0, 1);
  return [...metrics.expose().matchAll(/request_count\{app_id="a",(.*),status="200"\} (\d+)/g)].map(
    ([, labels, count]) => `${labels} ${count}`,
  );
}

test("path labels of low cardinality", () => {
  const invoke = "/v1.0/invoke/myapp/method";
  const matching = [
    `${invoke}/basket`,
    `${invoke}/orders/1234`,
    `${invoke}/orders/{orderID}`,
    `${invoke}/orders`,
    "/v1.0/state/mystore/{key}",
    "/files/{rest...}",
  ];
  const paths = ["orders/1111", "orders/1234", "orders", "basket", "items/1"].map((path) => `${invoke}/${path}`);
  paths.push(`/${invoke}/orders/9999`, "/v1.0/state/mystore/foo", "/v1.0/state/mystore");
  paths.push("/v1.0/invoke/other/method/files/a/b");
  assert.deepEqual(pathsOf({ pathMatching: matching }, paths), [
    'method="GET",path="" 2',
    `method="GET",path="${invoke}/basket" 1`,
    `method="GET",path="${invoke}/orders" 1`,
    `method="GET",path="${invoke}/orders/1234" 1`,
    `method="GET",path="${invoke}/orders/{orderID}" 2`,
    'method="GET",path="/v1.0/invoke/{app_id}/method/files/{rest...}" 1',
    'method="GET",path="/v1.0/state/mystore/{key}" 1',
  ]);
  assert.deepEqual(pathsOf({}, ["/v1.0/state/s/k", "/x"]), ['method="GET",path="" 2']);
});

test("path labels of increased cardinality", () => {
  const options = { increasedCardinality: true, pathMatching: ["/v1.0/invoke/{app}/method/orders/{id}"] };
  assert.deepEqual(pathsOf(options, ["/v1.0/invoke/a/method/orders/1", "/v1.0/state/s/k", "/v1.0/healthz"]), [
    'method="GET",path="/v1.0/healthz" 1',
    'method="GET",path="/v1.0/invoke/{app}/method/orders/{id}" 1',
    'method="GET",path="/v1.0/state/s" 1',
  ]);
  assert.deepEqual(pathsOf({ increasedCardinality: true, excludeVerbs: true }, ["/a"]), ['method="",path="/a" 1']);
  assert.deepEqual(pathsOf({ increasedCardinality: true }, ["/a"], "BREW"), ['method="UNKNOWN",path="/a" 1']);
});

test("component series", () => {
  const metrics = registry();
  const components = createComponentMetrics(metrics, { namespace: "", latencyBuckets: [10] });
  components.loaded();
  components.initFailed("state.x", "init", "store");
  components.state("store", "get", true, 3);
  components.pubsubDelivered("bus", "t", "success", "", 1);
  const text = metrics.expose();
  assert.match(text, /dapr_runtime_component_loaded\{app_id="a"\} 1\n/);
  assert.match(text, /init_fail_total\{app_id="a",component="state.x",componentName="store",reason="init"\} 1\n/);
  const labels = 'app_id="a",component="store",namespace="",operation="get",success="true"';
  assert.ok(text.includes(`dapr_component_state_count{${labels}} 1\n`));
  assert.ok(text.includes(`dapr_component_state_latencies_bucket{${labels},le="10"} 1\n`));
  assert.match(text, /ingress_count\{.*process_status="success",status="success",topic="t"\} 1\n/);
});

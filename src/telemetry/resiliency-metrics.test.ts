import assert from "node:assert/strict";
import { test } from "node:test";
import { createMetrics } from "./metrics.ts";
import { createResiliencyMetrics } from "./resiliency-metrics.ts";

test("series and labels are those of upstream; the state gauge has one 1", () => {
  const registry = createMetrics({ prefix: "dapr", common: { app_id: "client" } });
  const metrics = createResiliencyMetrics(registry);
  metrics.loaded("r", "ns");
  const target = metrics.target("r", "ns", "app_server", "outbound");
  target.executed("retry", "");
  target.executed("retry", "");
  target.activated("retry", "");
  target.executed("circuitbreaker", "closed");
  target.executed("circuitbreaker", "open");
  target.activated("circuitbreaker", "open");
  const lines = registry
    .expose()
    .split("\n")
    .filter((line) => !line.startsWith("#") && line !== "");
  const common = 'app_id="client",flow_direction="outbound",name="r",namespace="ns"';
  const rest = (policy: string, status: string) => `policy="${policy}",status="${status}",target="app_server"`;
  assert.deepEqual(lines, [
    `dapr_resiliency_activations_total{${common},${rest("circuitbreaker", "open")}} 1`,
    `dapr_resiliency_activations_total{${common},${rest("retry", "")}} 1`,
    `dapr_resiliency_cb_state{${common},${rest("circuitbreaker", "closed")}} 0`,
    `dapr_resiliency_cb_state{${common},${rest("circuitbreaker", "half-open")}} 0`,
    `dapr_resiliency_cb_state{${common},${rest("circuitbreaker", "open")}} 1`,
    `dapr_resiliency_cb_state{${common},${rest("circuitbreaker", "unknown")}} 0`,
    `dapr_resiliency_count{${common},${rest("circuitbreaker", "closed")}} 1`,
    `dapr_resiliency_count{${common},${rest("circuitbreaker", "open")}} 1`,
    `dapr_resiliency_count{${common},${rest("retry", "")}} 2`,
    'dapr_resiliency_loaded{app_id="client",name="r",namespace="ns"} 1',
  ]);
});

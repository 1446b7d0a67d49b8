import assert from "node:assert/strict";
import { test } from "node:test";
import { createAccessMetrics } from "./access-metrics.ts";
import { createMetrics } from "./metrics.ts";

test("decisions are counted under the caller's name, or under none", () => {
  const registry = createMetrics({ prefix: "dapr", common: { app_id: "callee" } });
  const metrics = createAccessMetrics(registry);
  const caller = { appId: "shop", namespace: "prod", trustDomain: "td" };
  metrics.decided(true, "global", undefined);
  metrics.decided(true, "global", undefined);
  metrics.decided(false, "global", undefined);
  metrics.decided(true, "app", caller);
  metrics.decided(false, "app", caller);
  const lines = registry.expose().split("\n");
  for (const line of [
    'dapr_runtime_acl_global_policy_action_allowed_total{app_id="",namespace="",trustDomain=""} 2',
    'dapr_runtime_acl_global_policy_action_blocked_total{app_id="",namespace="",trustDomain=""} 1',
    'dapr_runtime_acl_app_policy_action_allowed_total{app_id="shop",namespace="prod",trustDomain="td"} 1',
    'dapr_runtime_acl_app_policy_action_blocked_total{app_id="shop",namespace="prod",trustDomain="td"} 1',
  ]) {
    assert.ok(lines.includes(line), line);
  }
});

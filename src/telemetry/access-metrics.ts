import type { BoundCounter, MetricsRegistry } from "./metrics.ts";

/** A caller whose name is proven. */
interface Caller {
  readonly appId: string;
  readonly namespace: string;
  readonly trustDomain?: string | undefined;
}

/** Counts what access rules decide. */
export interface AccessMetrics {
  /** `caller` is undefined when nothing proves who called. */
  decided(isAllowed: boolean, policy: "app" | "global", caller: Caller | undefined): void;
}

/** `runtime_acl_…` of one sidecar; compat: the label `app_id` is that of the caller (`pkg/diagnostics/service_monitoring.go`). */
export function createAccessMetrics(metrics: MetricsRegistry): AccessMetrics {
  const name = "runtime_acl";
  const help = (what: string, by: string): string => `Calls that the ${by} of the access control policy ${what}.`;
  const counters = {
    app: {
      allowed: metrics.counter(`${name}_app_policy_action_allowed_total`, help("allowed", "app's action")),
      blocked: metrics.counter(`${name}_app_policy_action_blocked_total`, help("blocked", "app's action")),
    },
    global: {
      allowed: metrics.counter(`${name}_global_policy_action_allowed_total`, help("allowed", "global action")),
      blocked: metrics.counter(`${name}_global_policy_action_blocked_total`, help("blocked", "global action")),
    },
  };
  const labels = (caller: Caller | undefined) => ({
    app_id: caller?.appId ?? "",
    trustDomain: caller?.trustDomain ?? "",
    namespace: caller?.namespace ?? "",
  });
  // Nearly all calls of a sidecar without mTLS and policies come here.
  let unproven: BoundCounter | undefined;
  return {
    decided(isAllowed, policy, caller) {
      if (isAllowed && policy === "global" && caller === undefined) {
        unproven ??= counters.global.allowed.bind(labels(undefined));
        unproven.add();
      } else counters[policy][isAllowed ? "allowed" : "blocked"].add(labels(caller));
    },
  };
}

import type { BoundCounter, MetricsRegistry } from "./metrics.ts";
import type { Labels } from "./ports.ts";

/** Counts what resiliency policies do; names and labels as upstream's (`pkg/diagnostics/resiliency_monitoring.go`). */
export interface ResiliencyMetrics {
  /** A resource was loaded. */
  loaded(name: string, namespace: string): void;
  /** The counters of one target, such as `app_orders`. */
  target(name: string, namespace: string, target: string, direction: "inbound" | "outbound"): TargetMetrics;
}

export interface TargetMetrics {
  /** A policy applies to an operation; `status` is the state of a circuit breaker, else empty. */
  executed(kind: PolicyKind, status: string): void;
  /** A policy did something. */
  activated(kind: PolicyKind, status: string): void;
}

type PolicyKind = "timeout" | "retry" | "circuitbreaker";

const breakerStates = ["closed", "half-open", "open", "unknown"] as const;

/** `resiliency_…` of one sidecar. */
export function createResiliencyMetrics(metrics: MetricsRegistry): ResiliencyMetrics {
  const loads = metrics.counter("resiliency_loaded", "Number of resiliency policies loaded.");
  const executions = metrics.counter("resiliency_count", "Times that a resiliency policy applied to an operation.");
  const activations = metrics.counter(
    "resiliency_activations_total",
    "Times that a resiliency policy acted on a failure, or changed its state.",
  );
  const states = metrics.gauge("resiliency_cb_state", "State of a circuit breaker: 1 for the one that it is in.");

  return {
    loaded: (name, namespace) => loads.add({ name, namespace }),
    target(name, namespace, target, direction) {
      const common: Labels = { name, namespace, flow_direction: direction, target };
      const bound = new Map<string, BoundCounter>();
      const executed = (policy: PolicyKind, status: string): BoundCounter => {
        const key = `${policy} ${status}`;
        let counter = bound.get(key);
        if (counter === undefined) bound.set(key, (counter = executions.bind({ ...common, policy, status })));
        return counter;
      };
      let shown = "";
      return {
        executed(policy, status) {
          executed(policy, status).add();
          // Breakers of several methods share the series of their app: the last one seen shows.
          if (policy !== "circuitbreaker" || status === shown) return;
          shown = status;
          for (const state of breakerStates) {
            states.set({ ...common, policy, status: state }, state === status ? 1 : 0);
          }
        },
        activated: (policy, status) => activations.add({ ...common, policy, status }),
      };
    },
  };
}

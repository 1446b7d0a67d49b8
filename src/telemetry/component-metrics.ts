import { defaultLatencyBuckets } from "./buckets.ts";
import type { BoundCounter, BoundHistogram, MetricsRegistry } from "./metrics.ts";
import type { Labels } from "./ports.ts";

/** Counts what components do. Latencies in milliseconds. */
export interface ComponentMetrics {
  /** A component was found and is about to be opened. */
  loaded(): void;
  initialized(type: string): void;
  initFailed(type: string, reason: string, name: string): void;
  state(component: string, operation: StateOperationName, success: boolean, ms: number): void;
  secret(component: string, operation: "get" | "bulk_get", success: boolean, ms: number): void;
  pubsubPublished(component: string, topic: string, success: boolean, ms: number): void;
  /** `published`: how many of the entries were taken. */
  pubsubBulkPublished(component: string, topic: string, success: boolean, published: number, ms: number): void;
  inputBinding(component: string, success: boolean, ms: number): void;
  outputBinding(component: string, operation: string, success: boolean, ms: number): void;
  /** `processStatus` is success, retry or drop; `status` what the app said, empty when it said nothing. */
  pubsubDelivered(component: string, topic: string, processStatus: string, status: string, ms: number): void;
  pubsubBulkDelivered(component: string, topic: string, ms: number): void;
  /** Entries of a bulk delivery that ended with one status. */
  pubsubBulkEntries(component: string, topic: string, processStatus: string, entries: number): void;
}

export type StateOperationName = "get" | "set" | "delete" | "query" | "transaction" | "bulk_get" | "bulk_delete";

export interface ComponentMetricsOptions {
  readonly namespace: string;
  /** Upper bounds in milliseconds; empty: the defaults. */
  readonly latencyBuckets: readonly number[];
}

function isSame(one: Labels, other: Labels): boolean {
  for (const name in one) if (one[name] !== other[name]) return false;
  return true;
}

/** `runtime_component_…` and `component_…` of one sidecar. */
export function createComponentMetrics(metrics: MetricsRegistry, options: ComponentMetricsOptions): ComponentMetrics {
  const buckets = options.latencyBuckets.length > 0 ? options.latencyBuckets : defaultLatencyBuckets;
  const { namespace } = options;
  const loads = metrics.counter("runtime_component_loaded", "Components that were loaded.");
  const inits = metrics.counter("runtime_component_init_total", "Components that were initialized.");
  const failedInits = metrics.counter("runtime_component_init_fail_total", "Components that failed to initialize.");
  const state = pair("component_state", "operations on state stores");
  const secret = pair("component_secret", "operations on secret stores");
  const egress = pair("component_pubsub_egress", "messages published to brokers");
  const bulkEgress = pair("component_pubsub_egress_bulk", "bulk publish calls to brokers");
  const bulkEgressEvents = metrics.counter("component_pubsub_egress_bulk_event_count", "Messages published in bulk.");
  const ingress = pair("component_pubsub_ingress", "messages delivered to the app");
  const bulkIngress = pair("component_pubsub_ingress_bulk", "bulk deliveries to the app");
  const inputs = pair("component_input_binding", "events of input bindings");
  const outputs = pair("component_output_binding", "calls of output bindings");
  const bulkIngressEvents = metrics.counter(
    "component_pubsub_ingress_bulk_event_count",
    "Messages delivered to the app in bulk.",
  );

  function pair(name: string, what: string): (labels: Labels, ms: number) => void {
    const count = metrics.counter(`${name}_count`, `Number of ${what}.`);
    const latency = metrics.histogram(`${name}_latencies`, `Time of ${what}, in ms.`, buckets);
    // Most calls have the labels of the one before.
    let last: { labels: Labels; counted: BoundCounter; timed: BoundHistogram } | undefined;
    return (labels, ms) => {
      if (last === undefined || !isSame(labels, last.labels))
        last = { labels, counted: count.bind(labels), timed: latency.bind(labels) };
      last.counted.add();
      // compat: what took no time was not done (pkg/diagnostics/component_monitoring.go)
      if (ms > 0) last.timed.observe(ms);
    };
  }
  return {
    loaded: () => loads.add({}),
    initialized: (type) => inits.add({ component: type }),
    initFailed: (type, reason, name) => failedInits.add({ component: type, reason, componentName: name }),
    state: (component, operation, success, ms) =>
      state({ component, namespace, operation, success: String(success) }, ms),
    secret: (component, operation, success, ms) =>
      secret({ component, namespace, operation, success: String(success) }, ms),
    inputBinding: (component, success, ms) => inputs({ component, namespace, success: String(success) }, ms),
    outputBinding: (component, operation, success, ms) =>
      outputs({ component, namespace, operation, success: String(success) }, ms),
    pubsubPublished: (component, topic, success, ms) =>
      egress({ component, namespace, success: String(success), topic }, ms),
    pubsubBulkPublished(component, topic, success, published, ms) {
      bulkEgress({ component, namespace, success: String(success), topic }, ms);
      if (published > 0) bulkEgressEvents.add({ component, namespace, success: "true", topic }, published);
    },
    pubsubDelivered: (component, topic, processStatus, status, ms) =>
      ingress({ component, namespace, process_status: processStatus, status: status || processStatus, topic }, ms),
    pubsubBulkDelivered: (component, topic, ms) => bulkIngress({ component, namespace, process_status: "", topic }, ms),
    pubsubBulkEntries(component, topic, processStatus, entries) {
      if (entries > 0) {
        bulkIngressEvents.add({ component, namespace, process_status: processStatus, topic }, entries);
      }
    },
  };
}

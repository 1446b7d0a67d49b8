import { defaultLatencyBuckets } from "./buckets.ts";
import type { MetricsRegistry } from "./metrics.ts";

/** Counts calls between sidecars, at both ends; names and labels as upstream's (`pkg/diagnostics/service_monitoring.go`). */
export interface InvokeMetrics {
  requestSent(callee: string): void;
  responseReceived(callee: string, code: number, ms: number): void;
  requestReceived(caller: string): void;
  responseSent(caller: string, code: number): void;
  /** A proxied call that its caller says is a long stream. */
  streamSent(callee: string): void;
}

/** `runtime_service_invocation_…` of one sidecar. Empty `latencyBuckets`: the defaults. */
export function createInvokeMetrics(metrics: MetricsRegistry, latencyBuckets: readonly number[]): InvokeMetrics {
  const name = "runtime_service_invocation";
  const sent = metrics.counter(`${name}_req_sent_total`, "Requests sent to other apps.");
  const received = metrics.counter(`${name}_req_recv_total`, "Requests received from other apps.");
  const answered = metrics.counter(`${name}_res_sent_total`, "Responses sent to other apps.");
  const answers = metrics.counter(`${name}_res_recv_total`, "Responses received from other apps.");
  const latency = metrics.histogram(
    `${name}_res_recv_latency_ms`,
    "Time from a request to its response, in ms.",
    latencyBuckets.length > 0 ? latencyBuckets : defaultLatencyBuckets,
  );
  return {
    requestSent: (callee) => sent.add({ dst_app_id: callee, type: "unary" }),
    streamSent: (callee) => sent.add({ dst_app_id: callee, type: "streaming" }),
    responseReceived(callee, code, ms) {
      const status = String(code);
      answers.add({ src_app_id: callee, status, type: "unary" });
      latency.observe({ src_app_id: callee, status }, ms);
    },
    requestReceived: (caller) => received.add({ src_app_id: caller }),
    responseSent: (caller, code) => answered.add({ dst_app_id: caller, status: String(code) }),
  };
}

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
  const sentTo = boundTo((callee: string) => sent.bind({ dst_app_id: callee, type: "unary" }));
  const answersOf = boundTo((callee: string) =>
    boundTo((code: number) => {
      const status = String(code);
      return {
        answers: answers.bind({ src_app_id: callee, status, type: "unary" }),
        latency: latency.bind({ src_app_id: callee, status }),
      };
    }),
  );
  const receivedFrom = boundTo((caller: string) => received.bind({ src_app_id: caller }));
  const answeredTo = boundTo((caller: string) =>
    boundTo((code: number) => answered.bind({ dst_app_id: caller, status: String(code) })),
  );
  return {
    requestSent: (callee) => sentTo(callee).add(),
    streamSent: (callee) => sent.add({ dst_app_id: callee, type: "streaming" }),
    responseReceived(callee, code, ms) {
      const series = answersOf(callee)(code);
      series.answers.add();
      series.latency.observe(ms);
    },
    requestReceived: (caller) => receivedFrom(caller).add(),
    responseSent: (caller, code) => answeredTo(caller)(code).add(),
  };
}

/** Keeps what was made for a label's value: the registry finds a series by all its labels, which costs more than to count. */
function boundTo<Key, Made>(make: (key: Key) => Made): (key: Key) => Made {
  const kept = new Map<Key, Made>();
  return (key) => {
    let made = kept.get(key);
    if (made === undefined) kept.set(key, (made = make(key)));
    return made;
  };
}

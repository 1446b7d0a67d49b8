import { grpcCodeName } from "../../errors/http-status.ts";
import type { Clock } from "../../kit/clock.ts";
import type { MetricsRegistry } from "../../telemetry/metrics.ts";
import type { GrpcInterceptor } from "./interceptor.ts";

export interface CallMetricsOptions {
  readonly metrics: MetricsRegistry;
  readonly clock: Clock;
  readonly appId: string;
  /** Milliseconds. */
  readonly latencyBuckets: readonly number[];
  /** True for paths of unary RPCs of our own; other calls count only when they are proxied by app id, and without sizes. */
  readonly isUnary: (path: string) => boolean;
  /** Gets every error, for the error-code metric. */
  readonly onError?: (error: unknown) => void;
}

const sizeBuckets = [10, 11, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30, 32].map((power) => 2 ** power);

/** Counts the server side of calls in `grpc_io_server_*`. */
export function createCallMetrics(options: CallMetricsOptions): GrpcInterceptor {
  const { metrics, clock, isUnary, onError } = options;
  const completed = metrics.counter("grpc_io_server_completed_rpcs", "Distribution of bytes sent per RPC, by method.");
  const received = metrics.histogram(
    "grpc_io_server_received_bytes_per_rpc",
    "Total bytes received across all messages per RPC.",
    sizeBuckets,
  );
  const sent = metrics.histogram(
    "grpc_io_server_sent_bytes_per_rpc",
    "Total bytes sent in across all response messages per RPC.",
    sizeBuckets,
  );
  const latency = metrics.histogram(
    "grpc_io_server_server_latency",
    "Time between first byte of request received to last byte of response sent, or terminal error.",
    options.latencyBuckets,
  );
  const app_id = options.appId;
  const ended = createSeriesCache((grpc_server_method, grpc_server_status) => {
    const labels = { app_id, grpc_server_method, grpc_server_status };
    return { completed: completed.bind(labels), latency: latency.bind(labels) };
  });
  const measured = createSeriesCache((grpc_server_method) => {
    const labels = { app_id, grpc_server_method };
    return { received: received.bind(labels), sent: sent.bind(labels) };
  });
  return (info) => {
    const unary = isUnary(info.path);
    if (!unary && info.header("dapr-app-id") === undefined) return undefined;
    const start = clock.monotonic();
    return ({ code, error, requestBytes, responseBytes }) => {
      const series = ended(info.path, grpcCodeName(code));
      series.completed.add();
      series.latency.observe(Math.trunc(clock.monotonic() - start));
      if (unary) {
        const sizes = measured(info.path, "");
        sizes.received.observe(requestBytes);
        sizes.sent.observe(responseBytes);
      }
      if (error !== undefined) onError?.(error);
    };
  };
}

/**
 * Series of a method and a status, looked up once: the registry finds them by all their labels, which costs more than to count. Paths
 * come from clients, so a limited number is kept.
 */
function createSeriesCache<Series>(
  bind: (method: string, status: string) => Series,
): (method: string, status: string) => Series {
  const kept = new Map<string, Map<string, Series>>();
  const most = 1000;
  return (method, status) => {
    let ofMethod = kept.get(method);
    if (ofMethod === undefined) {
      ofMethod = new Map();
      if (kept.size < most) kept.set(method, ofMethod);
    }
    let found = ofMethod.get(status);
    if (found === undefined) ofMethod.set(status, (found = bind(method, status)));
    return found;
  };
}

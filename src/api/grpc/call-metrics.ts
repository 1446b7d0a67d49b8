import { grpcCodeName } from "../../errors/http-status.ts";
import type { Clock } from "../../kit/clock.ts";
import type { Labels, Metrics } from "../../telemetry/ports.ts";
import type { GrpcInterceptor } from "./interceptor.ts";

export interface CallMetricsOptions {
  readonly metrics: Metrics;
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
  const labels = createLabelCache(options.appId);
  return (info) => {
    const unary = isUnary(info.path);
    if (!unary && info.header("dapr-app-id") === undefined) return undefined;
    const start = clock.monotonic();
    return ({ code, error, requestBytes, responseBytes }) => {
      const withStatus = labels(info.path, grpcCodeName(code));
      completed.add(withStatus);
      latency.observe(withStatus, Math.trunc(clock.monotonic() - start));
      if (unary) {
        const plain = labels(info.path, "");
        received.observe(plain, requestBytes);
        sent.observe(plain, responseBytes);
      }
      if (error !== undefined) onError?.(error);
    };
  };
}

/** The same object for the same labels, so that a registry can look series up by identity. Paths come from clients, so it keeps a limited number. */
function createLabelCache(appId: string): (method: string, status: string) => Labels {
  const kept = new Map<string, Labels>();
  const most = 2000;
  return (method, status) => {
    const key = `${status} ${method}`;
    const found = kept.get(key);
    if (found !== undefined) return found;
    const made: Labels =
      status === ""
        ? { app_id: appId, grpc_server_method: method }
        : { app_id: appId, grpc_server_method: method, grpc_server_status: status };
    if (kept.size < most) kept.set(key, made);
    return made;
  };
}

import { grpcCodeName } from "../errors/http-status.ts";
import { defaultLatencyBuckets, sizeBuckets } from "./buckets.ts";
import type { Metrics } from "./ports.ts";

/** Counts gRPC calls to apps and peers. `method` is the full one (`/package.Service/Method`), sizes are of messages in bytes, times in ms. */
export interface GrpcClientMetrics {
  completed(method: string, code: number, sentBytes: number, receivedBytes: number, ms: number): void;
  /** A proxied stream; its messages are not measured. */
  streamed(method: string, code: number, ms: number): void;
  /** A health probe of a gRPC app. */
  probed(code: number, ms: number): void;
}

/** `grpc_io_client_…` and the probes of one sidecar. Empty `latencyBuckets`: the defaults. */
export function createGrpcClientMetrics(metrics: Metrics, latencyBuckets: readonly number[]): GrpcClientMetrics {
  const buckets = latencyBuckets.length > 0 ? latencyBuckets : defaultLatencyBuckets;
  const rpcs = metrics.counter("grpc_io_client_completed_rpcs", "gRPC calls that were completed.");
  const latency = metrics.histogram("grpc_io_client_roundtrip_latency", "Time of gRPC calls, in ms.", buckets);
  const sent = metrics.histogram("grpc_io_client_sent_bytes_per_rpc", "Bytes sent per gRPC call.", sizeBuckets);
  const received = metrics.histogram(
    "grpc_io_client_received_bytes_per_rpc",
    "Bytes received per gRPC call.",
    sizeBuckets,
  );
  const probes = metrics.counter("grpc_io_healthprobes_completed_count", "Health probes of the app over gRPC.");
  const probeLatency = metrics.histogram(
    "grpc_io_healthprobes_roundtrip_latency",
    "Time for a health probe over gRPC, in ms.",
    buckets,
  );

  function streamed(method: string, code: number, ms: number): void {
    const labels = { grpc_client_method: method, grpc_client_status: grpcCodeName(code) };
    rpcs.add(labels);
    latency.observe(labels, ms);
  }
  return {
    streamed,
    completed(method, code, sentBytes, receivedBytes, ms) {
      streamed(method, code, ms);
      sent.observe({ grpc_client_method: method }, sentBytes);
      received.observe({ grpc_client_method: method }, receivedBytes);
    },
    probed(code, ms) {
      const labels = { grpc_client_status: grpcCodeName(code) };
      probes.add(labels);
      probeLatency.observe(labels, ms);
    },
  };
}

import type { GrpcInterceptor } from "../api/grpc/interceptor.ts";
import type { Clock } from "../kit/clock.ts";
import { isTruthy } from "../kit/truthy.ts";
import type { InvokeMetrics } from "../telemetry/invoke-metrics.ts";
import type { AppMeter } from "./app-meter.ts";

/** Counts calls of foreign services that the own app proxies, by the id in their metadata. compat: pkg/api/grpc/proxy/handler.go */
export function sentProxiedCalls(
  metrics: Pick<InvokeMetrics, "requestSent" | "responseReceived" | "streamSent">,
  isOwn: (path: string) => boolean,
  clock: Clock,
): GrpcInterceptor {
  return (info) => {
    const callee = info.header("dapr-app-id");
    if (callee === undefined || isOwn(info.path)) return undefined;
    if (isTruthy(info.header("dapr-stream"))) {
      metrics.streamSent(callee);
      return undefined;
    }
    metrics.requestSent(callee);
    const start = clock.monotonic();
    return ({ code }) => metrics.responseReceived(callee, code, clock.monotonic() - start);
  };
}

/** Counts what peers proxy to the app and name it by its id. compat: pkg/diagnostics/grpc_monitoring.go */
export function receivedProxiedCalls(meter: Pick<AppMeter, "proxied">, clock: Clock): GrpcInterceptor {
  return (info) => {
    if (info.header("dapr-app-id") === undefined) return undefined;
    const start = clock.monotonic();
    return ({ code }) => meter.proxied(info.path, code, clock.monotonic() - start);
  };
}

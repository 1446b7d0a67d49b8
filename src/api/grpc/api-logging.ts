import type { Clock } from "../../kit/clock.ts";
import type { Log } from "../../telemetry/ports.ts";
import type { GrpcInterceptor } from "./interceptor.ts";

/** Writes one info line for every call, in the scope `dapr.runtime.grpc.api-info`. */
export function createApiLogging(options: { readonly log: Log; readonly clock: Clock }): GrpcInterceptor {
  const log = options.log.scope("dapr.runtime.grpc.api-info");
  const { clock } = options;
  return (info) => {
    const start = clock.monotonic();
    return ({ code }) => {
      const useragent = info.header("user-agent");
      const fields = { method: info.path, duration: Math.trunc(clock.monotonic() - start), code };
      log.info("gRPC API Called", useragent === undefined ? fields : { ...fields, useragent });
    };
  };
}

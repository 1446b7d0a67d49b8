import { Code, ConnectError } from "@connectrpc/connect";
import type { GrpcAppChannel } from "../../kit/app-channel.ts";
import type { Clock } from "../../kit/clock.ts";
import type { ProbeMeter } from "./probe.ts";

const nothing = new Uint8Array(0);

/** Probes with AppCallbackHealthCheck.HealthCheck: any error is a failed probe. */
export function grpcProbe(
  app: { probe: GrpcAppChannel["unary"] },
  clock: Pick<Clock, "monotonic">,
  meter?: ProbeMeter,
): (signal: AbortSignal) => Promise<true | string> {
  return async (signal) => {
    const start = clock.monotonic();
    let code: number = Code.Unknown;
    try {
      await app.probe("/dapr.proto.runtime.v1.AppCallbackHealthCheck/HealthCheck", nothing, {}, signal);
      code = 0;
      return true;
    } catch (error) {
      if (error instanceof ConnectError) code = error.code;
      return `Health check failed: ${error instanceof Error ? error.message : String(error)}`;
    } finally {
      meter?.(code, clock.monotonic() - start);
    }
  };
}

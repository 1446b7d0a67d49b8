import { Code, ConnectError } from "@connectrpc/connect";
import type { GrpcAppChannel } from "../../kit/app-channel.ts";
import type { Clock } from "../../kit/clock.ts";
import type { HttpApp } from "./http-app.ts";

const nothing = new Uint8Array(0);

/** Hears the status or code of every probe, after `ms`. */
type ProbeMeter = ((status: number, ms: number) => void) | undefined;

/** Probes with GET: any 2xx is healthy, everything else a failed probe, which counts as 500 without an answer. */
export function httpProbe(
  app: Pick<HttpApp, "probe">,
  path: string,
  clock: Pick<Clock, "monotonic">,
  meter?: ProbeMeter,
): (signal: AbortSignal) => Promise<true | string> {
  const cut = path.indexOf("?");
  const target = path.startsWith("/") ? path : `/${path}`;
  const at = cut < 0 ? target.length : target.indexOf("?");
  const call = { method: "GET", path: target.slice(0, at), query: target.slice(at + 1), headers: [], body: null };
  return async (signal) => {
    const start = clock.monotonic();
    let answered = 500;
    try {
      const { status, body } = await app.probe(call, signal);
      answered = status;
      if (body instanceof ReadableStream) await body.cancel();
      return (status >= 200 && status < 300) || `Health check failed with status code: ${status}`;
    } catch (error) {
      return `Network error: ${error instanceof Error ? error.message : String(error)}`;
    } finally {
      meter?.(answered, clock.monotonic() - start);
    }
  };
}

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

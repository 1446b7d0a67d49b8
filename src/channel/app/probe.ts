import type { GrpcAppChannel } from "../../kit/app-channel.ts";
import type { HttpApp } from "./http-app.ts";

const nothing = new Uint8Array(0);

/** Probes with GET: any 2xx is healthy, everything else a failed probe. */
export function httpProbe(app: Pick<HttpApp, "probe">, path: string): (signal: AbortSignal) => Promise<true | string> {
  const cut = path.indexOf("?");
  const target = path.startsWith("/") ? path : `/${path}`;
  const at = cut < 0 ? target.length : target.indexOf("?");
  const call = { method: "GET", path: target.slice(0, at), query: target.slice(at + 1), headers: [], body: null };
  return async (signal) => {
    try {
      const { status, body } = await app.probe(call, signal);
      if (body instanceof ReadableStream) await body.cancel();
      return (status >= 200 && status < 300) || `Health check failed with status code: ${status}`;
    } catch (error) {
      return `Network error: ${error instanceof Error ? error.message : String(error)}`;
    }
  };
}

/** Probes with AppCallbackHealthCheck.HealthCheck: any error is a failed probe. */
export function grpcProbe(app: { probe: GrpcAppChannel["unary"] }): (signal: AbortSignal) => Promise<true | string> {
  return async (signal) => {
    try {
      await app.probe("/dapr.proto.runtime.v1.AppCallbackHealthCheck/HealthCheck", nothing, {}, signal);
      return true;
    } catch (error) {
      return `Health check failed: ${error instanceof Error ? error.message : String(error)}`;
    }
  };
}

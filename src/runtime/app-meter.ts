import type { HttpCallMeter } from "../channel/app/metered.ts";
import type { HttpCall, HttpReply } from "../kit/http-message.ts";
import { createGrpcClientMetrics } from "../telemetry/grpc-client-metrics.ts";
import type { Telemetry } from "./telemetry.ts";

/** What is counted of the calls that a sidecar makes to its app and to services outside. */
export interface AppMeter {
  readonly http: HttpCallMeter;
  readonly grpc: (path: string, code: number, sent: number, received: number, ms: number) => void;
  /** A call of a foreign service that came from a peer. */
  readonly proxied: (path: string, code: number, ms: number) => void;
  /** A probe of an HTTP app; the status is 500 where there was no answer. */
  readonly httpProbe: (status: number, ms: number) => void;
  /** A probe of a gRPC app. */
  readonly grpcProbe: (code: number, ms: number) => void;
}

/** compat: the status that upstream counts for a call without an answer. */
const noAnswer = 500;

/** Joins the channels of a sidecar to its registry. compat: times are whole milliseconds. */
export function createAppMeter({ http, registry, latencyBuckets }: Telemetry): AppMeter {
  const { client } = http;
  const grpc = createGrpcClientMetrics(registry, latencyBuckets);
  return {
    http(call, reply, ms) {
      const { method, path } = call;
      client.completed(
        method,
        unescaped(path),
        reply?.status ?? noAnswer,
        bytesOf(call),
        bytesOf(reply),
        Math.trunc(ms),
      );
    },
    grpc: (path, code, sent, received, ms) => grpc.completed(path, code, sent, received, Math.trunc(ms)),
    proxied: (path, code, ms) => grpc.streamed(path, code, Math.trunc(ms)),
    httpProbe: (status, ms) => client.probed(status, Math.trunc(ms)),
    grpcProbe: (code, ms) => grpc.probed(code, Math.trunc(ms)),
  };
}

/** The size of a body; of a stream what is said of it, 0 where nothing is. */
function bytesOf(message: HttpCall | HttpReply | undefined): number {
  if (message === undefined || message.body === null) return 0;
  if (message.body instanceof Uint8Array) return message.body.length;
  const told = message.headers.find(([name]) => name.toLowerCase() === "content-length");
  const length = Number(told?.[1] ?? 0);
  return Number.isSafeInteger(length) && length > 0 ? length : 0;
}

function unescaped(path: string): string {
  if (!path.includes("%")) return path;
  try {
    return decodeURIComponent(path);
  } catch {
    return path;
  }
}

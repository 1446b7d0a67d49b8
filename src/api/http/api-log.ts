import type { Log, LogFields } from "../../telemetry/ports.ts";
import type { ApiRequest } from "./request.ts";
import type { Fallback } from "./route.ts";
import { unescapePath } from "./unescape.ts";

/** How Configuration `spec.logging.apiLogging` wants calls to be logged. `log` has the scope `dapr.runtime.http-info`. */
export interface ApiLogOptions {
  readonly log: Log;
  readonly obfuscateUrls: boolean;
  readonly omitHealthChecks: boolean;
}

/** Writes one line for each served call: status, milliseconds and body bytes of its answer. */
export type ApiLog = (request: ApiRequest, status: number, ms: number, size: number) => void;

/** An API log; `fallback` names the calls that no route fits. */
export function createApiLog(options: ApiLogOptions, fallback: Fallback): ApiLog {
  return (request, status, ms, size) => {
    const route = request.match?.route;
    if (options.omitHealthChecks && route?.group === "healthz") return;
    const fields: Record<string, string | number> = {
      code: status,
      duration: Math.trunc(ms),
      method: options.obfuscateUrls
        ? (route?.logName ?? route?.group ?? fallback.logName?.(request) ?? "InvokeService")
        : `${request.method} ${unescapePath(request.path)}`,
      size,
    };
    const agent = request.headers.get("user-agent");
    if (agent !== null && agent !== "") fields["useragent"] = agent;
    options.log.info("HTTP API Called", fields satisfies LogFields);
  };
}

import { type IsolateSettings, readIsolateOptions } from "../config/isolate-options.ts";
import type { Catalog } from "../driver/define.ts";
import { fail } from "../errors/error.ts";
import { renderHttp } from "../errors/http.ts";
import type { FetchHandler } from "../platform/types.ts";
import { createWorkersPlatform } from "../platform/workers.ts";
import { openIsolate } from "../runtime/isolate.ts";
import { firstTokenMatches, tokenHeader } from "../security/token.ts";
import { createLog } from "../telemetry/log.ts";
import { version, wireVersion } from "./version.ts";

export type WorkerBindings = Readonly<Record<string, unknown>>;

/** A module worker: the platform calls `fetch` for every request. */
export interface Worker {
  fetch(request: Request, bindings: WorkerBindings): Promise<Response>;
}

/** The drivers that run without sockets, files and background work. */
const catalog: Catalog = {
  "secretstores.local.env": () => import("../../components/secretstores/local.env/local.env.ts"),
  "state.libsql": () => import("../../components/state/libsql/libsql.ts"),
};

async function open(bindings: WorkerBindings, settings: IsolateSettings | undefined): Promise<FetchHandler> {
  const options = readIsolateOptions(bindings, settings);
  const platform = createWorkersPlatform({ env: options.env });
  const log = createLog({
    write: (line) => console.log(line.trimEnd()),
    level: options.logLevel,
    json: options.logAsJson,
    appId: options.appId,
    instance: "",
    version,
    clock: platform.clock,
  });
  return openIsolate({ platform, catalog, version: wireVersion, options, log });
}

/** The reason is told to those who may use the API; others find it in the log. */
function startFailure(error: unknown, request: Request, bindings: WorkerBindings): Response {
  const reason = error instanceof Error ? error.message : String(error);
  console.error(`the runtime could not start: ${reason}`);
  const token = bindings["DAPR_API_TOKEN"];
  const mayKnow =
    typeof token !== "string" || token === "" || firstTokenMatches(token, request.headers.get(tokenHeader));
  const message = `the runtime could not start: ${mayKnow ? reason : "its log says why"}`;
  return renderHttp(fail("unknown", { message }));
}

/**
 * A sidecar as a worker. `settings` are compiled in; without them the binding PILLION_CONFIG gives them. It opens with its
 * first request, and after a failure anew with the next.
 */
export function createWorker(settings?: IsolateSettings): Worker {
  let handle: FetchHandler | undefined;
  return {
    async fetch(request, bindings) {
      try {
        // Each request that finds nothing opens for itself: none may wait for what another one has begun.
        handle ??= await open(bindings, settings);
      } catch (error) {
        return startFailure(error, request, bindings);
      }
      return handle(request, { remoteAddress: request.headers.get("cf-connecting-ip") ?? "" });
    },
  };
}

export default createWorker();

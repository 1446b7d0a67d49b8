import { Code, ConnectError } from "@connectrpc/connect";
import { Health, HealthCheckResponse_ServingStatus as Status } from "../../gen/grpc/health/v1/health_pb.ts";
import { type GrpcPart, grpcPart } from "./part.ts";

/** Name of the standard health service. */
export const healthService = Health.typeName;

export interface HealthSource {
  /** Names of the services that are served. */
  readonly services: readonly string[];
  isServing(): boolean;
  /** Calls back after `isServing` may have changed; returns the stop function. */
  watch(changed: () => void): () => void;
}

/** The standard health service: the whole server under the empty name, and each service. */
export function createHealthPart(source: HealthSource): GrpcPart {
  const statusOf = (name: string) => {
    if (name !== "" && !source.services.includes(name)) return undefined;
    return source.isServing() ? Status.SERVING : Status.NOT_SERVING;
  };
  return grpcPart(Health, {
    check({ service }) {
      const status = statusOf(service);
      if (status === undefined) throw new ConnectError("unknown service", Code.NotFound);
      return { status };
    },
    list() {
      const statuses: Record<string, { status: Status }> = {};
      for (const name of ["", ...source.services]) statuses[name] = { status: statusOf(name) as Status };
      return { statuses };
    },
    async *watch({ service }, { signal }) {
      let wake = () => {};
      const stop = source.watch(() => wake());
      const onAbort = () => wake();
      signal.addEventListener("abort", onAbort);
      try {
        let last: Status | undefined;
        while (!signal.aborted) {
          const status = statusOf(service) ?? Status.SERVICE_UNKNOWN;
          if (status !== last) {
            last = status;
            yield { status };
            continue;
          }
          await new Promise<void>((resolve) => {
            wake = resolve;
          });
        }
      } finally {
        stop();
        signal.removeEventListener("abort", onAbort);
      }
    },
  });
}

import type { AppRun } from "../../config/run-plan.ts";
import { formatTable } from "../table.ts";

/** Where one app of a run is reached; undefined when its sidecar did not start. */
export interface AppUrls {
  readonly app: AppRun;
  readonly places:
    | { readonly httpAddress: string; readonly grpcPort: number; readonly metricsPort: number }
    | undefined;
}

/** The table that a run of several apps begins with. */
export function urlTable(rows: readonly AppUrls[]): string {
  const cells = rows.map(({ app, places }) => {
    const { app: its, appId } = { app: app.options.app, appId: app.options.appId };
    const url = its.port === 0 ? "-" : `${its.protocol}://${its.channelAddress}:${its.port}`;
    if (places === undefined) return [appId, "failed", "-", "-", url];
    const host = places.httpAddress.slice(0, places.httpAddress.lastIndexOf(":"));
    const metrics = places.metricsPort === 0 ? "-" : `http://127.0.0.1:${places.metricsPort}/metrics`;
    if (host === "") return [appId, `${app.options.unixDomainSocket}/dapr-${appId}-http.socket`, "-", metrics, url];
    return [appId, `http://${places.httpAddress}`, `${host}:${places.grpcPort}`, metrics, url];
  });
  return formatTable([["APP ID", "HTTP", "GRPC", "METRICS", "APP"], ...cells]);
}

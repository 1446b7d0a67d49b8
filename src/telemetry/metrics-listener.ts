import type { FetchHandler } from "../platform/types.ts";
import type { Metrics } from "./ports.ts";

/** The handler of the metrics port: every path shows the registries as Prometheus text. `refresh` runs before each answer. */
export function createMetricsHandler(metrics: Metrics, refresh: () => Promise<void>): FetchHandler {
  return async () => {
    await refresh();
    return new Response(metrics.expose(), {
      headers: { "content-type": "text/plain; version=0.0.4; charset=utf-8" },
    });
  };
}

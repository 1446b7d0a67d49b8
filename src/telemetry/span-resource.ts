import type { TracingConfiguration } from "../config/configuration.ts";
import type { Resource } from "./export/exporter.ts";

/** What the spans of a sidecar belong to: its app, unless the environment names the service, and what else the environment says. Sorted by key. */
export function spanResource(appId: string, resource: TracingConfiguration["resource"]): Resource {
  const all = new Map([["service.name", appId], ...resource.attributes]);
  if (resource.serviceName !== "") all.set("service.name", resource.serviceName);
  return new Map([...all].sort(([left], [right]) => (left < right ? -1 : 1)));
}

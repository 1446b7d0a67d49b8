import type { Component } from "../../config/resource/component.ts";
import type { RunPlan } from "../../config/run-plan.ts";
import type { ComponentResource } from "../../host/component.ts";
import type { EmbeddedComponents } from "../program.ts";

/** What becomes of the components that files gave to one sidecar. */
export interface AppComponents {
  change(found: readonly Component[]): Promise<readonly ComponentResource[]>;
}

/**
 * Default components where nothing names any; with `local`, the embedded engine in place of servers on this machine. `replaced` is told
 * which ones, before they open.
 */
export function createAppComponents(
  embedded: EmbeddedComponents,
  plan: Pick<RunPlan, "dataDir" | "local">,
  app: { readonly hasResources: boolean; replaced(components: readonly Component[]): void },
): AppComponents {
  return {
    async change(found) {
      if (found.length === 0 && !app.hasResources) return embedded.defaultComponents(plan.dataDir);
      if (!plan.local) return found;
      const servers = new Set(embedded.localServers(found).map((server) => server.resource));
      if (servers.size > 0) app.replaced([...servers]);
      return found.map((resource) =>
        servers.has(resource) ? embedded.onEmbeddedEngine(resource, plan.dataDir) : resource,
      );
    },
  };
}

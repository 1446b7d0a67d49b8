import type { ActorFacts, SidecarFacts } from "./model.ts";
import type { MetadataPorts } from "./ports.ts";

/** What a sidecar tells about itself. */
export interface Metadata {
  facts(): SidecarFacts;
  /** Adds a label, or replaces it; an empty key changes nothing. */
  setLabel(key: string, value: string): void;
}

const versionLabel = "daprRuntimeVersion";
const noActors: ActorFacts = {
  status: "DISABLED",
  active: [],
  hostReady: false,
  placement: "placement: disconnected",
};

/** The metadata of one sidecar. */
export function createMetadata(ports: MetadataPorts): Metadata {
  return {
    facts: () => ({
      id: ports.appId,
      runtimeVersion: ports.runtimeVersion,
      enabledFeatures: ports.enabledFeatures,
      components: ports.components(),
      extended: { ...Object.fromEntries(ports.extended), [versionLabel]: ports.runtimeVersion },
      subscriptions: ports.subscriptions?.() ?? [],
      httpEndpoints: ports.httpEndpoints,
      app: ports.app,
      actors: ports.actors?.() ?? noActors,
      mcpServers: ports.mcpServers,
      workflowAccessPolicies: ports.workflowAccessPolicies,
      resiliencies: ports.resiliencies,
    }),
    setLabel(key, value) {
      if (key !== "") ports.extended.set(key, value);
    },
  };
}

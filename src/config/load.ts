import { deepFreeze } from "../kit/freeze.ts";
import type { Files } from "../platform/types.ts";
import type { Configuration } from "./configuration.ts";
import type { Environment } from "./env.ts";
import type { Finding } from "./finding.ts";
import { loadConfiguration } from "./load-configuration.ts";
import { readManifests } from "./read-manifests.ts";
import type { Component } from "./resource/component.ts";
import type { HttpEndpoint } from "./resource/http-endpoint.ts";
import type { ConfigurationManifestFile } from "./resource/kind.ts";
import type { McpServer } from "./resource/mcp-server.ts";
import type { Resiliency } from "./resource/resiliency.ts";
import type { Subscription } from "./resource/subscription.ts";
import type { WorkflowAccessPolicy } from "./resource/workflow-access-policy.ts";
import { ResourceError } from "./resource-error.ts";
import { selectResources } from "./select-resources.ts";

/** Everything that files tell one sidecar, filtered by namespace and scope, in the order of the files. Frozen. */
export interface Resources {
  readonly configuration: Configuration;
  readonly components: readonly Component[];
  readonly subscriptions: readonly Subscription[];
  readonly resiliencies: readonly Resiliency[];
  readonly httpEndpoints: readonly HttpEndpoint[];
  readonly mcpServers: readonly McpServer[];
  readonly workflowAccessPolicies: readonly WorkflowAccessPolicy[];
  /** Configurations in resource folders: without effect, but a changed one restarts the sidecar. */
  readonly configurationFiles: readonly ConfigurationManifestFile[];
  /** Documents that were left out (severity "error"), and what else upstream would log or we noticed. */
  readonly warnings: readonly Finding[];
}

/** What the resource folders alone tell. */
export type FolderResources = Omit<Resources, "configuration">;

/** For whom resources are loaded, and from where. */
export interface LoadResources {
  /** Absent on hosts without files; then there must be no paths. */
  readonly files: Files | undefined;
  readonly env: Environment;
  readonly appId: string;
  /** NAMESPACE as it is; empty loads resources of every namespace. */
  readonly namespace: string;
  readonly resourcesPaths: readonly string[];
  readonly configPaths: readonly string[];
}

/**
 * Loads configuration and resources from disk. Documents with faults are left out and listed in `warnings`, as upstream does.
 * Throws ConfigError for a configuration file that cannot be used and ResourceError for a missing folder or duplicates.
 */
export async function loadResources(load: LoadResources): Promise<Resources> {
  const { configuration, warnings } = await loadConfiguration(load.files, load.configPaths, load.env);
  const found = await loadFolders(load);
  return deepFreeze({ configuration, ...found, warnings: [...warnings, ...found.warnings] });
}

/** The part of `loadResources` that comes from the resource folders. Throws ResourceError. */
export async function loadFolders(load: LoadResources): Promise<FolderResources> {
  if (load.resourcesPaths.length === 0) return selectResources({ documents: [], findings: [] }, load);
  if (!load.files) throw new ResourceError("components", "cannot read resources: this host has no files", []);
  return selectResources(await readManifests(load.files, load.resourcesPaths), load);
}

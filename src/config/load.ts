import { deepFreeze } from "../kit/freeze.ts";
import type { Files } from "../platform/types.ts";
import type { Configuration } from "./configuration.ts";
import type { SourceDocument } from "./document.ts";
import type { Environment } from "./env.ts";
import { type Finding, formatPath } from "./finding.ts";
import { loadConfiguration } from "./load-configuration.ts";
import { readManifests } from "./read-manifests.ts";
import type { Component } from "./resource/component.ts";
import type { HttpEndpoint } from "./resource/http-endpoint.ts";
import {
  type ConfigurationManifestFile,
  decodeResource,
  type Resource,
  type ResourceKind,
  resourceLogName,
} from "./resource/kind.ts";
import type { McpServer } from "./resource/mcp-server.ts";
import type { Resiliency } from "./resource/resiliency.ts";
import type { Subscription } from "./resource/subscription.ts";
import { policyFaults, type WorkflowAccessPolicy } from "./resource/workflow-access-policy.ts";
import { ResourceError } from "./resource-error.ts";

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

function inScope(resource: Resource, appId: string): boolean {
  return resource.scopes.length === 0 || resource.scopes.includes(appId);
}

interface Filtered<T> {
  readonly kept: readonly T[];
  readonly duplicates: readonly Finding[];
}

/** compat: pkg/internal/loader/disk compares names before scopes: a resource out of scope is a duplicate too, but hides none. */
function filterUnique<T extends Resource>(resources: readonly T[], { appId, namespace }: LoadResources): Filtered<T> {
  const names = new Map<string, T>();
  const duplicates: Finding[] = [];
  for (const resource of resources) {
    if (namespace !== "" && resource.namespace !== "" && resource.namespace !== namespace) continue;
    const first = names.get(resource.name);
    if (first) {
      const message = `duplicate definition of ${resource.kind} name ${resourceLogName(resource)} with existing ${resourceLogName(first)}`;
      const fix = `rename one of them, the first stands in ${first.source.file}:${first.source.line}`;
      duplicates.push({ severity: "error", ...resource.source, path: "metadata.name", message, fix });
    } else if (inScope(resource, appId)) names.set(resource.name, resource);
  }
  return { kept: [...names.values()], duplicates };
}

function orThrow<T>(subject: string, { kept, duplicates }: Filtered<T>): readonly T[] {
  if (duplicates.length === 0) return kept;
  throw new ResourceError(subject, duplicates.map((finding) => finding.message).join("\n"), duplicates);
}

/** compat: pkg/runtime/compstore keeps the last subscription of a name, at its later place. */
function lastOfEachName(subscriptions: readonly Subscription[], appId: string): readonly Subscription[] {
  const byName = new Map<string, Subscription>();
  for (const subscription of subscriptions) {
    if (!inScope(subscription, appId)) continue;
    byName.delete(subscription.name);
    byName.set(subscription.name, subscription);
  }
  return [...byName.values()];
}

function policyFinding(policy: WorkflowAccessPolicy, document: SourceDocument | undefined): Finding | null {
  const faults = policyFaults(policy);
  const [first] = faults;
  if (!first) return null;
  const why = faults.map((fault) => `${formatPath(fault.path)}: ${fault.message}`).join(", ");
  return {
    severity: "error",
    file: policy.source.file,
    line: document?.lineOf(first.path) ?? policy.source.line,
    path: formatPath(first.path),
    message: `WorkflowAccessPolicy ${JSON.stringify(policy.name)} failed validation, skipping: ${why}`,
    fix: "correct the policy",
  };
}

/**
 * Loads configuration and resources from disk. Documents with faults are left out and listed in `warnings`, as upstream does.
 * Throws ConfigError for a configuration file that cannot be used and ResourceError for a missing folder or duplicates.
 */
export async function loadResources(load: LoadResources): Promise<Resources> {
  const { configuration, warnings: notices } = await loadConfiguration(load.files, load.configPaths, load.env);
  const warnings: Finding[] = [...notices];
  const resources = new Map<Resource, SourceDocument>();
  if (load.resourcesPaths.length > 0) {
    if (!load.files) throw new ResourceError("components", "cannot read resources: this host has no files", []);
    const { documents, findings } = await readManifests(load.files, load.resourcesPaths);
    warnings.push(...findings);
    for (const document of documents) {
      const decoded = decodeResource(document);
      warnings.push(...decoded.findings);
      if (decoded.resource) resources.set(decoded.resource, document);
    }
  }
  const of = <K extends ResourceKind>(kind: K) =>
    [...resources.keys()].filter(
      (resource): resource is Extract<Resource, { readonly kind: K }> => resource.kind === kind,
    );

  const components = orThrow("components", filterUnique(of("Component"), load));
  const endpoints = filterUnique(of("HTTPEndpoint"), load);
  warnings.push(...endpoints.duplicates);
  const policies = orThrow("workflow access policies", filterUnique(of("WorkflowAccessPolicy"), load));
  return deepFreeze({
    configuration,
    components,
    subscriptions: lastOfEachName(of("Subscription"), load.appId),
    resiliencies: of("Resiliency").filter((resiliency) => inScope(resiliency, load.appId)),
    // compat: pkg/runtime/runtime.go only warns of duplicate endpoints, and then loads none at all.
    httpEndpoints: endpoints.duplicates.length > 0 ? [] : endpoints.kept,
    mcpServers: orThrow("mcpservers", filterUnique(of("MCPServer"), load)),
    workflowAccessPolicies: policies.filter((policy) => {
      const finding = policyFinding(policy, resources.get(policy));
      if (finding) warnings.push(finding);
      return finding === null;
    }),
    configurationFiles: of("Configuration"),
    warnings,
  });
}

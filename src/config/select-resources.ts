import { deepFreeze } from "../kit/freeze.ts";
import type { SourceDocument } from "./document.ts";
import { type Finding, formatPath } from "./finding.ts";
import type { FolderResources, LoadResources } from "./load.ts";
import { decodeResource, type Resource, type ResourceKind, resourceLogName } from "./resource/kind.ts";
import type { Subscription } from "./resource/subscription.ts";
import { policyFaults, type WorkflowAccessPolicy } from "./resource/workflow-access-policy.ts";
import { ResourceError } from "./resource-error.ts";

type Owner = Pick<LoadResources, "appId" | "namespace">;

function inScope(resource: Resource, appId: string): boolean {
  return resource.scopes.length === 0 || resource.scopes.includes(appId);
}

interface Filtered<T> {
  readonly kept: readonly T[];
  readonly duplicates: readonly Finding[];
}

/** compat: pkg/internal/loader/disk compares names before scopes: a resource out of scope is a duplicate too, but hides none. */
function filterUnique<T extends Resource>(resources: readonly T[], { appId, namespace }: Owner): Filtered<T> {
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

/** What was read, before it is decided what of it concerns the app. */
export interface ReadResources {
  readonly documents: readonly SourceDocument[];
  readonly findings: readonly Finding[];
}

/** The resources of one app. Documents with faults are left out and listed in `warnings`. Throws ResourceError for duplicates. */
export function selectResources({ documents, findings }: ReadResources, load: Owner): FolderResources {
  const warnings: Finding[] = [...findings];
  const resources = new Map<Resource, SourceDocument>();
  for (const document of documents) {
    const decoded = decodeResource(document);
    warnings.push(...decoded.findings);
    if (decoded.resource) resources.set(decoded.resource, document);
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

import type * as v from "valibot";
import { decodeDocument } from "../decode-document.ts";
import type { SourceDocument } from "../document.ts";
import type { Finding } from "../finding.ts";
import { type Component, componentFrom, componentLogName, componentSchema } from "./component.ts";
import { configurationSchema } from "./configuration.ts";
import { type HttpEndpoint, httpEndpointFrom, httpEndpointSchema } from "./http-endpoint.ts";
import type { ResourceMeta, ResourceSourcePlace } from "./manifest.ts";
import { nameFaults, resourceMeta } from "./manifest.ts";
import { type McpServer, mcpServerFrom, mcpServerSchema } from "./mcp-server.ts";
import { type Resiliency, resiliencyFrom, resiliencySchema } from "./resiliency.ts";
import { type Subscription, subscriptionFrom, subscriptionV1Schema, subscriptionV2Schema } from "./subscription.ts";
import {
  type WorkflowAccessPolicy,
  workflowAccessPolicyFrom,
  workflowAccessPolicySchema,
} from "./workflow-access-policy.ts";

/** A Configuration that lies in a resource folder: it has no effect there, but a change of it restarts the sidecar. */
export interface ConfigurationManifestFile extends ResourceMeta {
  readonly kind: "Configuration";
  readonly value: unknown;
}
/** A resource of any kind. */
export type Resource =
  | Component
  | ConfigurationManifestFile
  | Subscription
  | Resiliency
  | HttpEndpoint
  | McpServer
  | WorkflowAccessPolicy;
export type ResourceKind = Resource["kind"];

export interface DecodedResource {
  /** null when the document is of no kind of ours, or does not fit its kind. */
  readonly resource: Resource | null;
  readonly findings: readonly Finding[];
}

type Decoder = (document: SourceDocument) => DecodedResource;

function decoder<S extends v.GenericSchema>(
  schema: () => S,
  from: (manifest: v.InferOutput<S>, source: ResourceSourcePlace, document: SourceDocument) => Resource,
): Decoder {
  return (document) => {
    const { value, findings } = decodeDocument(schema(), document, true);
    if (value === null) return { resource: null, findings };
    return { resource: from(value, { file: document.file, line: document.line }, document), findings };
  };
}

const decoders: Readonly<Record<string, Decoder>> = {
  "dapr.io/v1alpha1 Component": decoder(componentSchema, componentFrom),
  "dapr.io/v1alpha1 Configuration": decoder(configurationSchema, (manifest, source, document) => ({
    kind: "Configuration",
    ...resourceMeta({ ...manifest, scopes: [] }, source),
    value: document.value,
  })),
  "dapr.io/v1alpha1 Subscription": decoder(subscriptionV1Schema, subscriptionFrom),
  "dapr.io/v2alpha1 Subscription": decoder(subscriptionV2Schema, subscriptionFrom),
  "dapr.io/v1alpha1 Resiliency": decoder(resiliencySchema, resiliencyFrom),
  "dapr.io/v1alpha1 HTTPEndpoint": decoder(httpEndpointSchema, httpEndpointFrom),
  "dapr.io/v1alpha1 MCPServer": decoder(mcpServerSchema, mcpServerFrom),
  "dapr.io/v1alpha1 WorkflowAccessPolicy": decoder(workflowAccessPolicySchema, workflowAccessPolicyFrom),
};

/** The kinds that are read, each with its `apiVersion`s. */
export function knownKinds(): ReadonlyMap<string, readonly string[]> {
  const kinds = new Map<string, string[]>();
  for (const key of Object.keys(decoders)) {
    const [apiVersion = "", kind = ""] = key.split(" ");
    kinds.set(kind, [...(kinds.get(kind) ?? []), apiVersion]);
  }
  return kinds;
}

/** The `kind` and `apiVersion` of a document; empty where it has none. */
export function documentType(document: SourceDocument): { readonly kind: string; readonly apiVersion: string } {
  const value = typeof document.value === "object" && document.value !== null ? document.value : {};
  const text = (name: string) => {
    const found = Object.entries(value).find(([key]) => key.toLowerCase() === name);
    return typeof found?.[1] === "string" ? found[1] : "";
  };
  return { kind: text("kind"), apiVersion: text("apiversion") };
}

/** Whether a document is a block of fields at all, and not a list or a single value. */
export function hasFields({ value }: SourceDocument): boolean {
  return typeof value === "object" && !Array.isArray(value);
}

function noBlock({ file, line, value }: SourceDocument): Finding {
  const message = `must be a block of fields, not ${Array.isArray(value) ? "a list" : "a single value"}`;
  return { severity: "error", file, line, path: "", message, fix: "begin with apiVersion, kind and metadata" };
}

/** Reads one document. One that is of no kind of ours gives nothing, as upstream ignores it. */
export function decodeResource(document: SourceDocument): DecodedResource {
  if (!hasFields(document)) return { resource: null, findings: [noBlock(document)] };
  const { kind, apiVersion } = documentType(document);
  const decode = decoders[`${apiVersion} ${kind}`];
  if (!decode) return { resource: null, findings: [] };
  const decoded = decode(document);
  const faults = decoded.resource ? nameFaults(decoded.resource.name) : [];
  if (faults.length === 0) return decoded;
  const finding: Finding = {
    severity: "error",
    file: document.file,
    line: document.lineOf(["metadata", "name"]),
    path: "metadata.name",
    message: `invalid name ${JSON.stringify(decoded.resource?.name)} for ${JSON.stringify(kind)}: ${faults.join(", ")}`,
    fix: "choose another name",
  };
  return { resource: null, findings: [...decoded.findings, finding] };
}

/** The name of a resource in logs and errors. compat: the LogName methods of pkg/apis */
export function resourceLogName(resource: Resource): string {
  if (resource.kind === "Component") return componentLogName(resource);
  if (resource.kind === "HTTPEndpoint") return `${resource.name} (${resource.baseUrl})`;
  if (resource.kind === "MCPServer") {
    const url = resource.spec.endpoint.streamableHTTP?.url ?? resource.spec.endpoint.sse?.url;
    return url === undefined ? resource.name : `${resource.name} (${url})`;
  }
  return resource.name;
}

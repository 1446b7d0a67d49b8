import type { Catalog, Driver } from "../../driver/define.ts";
import { suggest } from "../../kit/suggest.ts";
import type { Files } from "../../platform/types.ts";
import { ConfigError } from "../config-error.ts";
import { configurationFrom } from "../configuration-from.ts";
import { decodeDocument } from "../decode-document.ts";
import type { SourceDocument } from "../document.ts";
import { readEnvironment } from "../env.ts";
import type { Finding } from "../finding.ts";
import { type ReadManifests, readManifestFile, readManifests } from "../read-manifests.ts";
import { configurationSchema } from "../resource/configuration.ts";
import { decodeResource, documentType, hasFields, knownKinds, type Resource } from "../resource/kind.ts";
import { policyFaults } from "../resource/workflow-access-policy.ts";
import { checkAccessControl, checkDefaultAction } from "./check-access-control.ts";
import { checkComponent, type DriverLookup } from "./check-component.ts";
import { checkNameResolution } from "./check-name-resolution.ts";
import { type CheckedResource, checkReferences } from "./check-references.ts";
import { checkResiliency } from "./check-resiliency.ts";
import { createFinder, type Find } from "./finder.ts";

export interface CheckResources {
  readonly files: Files;
  /** Folders and single files. */
  readonly paths: readonly string[];
  /** The drivers of this build; those of named types are loaded to see their metadata. */
  readonly catalog: Catalog;
  /** Where pluggable components have their sockets; what is served there now is known too. */
  readonly socketsFolder: string;
}
export interface CheckedResources {
  /** In the order of files and lines. */
  readonly findings: readonly Finding[];
  /** How many resources of our kinds were read. */
  readonly resources: number;
}

function createLookup(catalog: Catalog, pluggable: ReadonlySet<string>): DriverLookup {
  const types = Object.keys(catalog);
  const load = async (type: string): Promise<Driver | undefined> => (await catalog[type]?.())?.default;
  return {
    types,
    pluggable,
    find: async (type) => {
      if (Object.hasOwn(catalog, type)) return load(type);
      const category = `${type.split(".")[0]}.`;
      for (const sibling of types.filter((known) => known.startsWith(category))) {
        const driver = await load(sibling);
        if (driver?.aliases.includes(type)) return driver;
      }
      return undefined;
    },
  };
}

async function pluggableIn(files: Files, folder: string): Promise<ReadonlySet<string>> {
  if ((await files.stat(folder))?.kind !== "directory") return new Set();
  const sockets = (await files.list(folder)).filter(({ kind }) => kind === "other");
  return new Set(sockets.map(({ name }) => name.replace(/\.[^.]*$/, "").toLowerCase()));
}

async function read(files: Files, path: string): Promise<ReadManifests> {
  const kind = (await files.stat(path))?.kind;
  if (kind === "directory") return readManifests(files, [path]);
  if (kind !== undefined) return readManifestFile(files, path);
  const message = "no such file or folder";
  return {
    documents: [],
    findings: [{ severity: "error", file: path, line: 0, path: "", message, fix: "check the path" }],
  };
}

function checkKind(document: SourceDocument, find: Find): void {
  if (!hasFields(document)) return;
  const kinds = knownKinds();
  const { kind, apiVersion } = documentType(document);
  const versions = kinds.get(kind);
  if (versions?.includes(apiVersion)) return;
  if (versions) {
    const message = `apiVersion ${JSON.stringify(apiVersion)} of kind ${kind} is not read`;
    find("error", ["apiVersion"], message, `write ${versions.join(" or ")}`);
  } else if (apiVersion.startsWith("dapr.io/") || apiVersion === "" || kind === "") {
    const near = suggest(kind, kinds.keys());
    const fix = near === undefined ? `known: ${[...kinds.keys()].join(", ")}` : `did you mean ${JSON.stringify(near)}?`;
    find(
      "warning",
      ["kind"],
      kind === "" ? "has no kind and is not read" : `kind ${JSON.stringify(kind)} is not read`,
      fix,
    );
  } else find("note", ["kind"], `${apiVersion} ${kind} is none of our kinds and is passed over`, "");
}

async function checkConfiguration(document: SourceDocument, lookup: DriverLookup, find: Find): Promise<void> {
  const { value } = decodeDocument(configurationSchema(), document, true);
  if (value === null) return;
  checkAccessControl(value.spec.accessControl, find);
  checkDefaultAction(value.spec.accessControl, find);
  await checkNameResolution(value.spec.nameResolution, lookup, find);
  try {
    configurationFrom(value, readEnvironment({}).tracing);
  } catch (error) {
    if (!ConfigError.is(error)) throw error;
    find("error", ["spec"], error.message, "correct it, a sidecar with this configuration does not start");
  }
}

async function checkOne(resource: Resource, document: SourceDocument, lookup: DriverLookup, find: Find): Promise<void> {
  if (resource.name === "" && resource.kind !== "Configuration") {
    find("error", ["metadata", "name"], `the ${resource.kind} has no name`, "add metadata.name");
  }
  switch (resource.kind) {
    case "Component":
      return checkComponent(resource, lookup, find);
    case "Resiliency":
      return checkResiliency(resource, find);
    case "Configuration":
      return checkConfiguration(document, lookup, find);
    case "HTTPEndpoint":
      if (resource.baseUrl === "") find("error", ["spec", "baseUrl"], "the endpoint has no URL", "add spec.baseUrl");
      else if (!/^https?:\/\//.test(resource.baseUrl) || !URL.canParse(resource.baseUrl)) {
        const message = `${JSON.stringify(resource.baseUrl)} is no HTTP URL`;
        find("error", ["spec", "baseUrl"], message, "write for example https://example.com");
      }
      return;
    case "MCPServer":
      for (const fault of resource.faults) find("error", ["spec"], fault, "correct the server");
      return;
    case "WorkflowAccessPolicy":
      for (const { path, message } of policyFaults(resource)) find("error", path, message, "correct the policy");
      return;
    case "Subscription":
      return;
  }
}

function byPlace(a: Finding, b: Finding): number {
  if (a.file !== b.file) return a.file < b.file ? -1 : 1;
  return a.line - b.line;
}

/**
 * Checks folders and files of resources without starting anything: YAML, fields, kinds, component types and versions, the
 * metadata against the drivers' schemas, and what refers to what. Never throws for a faulty file.
 */
export async function checkResources(given: CheckResources): Promise<CheckedResources> {
  const { files, paths, catalog, socketsFolder } = given;
  const lookup = createLookup(catalog, await pluggableIn(files, socketsFolder));
  const findings: Finding[] = [];
  const all: CheckedResource[] = [];
  for (const path of paths) {
    const manifests = await read(files, path);
    findings.push(...manifests.findings);
    for (const document of manifests.documents) {
      const find = createFinder(document, findings);
      checkKind(document, find);
      const decoded = decodeResource(document);
      findings.push(...decoded.findings);
      if (!decoded.resource) continue;
      all.push({ resource: decoded.resource, document });
      await checkOne(decoded.resource, document, lookup, find);
    }
  }
  checkReferences(all, findings);
  return { findings: findings.sort(byPlace), resources: all.length };
}

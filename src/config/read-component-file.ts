import type { Files } from "../platform/types.ts";
import { ConfigError } from "./config-error.ts";
import { formatFinding } from "./finding.ts";
import { readManifestFile } from "./read-manifests.ts";
import type { Component } from "./resource/component.ts";
import { decodeResource, type Resource } from "./resource/kind.ts";

/** The one component that a file declares. Throws ConfigError when there is none, or another number of them. */
export async function readComponentFile(files: Files, path: string): Promise<Component> {
  if ((await files.stat(path)) === null)
    throw new ConfigError("options", `cannot read "${path}": there is no such file`);
  const { documents, findings } = await readManifestFile(files, path);
  const decoded = documents.map(decodeResource);
  const faults = [...findings, ...decoded.flatMap((one) => one.findings)].filter(
    ({ severity }) => severity === "error",
  );
  if (faults.length > 0) throw new ConfigError("options", faults.map(formatFinding).join("\n"));
  const components = decoded
    .map(({ resource }): Resource | null => resource ?? null)
    .filter((resource) => resource?.kind === "Component");
  const [component, more] = components;
  if (component === undefined || more !== undefined)
    throw new ConfigError("options", `"${path}" has ${components.length} components, where it has to have one`);
  return component;
}

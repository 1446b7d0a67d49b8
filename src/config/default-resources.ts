import type { Files } from "../platform/types.ts";

/** Resource folders and configuration files of a sidecar. */
export interface ResourcePlaces {
  readonly resourcesPaths: readonly string[];
  readonly configPaths: readonly string[];
}

/** What stands in the data folder for runs that name no resources: `components` with YAML files in it, and `config.yaml`. */
export async function defaultResources(files: Files, dataDir: string): Promise<ResourcePlaces> {
  const folder = `${dataDir}/components`;
  const config = `${dataDir}/config.yaml`;
  const hasFolder = (await files.stat(folder))?.kind === "directory";
  const entries = hasFolder ? await files.list(folder) : [];
  const hasYaml = entries.some((entry) => entry.kind === "file" && /\.ya?ml$/i.test(entry.name));
  return {
    resourcesPaths: hasYaml ? [folder] : [],
    configPaths: (await files.stat(config))?.kind === "file" ? [config] : [],
  };
}

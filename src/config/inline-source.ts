import { deepFreeze } from "../kit/freeze.ts";
import type { ResourceSource } from "./disk-source.ts";
import type { SourceDocument } from "./document.ts";
import type { Environment } from "./env.ts";
import type { Finding } from "./finding.ts";
import type { LoadResources } from "./load.ts";
import { configurationDefaults, layConfiguration, settleConfiguration } from "./merge-configuration.ts";
import { documentType } from "./resource/kind.ts";
import { selectResources } from "./select-resources.ts";

/** Resources that came as values, for whom they are, and the environment of the host. */
export interface InlineResources extends Pick<LoadResources, "appId" | "namespace"> {
  readonly env: Environment;
  readonly values: readonly unknown[];
}

/**
 * Resources given as the values that their YAML stands for. A Configuration among them counts as one named on the command
 * line; several are laid over each other in their order. No variables are filled in.
 */
export function createInlineSource(inline: InlineResources): ResourceSource {
  const documents = inline.values.map(
    (value, index): SourceDocument => ({ file: `resources[${index}]`, line: 0, value, lineOf: () => 0 }),
  );
  const isConfiguration = (document: SourceDocument): boolean => documentType(document).kind === "Configuration";
  const listFolders = async () =>
    selectResources({ documents: documents.filter((document) => !isConfiguration(document)), findings: [] }, inline);
  return {
    async list() {
      const findings: Finding[] = [];
      let merged: unknown = configurationDefaults;
      for (const document of documents.filter(isConfiguration)) {
        const laid = layConfiguration(merged, document);
        findings.push(...laid.warnings);
        merged = laid.merged;
      }
      const found = await listFolders();
      const configuration = settleConfiguration(merged, inline.env);
      return deepFreeze({ configuration, ...found, warnings: [...findings, ...found.warnings] });
    },
    listFolders,
    watch: () => () => undefined,
  };
}

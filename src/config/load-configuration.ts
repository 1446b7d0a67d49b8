import type { Files } from "../platform/types.ts";
import { ConfigError } from "./config-error.ts";
import type { Configuration } from "./configuration.ts";
import { readDocuments, type SourceDocument } from "./document.ts";
import type { Environment } from "./env.ts";
import { expandVariables } from "./expand-variables.ts";
import type { Finding } from "./finding.ts";
import {
  configurationDefaults,
  layConfiguration,
  refuseConfiguration,
  settleConfiguration,
} from "./merge-configuration.ts";

export interface LoadedConfiguration {
  readonly configuration: Configuration;
  /** Unknown fields and the like; they do not stop the start. */
  readonly warnings: readonly Finding[];
}

async function readFile(files: Files, path: string, env: Environment): Promise<SourceDocument | null> {
  let text: string;
  try {
    text = await files.readText(path);
  } catch (cause) {
    if ((await files.stat(path)) === null) {
      throw new ConfigError("configuration", `stat ${path}: no such file or directory`, { cause });
    }
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new ConfigError("configuration", `open ${path}: ${why}`, { cause });
  }
  const expanded = expandVariables(text, (name) => env[name]);
  const { documents, findings } = await readDocuments(path, expanded, "configuration");
  if (findings.length > 0) throw refuseConfiguration(findings);
  return documents[0] ?? null;
}

/**
 * Reads configuration files in order, each over the one before, fills in the environment's variables and applies defaults.
 * Throws ConfigError with file, line and path for a file that cannot be used.
 */
export async function loadConfiguration(
  files: Files | undefined,
  paths: readonly string[],
  env: Environment,
): Promise<LoadedConfiguration> {
  if (paths.length > 0 && !files) {
    throw new ConfigError("configuration", `cannot read ${JSON.stringify(paths[0])}: this host has no files`);
  }
  const warnings: Finding[] = [];
  let merged: unknown = configurationDefaults;
  for (const path of files ? paths : []) {
    const document = files ? await readFile(files, path, env) : null;
    if (document === null) continue;
    const laid = layConfiguration(merged, document);
    warnings.push(...laid.warnings);
    merged = laid.merged;
  }
  return { configuration: settleConfiguration(merged, env), warnings };
}

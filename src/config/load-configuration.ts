import type { Files } from "../platform/types.ts";
import { ConfigError } from "./config-error.ts";
import type { Configuration } from "./configuration.ts";
import { configurationFrom } from "./configuration-from.ts";
import { decodeDocument } from "./decode-document.ts";
import { readDocuments, type SourceDocument } from "./document.ts";
import { type Environment, readEnvironment } from "./env.ts";
import { expandVariables } from "./expand-variables.ts";
import { type Finding, formatFinding } from "./finding.ts";
import { configurationSchema } from "./resource/configuration.ts";

export interface LoadedConfiguration {
  readonly configuration: Configuration;
  /** Unknown fields and the like; they do not stop the start. */
  readonly warnings: readonly Finding[];
}

type Block = Readonly<Record<string, unknown>>;

// What upstream starts from; files are laid over it.
const defaults: Block = {
  spec: {
    tracing: { otel: { isSecure: true } },
    metric: { enabled: true },
    accessControl: { defaultAction: "allow", trustDomain: "public" },
  },
};
// Free-form values are taken whole from the last file.
const whole = new Set(["configuration", "options"]);

function isBlock(value: unknown): value is Block {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** compat: unmarshalling onto one object merges blocks, while lists and plain values are replaced and null takes away. */
function mergeOver(base: unknown, over: unknown): unknown {
  if (!isBlock(base) || !isBlock(over)) return over;
  const merged: Record<string, unknown> = { ...base };
  for (const [key, value] of Object.entries(over)) {
    merged[key] = whole.has(key) ? value : mergeOver(merged[key], value);
  }
  return merged;
}

function refuse(findings: readonly Finding[]): ConfigError {
  return new ConfigError("configuration", findings.map(formatFinding).join("\n"));
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
  if (findings.length > 0) throw refuse(findings);
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
  let merged: unknown = defaults;
  for (const path of files ? paths : []) {
    const document = files ? await readFile(files, path, env) : null;
    if (document === null) continue;
    // Each file is checked by itself first, because a merged value has no place that an error could name.
    const { findings } = decodeDocument(configurationSchema, document, false);
    const faults = findings.filter((finding) => finding.severity === "error");
    if (faults.length > 0) throw refuse(faults);
    warnings.push(...findings);
    merged = mergeOver(merged, document.value);
  }
  const result = decodeDocument(configurationSchema, { file: "", line: 0, value: merged, lineOf: () => 0 }, false);
  if (result.value === null) throw refuse(result.findings);
  return { configuration: configurationFrom(result.value, readEnvironment(env).tracing), warnings };
}

import { checkAccessControl } from "./check/check-access-control.ts";
import { createFinder } from "./check/finder.ts";
import { ConfigError } from "./config-error.ts";
import type { Configuration } from "./configuration.ts";
import { configurationFrom } from "./configuration-from.ts";
import { decodeDocument } from "./decode-document.ts";
import type { SourceDocument } from "./document.ts";
import { type Environment, readEnvironment } from "./env.ts";
import { type Finding, formatFinding } from "./finding.ts";
import { configurationSchema } from "./resource/configuration.ts";
import { defaultConfiguration } from "./resource/default-configuration.ts";

type Block = Readonly<Record<string, unknown>>;

/** What upstream starts from; documents are laid over it. */
export const configurationDefaults: Readonly<Record<string, unknown>> = {
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

/** The error of a Configuration with faults. */
export function refuseConfiguration(findings: readonly Finding[]): ConfigError {
  return new ConfigError("configuration", findings.map(formatFinding).join("\n"));
}

/** Lays a document over what those before it gave. Throws ConfigError when it does not fit. */
export function layConfiguration(
  merged: unknown,
  document: SourceDocument,
): { readonly merged: unknown; readonly warnings: readonly Finding[] } {
  // Each document is checked by itself first, because a merged value has no place that an error could name.
  const { findings, value } = decodeDocument(configurationSchema(), document, false);
  const faults = findings.filter((finding) => finding.severity === "error");
  if (faults.length > 0) throw refuseConfiguration(faults);
  const warnings = [...findings];
  checkAccessControl(value?.spec.accessControl, createFinder(document, warnings));
  return { merged: mergeOver(merged, document.value), warnings };
}

/** The configuration that merged documents and the environment give. Throws ConfigError. */
export function settleConfiguration(merged: unknown, env: Environment): Configuration {
  // Most starts have no file: the schema, which is the largest of all, is not built for what is known beforehand.
  if (merged === configurationDefaults) return configurationFrom(defaultConfiguration, readEnvironment(env).tracing);
  const result = decodeDocument(configurationSchema(), { file: "", line: 0, value: merged, lineOf: () => 0 }, false);
  if (result.value === null) throw refuseConfiguration(result.findings);
  return configurationFrom(result.value, readEnvironment(env).tracing);
}

import * as v from "valibot";
import { parseQuantity } from "../kit/quantity.ts";
import { ConfigError } from "./config-error.ts";
import { type Environment, readEnvironment } from "./env.ts";
import { formatPath } from "./finding.ts";
import type { Options } from "./options.ts";

/** What an isolate is told, checked and with all defaults. */
export interface IsolateOptions
  extends Pick<
    Options,
    | "appId"
    | "namespace"
    | "currentNamespace"
    | "podName"
    | "apiToken"
    | "maxBodySize"
    | "allowedOrigins"
    | "apiLogging"
    | "logLevel"
    | "logAsJson"
  > {
  readonly env: Environment;
  /** Components and a Configuration, as the values that their YAML stands for. */
  readonly resources: readonly unknown[];
}

/** The binding that holds the settings, as a value or as JSON text. */
export const settingsBinding = "PILLION_CONFIG";

const schema = v.strictObject({
  appId: v.pipe(v.string(), v.nonEmpty("must not be empty"), v.excludes(".", "must not contain dots")),
  resources: v.optional(v.array(v.looseObject({ kind: v.string() })), []),
  allowedOrigins: v.optional(v.array(v.string()), []),
  maxBodySize: v.optional(v.string(), "4Mi"),
  apiLogging: v.optional(v.boolean()),
  logLevel: v.optional(v.picklist(["debug", "info", "warn", "error", "fatal"]), "info"),
  logAsJson: v.optional(v.boolean(), false),
});

/** Settings of an isolate, with the names of the flags that mean the same. */
export type IsolateSettings = v.InferInput<typeof schema>;

function settingsOf(bindings: Readonly<Record<string, unknown>>): unknown {
  const value = bindings[settingsBinding];
  if (value === undefined || value === "")
    throw new ConfigError(
      "options",
      `the binding ${settingsBinding} is missing: bind JSON with "appId" and "resources"`,
    );
  if (typeof value !== "string") return value;
  try {
    return JSON.parse(value);
  } catch (cause) {
    throw new ConfigError("options", `the binding ${settingsBinding} is not JSON: ${(cause as Error).message}`, {
      cause,
    });
  }
}

function bytesOf(text: string): number {
  try {
    return parseQuantity(text);
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new ConfigError("options", `invalid value for "maxBodySize": ${why}`, { cause });
  }
}

/**
 * Reads the settings of an isolate: those compiled in, else those of the binding. Bindings that are text are its
 * environment. Throws ConfigError.
 */
export function readIsolateOptions(
  bindings: Readonly<Record<string, unknown>>,
  compiledIn: IsolateSettings | undefined,
): IsolateOptions {
  const parsed = v.safeParse(schema, compiledIn ?? settingsOf(bindings));
  if (!parsed.success) {
    const why = parsed.issues.map((issue) => {
      const path = (issue.path ?? []).map((step) => (typeof step.key === "number" ? step.key : String(step.key)));
      return `${formatPath(path) || "the whole"}: ${issue.message}`;
    });
    throw new ConfigError("options", `invalid settings: ${why.join("; ")}`);
  }
  const { output } = parsed;
  const texts = Object.entries(bindings).filter(
    (entry): entry is [string, string] => typeof entry[1] === "string" && entry[0] !== settingsBinding,
  );
  const env = Object.fromEntries(texts);
  const { namespace, currentNamespace, podName, apiToken } = readEnvironment(env);
  return {
    namespace,
    currentNamespace,
    podName,
    apiToken,
    env,
    appId: output.appId,
    resources: output.resources,
    allowedOrigins: output.allowedOrigins,
    maxBodySize: bytesOf(output.maxBodySize),
    apiLogging: output.apiLogging ?? null,
    logLevel: output.logLevel,
    logAsJson: output.logAsJson,
  };
}

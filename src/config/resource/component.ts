import * as v from "valibot";
import { parseDuration } from "../../kit/duration.ts";
import { lazily } from "../../kit/lazily.ts";
import { field, list, maybeBlock } from "../schema-field.ts";
import { manifestFields, type ResourceMeta, type ResourceSourcePlace, resourceMeta } from "./manifest.ts";
import { type NameValue, nameValueSchema } from "./name-value.ts";

/** A component as its file declares it; secrets and templates are not filled in yet. */
export interface Component extends ResourceMeta {
  readonly kind: "Component";
  readonly type: string;
  /** As written; empty counts as v1. */
  readonly version: string;
  readonly ignoreErrors: boolean;
  /** As written; what is no duration counts as 5s. */
  readonly initTimeout: string;
  readonly initTimeoutMs: number;
  /** Store that secretKeyRef refers to; empty when none is named. */
  readonly secretStore: string;
  readonly metadata: readonly NameValue[];
}

export const componentSchema = lazily(() =>
  v.object({
    ...manifestFields(),
    auth: maybeBlock({ secretStore: field.text() }),
    spec: v.optional(
      v.object({
        type: field.text(),
        version: field.text(),
        ignoreErrors: field.flag(),
        initTimeout: field.text(),
        metadata: list(nameValueSchema()),
      }),
      {},
    ),
  }),
);

const defaultInitTimeoutMs = 5000;

/** compat: pkg/runtime/processor/components.go takes its default when the text is no duration. */
function initTimeoutOf(text: string): number {
  try {
    return parseDuration(text);
  } catch {
    return defaultInitTimeoutMs;
  }
}

/** A component from its decoded manifest. */
export function componentFrom(
  manifest: v.InferOutput<ReturnType<typeof componentSchema>>,
  source: ResourceSourcePlace,
): Component {
  const { spec } = manifest;
  return {
    kind: "Component",
    ...resourceMeta(manifest, source),
    type: spec.type,
    version: spec.version,
    ignoreErrors: spec.ignoreErrors,
    initTimeout: spec.initTimeout,
    initTimeoutMs: initTimeoutOf(spec.initTimeout),
    secretStore: manifest.auth?.secretStore ?? "",
    metadata: spec.metadata,
  };
}

/** The name of a component in logs and errors: `foo (state.in-memory/v1)`. */
export function componentLogName(component: Pick<Component, "name" | "type" | "version">): string {
  const version = component.version === "" ? "" : `/${component.version}`;
  return `${component.name} (${component.type}${version})`;
}

/**
 * True when the configuration's deny list keeps the component out.
 * compat: pkg/runtime/authorizer/component.go; any deny list also keeps out components without type or version.
 */
export function isComponentDenied(component: Pick<Component, "type" | "version">, deny: readonly string[]): boolean {
  if (deny.length === 0) return false;
  if (component.type === "" || component.version === "") return true;
  return deny.some((entry) => {
    const [type, version, ...more] = entry.split("/");
    return more.length === 0 && type === component.type && (!version || version === component.version);
  });
}

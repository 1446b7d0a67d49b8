import * as v from "valibot";
import { lazily } from "../../kit/lazily.ts";
import { field, list } from "../schema-field.ts";

/** What every resource has. */
export interface ResourceMeta {
  readonly name: string;
  /** Empty when none is given. */
  readonly namespace: string;
  /** App ids that may use it; empty means all. */
  readonly scopes: readonly string[];
  readonly source: ResourceSourcePlace;
}
/** Where a resource was read. */
export interface ResourceSourcePlace {
  readonly file: string;
  readonly line: number;
}

/** The fields around `spec`; the schema of a kind spreads them. */
export const manifestFields = lazily(() => ({
  apiVersion: field.text(),
  kind: field.text(),
  metadata: v.optional(
    v.object({
      name: field.text(),
      namespace: field.text(),
      labels: field.free(),
      annotations: field.free(),
      creationTimestamp: field.free(),
      deletionGracePeriodSeconds: field.free(),
      deletionTimestamp: field.free(),
      finalizers: field.free(),
      generateName: field.free(),
      generation: field.free(),
      managedFields: field.free(),
      ownerReferences: field.free(),
      resourceVersion: field.free(),
      selfLink: field.free(),
      uid: field.free(),
    }),
    {},
  ),
  scopes: list(field.text()),
  status: field.free(),
}));

/** The common part of a resource from its decoded manifest. */
export function resourceMeta(
  manifest: { readonly metadata: { readonly name: string; readonly namespace: string }; readonly scopes: string[] },
  source: ResourceSourcePlace,
): ResourceMeta {
  return { name: manifest.metadata.name, namespace: manifest.metadata.namespace, scopes: manifest.scopes, source };
}

/** Why a name cannot be one, in upstream's words; empty when it can. compat: apimachinery's IsValidPathSegmentName */
export function nameFaults(name: string): string[] {
  if (name === "." || name === "..") return [`may not be '${name}'`];
  return ["/", "%"].filter((sign) => name.includes(sign)).map((sign) => `may not contain '${sign}'`);
}

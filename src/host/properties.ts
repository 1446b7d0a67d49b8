import { readEnvReference } from "../config/env.ts";
import type { SecretStore } from "../driver/secretstore.ts";
import type { Log } from "../telemetry/ports.ts";
import type { ComponentResource } from "./component.ts";

export interface PropertySources {
  readonly env: Readonly<Record<string, string | undefined>>;
  secretStore(name: string): SecretStore | undefined;
  readonly log: Log;
  readonly signal: AbortSignal;
}

/** Either the properties with every reference resolved, or the secret store that has to be there first. */
export type Resolution = { readonly properties: Map<string, string> } | { readonly waitsFor: string };

/** Resolves `secretKeyRef` and `envRef` items. A secret that is missing leaves its item empty, with a line in the log. */
export async function resolveProperties(resource: ComponentResource, from: PropertySources): Promise<Resolution> {
  const properties = new Map<string, string>();
  const cache = new Map<string, Readonly<Record<string, string>>>();
  for (const item of resource.metadata) {
    const value = item.value ?? "";
    properties.set(item.name, value);
    if (value === "" && item.envRef !== undefined && item.envRef !== "") {
      const found = readEnvReference(from.env, item.envRef);
      if (found !== null) properties.set(item.name, found);
      else from.log.warn(`Component ${resource.name} references an env variable that isn't allowed: ${item.envRef}`);
      continue;
    }
    const reference = item.secretKeyRef;
    if (reference === undefined || reference.name === "") continue;
    const store = from.secretStore(resource.secretStore);
    if (store === undefined) {
      from.log.warn(`Component ${resource.name} references a secret store that isn't loaded: ${resource.secretStore}`);
      // compat: a component that names no store waits for none (pkg/runtime/processor/secret/secret.go).
      if (resource.secretStore === "") continue;
      return { waitsFor: resource.secretStore };
    }
    try {
      const secret =
        cache.get(reference.name) ?? (await store.get(reference.name, { namespace: resource.namespace }, from.signal));
      cache.set(reference.name, secret);
      const found = secret[reference.key === "" ? reference.name : reference.key];
      if (found !== undefined && found !== "") properties.set(item.name, found);
    } catch (error) {
      from.log.error(`Error getting secret: ${error instanceof Error ? error.message : String(error)}`);
    }
  }
  return { properties };
}

/** Whether the secrets that a component names are still those in `given`; one that the store does not give counts as unchanged. */
export async function hasSameSecrets(
  resource: ComponentResource,
  given: ReadonlyMap<string, string>,
  store: SecretStore,
): Promise<boolean> {
  const { signal } = new AbortController();
  for (const { name, secretKeyRef } of resource.metadata) {
    if (secretKeyRef === undefined || secretKeyRef.name === "") continue;
    const { name: secretName, key } = secretKeyRef;
    const secret = await store.get(secretName, { namespace: resource.namespace }, signal).catch(() => undefined);
    const found = secret?.[key === "" ? secretName : key];
    if (found !== undefined && found !== "" && found !== given.get(name)) return false;
  }
  return true;
}

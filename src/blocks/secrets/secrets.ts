import type { Secret, SecretStore } from "../../driver/secretstore.ts";
import { ApiError, fail } from "../../errors/error.ts";
import type { Call } from "../../kit/call.ts";
import type { SecretPorts } from "./ports.ts";
import { isSecretAllowed } from "./scope.ts";

export interface SecretRequest {
  readonly storeName: string;
  readonly key: string;
  readonly metadata: Readonly<Record<string, string>>;
}

/** The secrets API without its wires. Every failure is an ApiError. */
export interface Secrets {
  /** One secret with its keys and values. */
  get(request: SecretRequest, call: Call): Promise<Secret>;
  /** All secrets of a store that the app may read, by name. */
  bulkGet(request: Omit<SecretRequest, "key">, call: Call): Promise<Readonly<Record<string, Secret>>>;
}

const reasonOf = (cause: unknown): string => (cause instanceof Error ? cause.message : String(cause));

/** The secrets block over the loaded stores and the scopes of the Configuration. */
export function createSecrets({ stores, scope }: SecretPorts): Secrets {
  const open = (name: string): SecretStore => {
    const store = stores.find(name);
    if (store !== undefined) return store;
    throw stores.any() ? fail("secretStoreNotFound", { store: name }) : fail("secretStoreNotConfigured", {});
  };

  return {
    async get({ storeName, key, metadata }, call) {
      const store = open(storeName);
      if (!isSecretAllowed(scope(storeName), key)) throw fail("secretDenied", { store: storeName, key });
      try {
        return await store.get(key, metadata, call.signal);
      } catch (cause) {
        if (ApiError.is(cause)) throw cause;
        throw fail("secretGet", { store: storeName, key, reason: reasonOf(cause) }, { cause });
      }
    },

    async bulkGet({ storeName, metadata }, call) {
      const store = open(storeName);
      const limits = scope(storeName);
      try {
        const all = await store.bulkGet(metadata, call.signal);
        return Object.fromEntries(Object.entries(all).filter(([name]) => isSecretAllowed(limits, name)));
      } catch (cause) {
        if (ApiError.is(cause)) throw cause;
        throw fail("secretBulkGet", { store: storeName, reason: reasonOf(cause) }, { cause });
      }
    },
  };
}

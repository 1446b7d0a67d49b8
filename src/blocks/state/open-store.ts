import type { StateStore } from "../../driver/state.ts";
import type { Random } from "../../kit/random.ts";
import { createValueCipher, type EncryptionKeys } from "./encrypt.ts";
import { keyPrefixOf } from "./key.ts";
import type { OpenStateStore } from "./ports.ts";

export interface StateStoreSettings {
  /** Name of the component. */
  readonly name: string;
  /** Guarded driver instance. */
  readonly store: StateStore;
  /** Component metadata `keyPrefix` as written; undefined when absent. */
  readonly keyPrefix?: string;
  readonly encryption?: EncryptionKeys;
}

/**
 * Settles once, when a component loads, all that requests would otherwise work out each time: key prefix and imported
 * encryption keys. Rejects with an Error that says which setting is wrong.
 */
export async function openStateStore(
  settings: StateStoreSettings,
  app: { readonly appId: string; readonly namespace: string; readonly random: Random },
): Promise<OpenStateStore> {
  const { name, store, encryption } = settings;
  const prefix = keyPrefixOf(settings.keyPrefix, { storeName: name, appId: app.appId, namespace: app.namespace });
  const opened = { name, store, prefix, ...(store.ignoresSignal === true && { signal: new AbortController().signal }) };
  if (encryption === undefined) return opened;
  return { ...opened, cipher: await createValueCipher(name, encryption, app.random) };
}

import { fail } from "../../errors/error.ts";

/** Stands between the parts of stored keys, so no caller's key may contain it. */
export const keySeparator = "||";

/** Whose keys a store keeps apart from whose. */
export interface KeyOwner {
  readonly storeName: string;
  readonly appId: string;
  /** Empty when there is none. */
  readonly namespace: string;
}

/**
 * What is put in front of every key of a store under the component's `keyPrefix` (`appid`, `name`, `namespace`, `none` in
 * any case, else a text of its own, lower-cased). Throws an Error for a text that contains the separator.
 */
export function keyPrefixOf(strategy: string | undefined, owner: KeyOwner): string {
  // compat: pkg/components/state/state_config.go lower-cases custom texts too
  const wanted = (strategy ?? "appid").toLowerCase();
  if (wanted.includes(keySeparator)) throw new Error(`input key/keyPrefix '${wanted}' can't contain '${keySeparator}'`);
  const named = (name: string): string => name + keySeparator;
  switch (wanted) {
    case "none":
      return "";
    case "name":
      return named(owner.storeName);
    case "appid":
      return owner.appId === "" ? "" : named(owner.appId);
    case "namespace":
      if (owner.appId === "") return "";
      return named(owner.namespace === "" ? owner.appId : `${owner.namespace}.${owner.appId}`);
    default:
      return named(wanted);
  }
}

/** The caller's key within a stored key. */
export function originalKey(prefix: string, stored: string): string {
  if (stored.startsWith(prefix)) return stored.slice(prefix.length);
  return stored.split(keySeparator, 2)[1] ?? stored;
}

/** The full key under which a store keeps a caller's key. Throws an API error when the key contains the separator. */
export function storedKey(
  store: { readonly name: string; readonly prefix: string },
  key: string,
  inTransaction = false,
): string {
  if (key.includes(keySeparator)) throw fail("stateIllegalKey", { store: store.name, key, inTransaction });
  return store.prefix + key;
}

import type { SecretStore } from "../../driver/secretstore.ts";

/** What the Configuration allows of one secret store. */
export interface SecretScope {
  /** `deny` in any case denies, everything else allows. */
  readonly defaultAccess: string;
  /** Not empty: only these. */
  readonly allowedSecrets: readonly string[];
  readonly deniedSecrets: readonly string[];
}

/** What the secrets block needs of its surroundings. */
export interface SecretPorts {
  readonly stores: {
    find(name: string): SecretStore | undefined;
    /** False while no secret store at all is loaded. */
    any(): boolean;
  };
  /** The scope of a store; undefined allows everything. */
  scope(storeName: string): SecretScope | undefined;
}

import type { StateStore } from "../../driver/state.ts";
import type { ValueCipher } from "./encrypt.ts";

/** A loaded state store, ready for requests. Made by `openStateStore`. */
export interface OpenStateStore {
  readonly name: string;
  readonly store: StateStore;
  /** In front of each key, separator included; empty for none. */
  readonly prefix: string;
  /** Present: values are encrypted at rest. */
  readonly cipher?: ValueCipher;
}

/** What the state block needs of its surroundings. */
export interface StatePorts {
  readonly appId: string;
  readonly stores: {
    find(name: string): OpenStateStore | undefined;
    /** False while no state store at all is loaded. */
    any(): boolean;
  };
}

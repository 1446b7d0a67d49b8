import type { StateOperation, StateStore } from "../../driver/state.ts";
import type { Call } from "../../kit/call.ts";
import type { ValueCipher } from "./encrypt.ts";
import type { Metadata, PublishOperation } from "./model.ts";

/** A loaded state store, ready for requests. Made by `openStateStore`. */
export interface OpenStateStore {
  readonly name: string;
  readonly store: StateStore;
  /** In front of each key, separator included; empty for none. */
  readonly prefix: string;
  /** Present: values are encrypted at rest. */
  readonly cipher?: ValueCipher;
  /** For all operations of a store that takes no notice of signals. */
  readonly signal?: AbortSignal;
}

/** What the outbox of a store publishes for one upsert. */
export interface OutboxEvent {
  /** A text is sent in UTF-8; one of type `application/json` is JSON as Go writes it, with sorted keys. */
  readonly data: Uint8Array | string;
  /** The data written in JSON, where the store writes the same: a text in quotes, or JSON itself. */
  readonly json?: Uint8Array | undefined;
  /** Empty: none was given. */
  readonly contentType: string;
  /** Metadata of the operation, which become attributes of the event. */
  readonly attributes: Metadata;
}

/** A transaction and what goes with it. */
export interface AccompaniedTransaction {
  readonly store: OpenStateStore;
  readonly operations: readonly StateOperation[];
  readonly metadata: Metadata;
  /** For the store's outbox. */
  readonly events: readonly OutboxEvent[];
  readonly publishes: readonly PublishOperation[];
  readonly deliveryId: string | undefined;
}

/** What can go with a transaction: an outbox, publishes, the acknowledgement of a delivery. */
export interface Accompaniment {
  hasOutbox(storeName: string): boolean;
  /** Runs the transaction with all that goes with it. Rejects with an ApiError, or with the store's error. */
  transact(transaction: AccompaniedTransaction, call: Call): Promise<void>;
}

/** What the state block needs of its surroundings. */
export interface StatePorts {
  readonly appId: string;
  /** Absent: transactions go alone, and a request for more is refused. */
  readonly accompaniment?: Accompaniment;
  readonly stores: {
    find(name: string): OpenStateStore | undefined;
    /** False while no state store at all is loaded. */
    any(): boolean;
  };
}

import type { StateItem } from "../../driver/state.ts";

/** Metadata of a request or an answer, passed on to and from the component. */
export type Metadata = Readonly<Record<string, string>>;

/**
 * A value as a caller gave it: decoded JSON, JSON text that is to be decoded, or bytes to be kept as they are.
 */
export type StateContent =
  | {
      readonly kind: "json";
      readonly value: unknown /** Its JSON text, where that is known. */;
      readonly text?: Uint8Array;
    }
  | { readonly kind: "jsonText"; readonly bytes: Uint8Array }
  | { readonly kind: "bytes"; readonly bytes: Uint8Array };

export interface GetRequest {
  readonly key: string;
  /** Anything but `strong` and `eventual` counts as none. */
  readonly consistency: string;
  readonly metadata: Metadata;
}

export interface BulkGetRequest {
  readonly keys: readonly string[];
  /** How many reads run at once where the store has no bulk read; 0 or less: all. */
  readonly parallelism: number;
  readonly metadata: Metadata;
}

/** One key of a bulk read: found, absent (`item` is null), or failed. */
export interface BulkEntry {
  readonly key: string;
  readonly item: StateItem | null;
  readonly error?: string;
}

export interface DeleteRequest {
  readonly key: string;
  /** null or empty: none. */
  readonly etag: string | null;
  readonly concurrency: string;
  readonly consistency: string;
  readonly metadata: Metadata;
}

export interface SaveRequest extends DeleteRequest {
  readonly content: StateContent;
}

/** An event that is published when the transaction is committed. */
export interface PublishOperation {
  readonly topic: string;
  readonly content: StateContent;
  /** `pubsubName` names the component and `contentType` the type of the data; the rest is metadata of the publish. */
  readonly metadata: Metadata;
}

/** One operation of a transaction. */
export type TransactionOperation =
  | { readonly kind: "publish"; readonly request: PublishOperation }
  | { readonly kind: "upsert"; readonly request: SaveRequest }
  | { readonly kind: "delete"; readonly request: DeleteRequest };

export interface TransactionRequest {
  /** Taken one by one, so that the first fault of the list is the one reported. */
  readonly operations: Iterable<TransactionOperation>;
  readonly metadata: Metadata;
  /** The delivery that is acknowledged in the same commit, as the app was told it. */
  readonly deliveryId?: string | undefined;
}

export interface QueryRequest {
  /** The query document as JSON text. */
  readonly query: string;
  readonly metadata: Metadata;
}

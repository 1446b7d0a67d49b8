import type { Storage } from "../storage/storage.ts";
import type { Companion } from "./companion.ts";

/** How the bytes of a value are to be understood by stores that keep text and binary apart. */
export interface StateValue {
  readonly bytes: Uint8Array;
  /** True: raw bytes of a gRPC caller. False: `bytes` is JSON text in UTF-8, already in the standard encoding. */
  readonly binary: boolean;
}

export type Concurrency = "" | "first-write" | "last-write";
export type Consistency = "" | "eventual" | "strong";

/** `key` is always the full stored key, prefix included. */
export interface StateGet {
  readonly key: string;
  readonly consistency: Consistency;
  readonly metadata: Readonly<Record<string, string>>;
}
export interface StateItem {
  readonly bytes: Uint8Array;
  readonly etag: string | null;
  /** Response metadata, for example `ttlExpireTime` (RFC 3339, UTC). */
  readonly metadata: Readonly<Record<string, string>>;
}
export interface StateSet {
  readonly key: string;
  readonly value: StateValue;
  /** null = none; an empty etag counts as none. */
  readonly etag: string | null;
  readonly concurrency: Concurrency;
  readonly consistency: Consistency;
  /** Request metadata; `ttlInSeconds` is parsed by the driver with `kit/ttl.ts`. */
  readonly metadata: Readonly<Record<string, string>>;
}
export interface StateDelete {
  readonly key: string;
  readonly etag: string | null;
  readonly concurrency: Concurrency;
  readonly consistency: Consistency;
  readonly metadata: Readonly<Record<string, string>>;
}
export type StateOperation =
  | { readonly kind: "upsert"; readonly request: StateSet }
  | { readonly kind: "delete"; readonly request: StateDelete };

export interface StateBulkItem {
  readonly key: string;
  readonly item: StateItem | null;
  readonly error?: string;
}

/** Query in the shape of the wire's query document, already validated by the block. */
export interface StateQuery {
  readonly filter: QueryFilter | null;
  readonly sort: readonly { readonly key: string; readonly order: "ASC" | "DESC" }[];
  readonly page: { readonly limit: number; readonly token: string };
  readonly metadata: Readonly<Record<string, string>>;
  /** Only keys with this prefix belong to the caller. */
  readonly keyPrefix: string;
}
export type QueryFilter =
  | { readonly op: "EQ" | "NEQ" | "GT" | "GTE" | "LT" | "LTE"; readonly key: string; readonly value: unknown }
  | { readonly op: "IN"; readonly key: string; readonly values: readonly unknown[] }
  | { readonly op: "AND" | "OR"; readonly filters: readonly QueryFilter[] };
export interface StateQueryResult {
  readonly results: readonly {
    readonly key: string;
    readonly bytes: Uint8Array;
    readonly etag: string | null;
    readonly error?: string;
  }[];
  readonly token: string;
  readonly metadata: Readonly<Record<string, string>>;
}

/** Names that the metadata API reports; what methods cannot show. */
export type StateFeature =
  | "ETAG"
  | "TRANSACTIONAL"
  | "QUERY_API"
  | "TTL"
  | "DELETE_WITH_PREFIX"
  | "KEYS_LIKE"
  | "PARTITION_KEY";

/** A state store. Methods throw DriverError only; an absent optional method means the store cannot do it. */
export interface StateStore {
  readonly features: readonly StateFeature[];
  /** Operations take no notice of their signal, so that none has to be made for each. */
  readonly ignoresSignal?: boolean;
  /** null when the key is absent or expired. */
  get(request: StateGet, signal: AbortSignal): Promise<StateItem | null>;
  set(request: StateSet, signal: AbortSignal): Promise<void>;
  delete(request: StateDelete, signal: AbortSignal): Promise<void>;
  /** Answers each asked key once, in the order of the store. */
  bulkGet?(requests: readonly StateGet[], parallelism: number, signal: AbortSignal): Promise<readonly StateBulkItem[]>;
  /** Not atomic. Answers one entry per request: null or the error of that item. */
  bulkSet?(requests: readonly StateSet[], signal: AbortSignal): Promise<readonly (Error | null)[]>;
  bulkDelete?(requests: readonly StateDelete[], signal: AbortSignal): Promise<readonly (Error | null)[]>;
  /** All or nothing, in order. */
  transact?(
    operations: readonly StateOperation[],
    metadata: Readonly<Record<string, string>>,
    signal: AbortSignal,
  ): Promise<void>;
  /** The embedded database that holds the values, where there is one. */
  readonly embedded?: Storage;
  /** As `transact`, in one commit with steps of others in the same embedded database. Throws what `unmet` of the companion makes. */
  transactWith?(
    companion: Companion,
    operations: readonly StateOperation[],
    metadata: Readonly<Record<string, string>>,
    signal: AbortSignal,
  ): Promise<void>;
  readonly maxTransactionOperations?: number;
  /** The same for stores that do not know it from the start; below 1: no limit. */
  askMaxTransactionOperations?(): Promise<number>;
  query?(query: StateQuery, signal: AbortSignal): Promise<StateQueryResult>;
  keysLike?(
    pattern: string,
    pageSize: number,
    token: string,
    signal: AbortSignal,
  ): Promise<{ keys: string[]; token: string }>;
  deletePrefix?(prefix: string, signal: AbortSignal): Promise<number>;
  ping?(signal: AbortSignal): Promise<void>;
  close(): Promise<void>;
}

import assert from "node:assert/strict";
import { DriverError } from "../../src/driver/errors.ts";
import type { StateDelete, StateFeature, StateGet, StateItem, StateSet, StateStore } from "../../src/driver/state.ts";

/** How a store under test differs from the others; what the spec's table of state stores says. */
export interface StateTraits {
  /** Lets time pass for the store: moves its virtual clock or really waits. */
  pass(ms: number): Promise<void>;
  /** An ETag that is well formed and fits nothing. Default a UUID. */
  readonly staleEtag?: string;
  /** An ETag that no value can have, where the store tells it from a stale one. */
  readonly invalidEtag?: string;
  /** Whether concurrency `last-write` makes a store ignore the ETag that came with it. Default false. */
  readonly lastWriteIgnoresEtag?: boolean;
  /** A set with an ETag on a key that is absent. Default `mismatch`. */
  readonly etagOnAbsentKey?: "mismatch" | "stored";
  /** A delete with an ETag on a key that is absent. Default `mismatch`. */
  readonly deleteOfAbsentKey?: "mismatch" | "success";
  /** First-write without ETag over a key that an ordinary write made. Default `refused`. */
  readonly firstWriteOverOrdinary?: "refused" | "stored";
  /** Whether a key that a first-write made refuses later writes without ETag. Default false. */
  readonly firstWriteMarks?: boolean;
  /** Whether a write without a time to live removes the one before. Default true. */
  readonly rewriteClearsTtl?: boolean;
  /** Whether get tells `ttlExpireTime`. Default true. */
  readonly tellsExpiry?: boolean;
  /** Whether a failing operation undoes the whole transaction. Default true. */
  readonly rollsBack?: boolean;
  /** Whether `<`, `>` and `&` of JSON text are stored as they are instead of escaped. Default false. */
  readonly plainHtml?: boolean;
  /** Rounds of the model test. Default 40. */
  readonly modelRuns?: number;
}

/** What the cases of one suite share. */
export interface StateSuite {
  readonly traits: StateTraits;
  /** An ETag that is well formed and fits nothing. */
  readonly stale: string;
  has(feature: StateFeature): boolean;
  /** Declares a test with a store of its own and keys of its own. */
  check(what: string, body: (store: StateStore, key: (name?: string) => string) => Promise<void>): void;
}

/** The value of a key as text, null when it is absent. */
export async function read(store: StateStore, key: string): Promise<string | null> {
  return textOf(await store.get(getOf(key), signal));
}

/** The ETag of a key that must have one. */
export async function etagOf(store: StateStore, key: string): Promise<string> {
  const etag = (await store.get(getOf(key), signal))?.etag;
  assert.ok(typeof etag === "string" && etag !== "", `${key} has no ETag`);
  return etag;
}

/** A signal that never aborts. */
export const { signal } = new AbortController();
const none = { consistency: "" as const, metadata: {} };
export const encoder = new TextEncoder();
export const decoder = new TextDecoder();

/** A get of a key. */
export const getOf = (key: string): StateGet => ({ key, ...none });
/** A set of a key to a JSON value. */
export const setOf = (key: string, json: unknown, more: Partial<StateSet> = {}): StateSet => ({
  key,
  value: { bytes: encoder.encode(JSON.stringify(json)), binary: false },
  etag: null,
  concurrency: "",
  ...none,
  ...more,
});
/** A delete of a key. */
export const deleteOf = (key: string, more: Partial<StateDelete> = {}): StateDelete => ({
  key,
  etag: null,
  concurrency: "",
  ...none,
  ...more,
});
/** The bytes of an item as text. */
export const textOf = (item: StateItem | null): string | null => (item === null ? null : decoder.decode(item.bytes));
/** A check for `assert.rejects`: a DriverError, of the kind when one is given. */
export const isDriverError =
  (kind?: string) =>
  (error: unknown): boolean => {
    assert.ok(DriverError.is(error), `${error} is no DriverError`);
    if (kind !== undefined) assert.equal(error.kind, kind, error.message);
    assert.notEqual(error.message, "");
    return true;
  };

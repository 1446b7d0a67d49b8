import type { Companion } from "../../src/driver/companion.ts";
import { DriverError } from "../../src/driver/errors.ts";
import type {
  StateDelete,
  StateItem,
  StateOperation,
  StateQuery,
  StateQueryResult,
  StateSet,
  StateStore,
} from "../../src/driver/state.ts";
import { decodeBase64, encodeBase64 } from "../../src/kit/base64.ts";
import type { Clock } from "../../src/kit/clock.ts";
import type { Random } from "../../src/kit/random.ts";
import { parseTtl } from "../../src/kit/ttl.ts";
import type { SqlRow, SqlValue } from "../../src/platform/types.ts";
import type { Step, Storage } from "../../src/storage/storage.ts";
import { ExpectationError } from "../../src/storage/storage-error.ts";
import { etagMismatch } from "./etag-mismatch.ts";
import { cutPage, skippedRows } from "./json-query.ts";
import { querySql } from "./query-sql.ts";
import type { Tables } from "./sql-tables.ts";
import { createSqliteNow, rfc3339OfSqliteTime, sqliteTime } from "./sqlite-time.ts";
import type { StateDatabase } from "./state-database.ts";
import { storageFailure } from "./storage-failure.ts";

/** What the store is made of; `beforeClose` runs before the database is closed. */
export interface SqlStateStoreOptions {
  readonly database: StateDatabase;
  /** The same database, where it is the embedded engine: its transactions can take steps of others along. */
  readonly embedded?: Storage;
  readonly tables: Tables;
  readonly clock: Pick<Clock, "now">;
  readonly random: Pick<Random, "uuid">;
  readonly enableQuery: boolean;
  /** ETags count the writes of a key, and a write that says last-write is not compared: what programs for Redis count on. */
  readonly countsWrites?: boolean;
  beforeClose(): Promise<void>;
}

const noMetadata: Readonly<Record<string, string>> = Object.freeze({});

function itemOf(row: SqlRow): StateItem {
  const { value, etag, expiration_time: expires } = row;
  const bytes = typeof value === "string" ? decodeBinary(value) : (value as Uint8Array);
  const metadata = typeof expires === "string" ? { ttlExpireTime: rfc3339OfSqliteTime(expires) } : noMetadata;
  return { bytes, etag: String(etag), metadata };
}

function decodeBinary(text: string): Uint8Array {
  try {
    return decodeBase64(text);
  } catch (cause) {
    throw new DriverError("failed", `failed to decode binary data: ${(cause as Error).message}`, { cause });
  }
}

/** A store on tables that exist. A write is one transaction of the database. */
export function createSqlStateStore({ database, tables, clock, random, ...options }: SqlStateStoreOptions): StateStore {
  const { state } = tables;
  const countsWrites = options.countsWrites === true;
  const now = createSqliteNow(() => clock.now());
  const LIVE = "(expiration_time IS NULL OR expiration_time > ?)";
  // JSON comes as bytes, which saves a decoding; base64 comes as text.
  const COLUMNS = "CASE is_binary WHEN 0 THEN CAST(value AS BLOB) ELSE value END AS value, etag, expiration_time";
  const GET = `SELECT ${COLUMNS} FROM ${state} WHERE key = ? AND ${LIVE}`;
  const BULK_GET = `SELECT key, ${COLUMNS} FROM ${state} WHERE key IN (SELECT value FROM json_each(?)) AND ${LIVE} ORDER BY key`;
  const NAMES = "(key, value, is_binary, etag, expiration_time, update_time)";
  // Changing a row where it stands costs half of what replacing it does, which would write two more pages. Upstream replaces,
  // so there a key that is written again moves to the end of keysLike; here it keeps its place.
  const NEXT_ETAG = countsWrites ? "CAST(CAST(etag AS INTEGER) + 1 AS TEXT)" : "excluded.etag";
  const OVER = `ON CONFLICT (key) DO UPDATE SET value = excluded.value, is_binary = excluded.is_binary, etag = ${NEXT_ETAG}, expiration_time = excluded.expiration_time, update_time = excluded.update_time`;
  const PUT = `INSERT INTO ${state} ${NAMES} VALUES (?, CAST(? AS TEXT), ?, ?, ?, ?) ${OVER}`;
  const PUT_NEW = `INSERT INTO ${state} ${NAMES} SELECT ?, CAST(? AS TEXT), ?, ?, ?, ? WHERE NOT EXISTS (SELECT 1 FROM ${state} WHERE key = ? AND ${LIVE}) ${OVER}`;
  const UPDATE = `UPDATE ${state} SET value = CAST(? AS TEXT), is_binary = ?, etag = ?, expiration_time = ?, update_time = ? WHERE key = ? AND etag = ? AND ${LIVE}`;
  const DELETE = `DELETE FROM ${state} WHERE key = ?`;
  const DELETE_IF = `DELETE FROM ${state} WHERE key = ? AND etag = ?`;
  const KEYS = (page: string) =>
    `SELECT key, rowid AS position FROM ${state} WHERE key LIKE ? ESCAPE '\\' AND ${LIVE} AND rowid > ? ORDER BY rowid${page}`;
  const CHANGED = { min: 1 } as const;

  function expiryOf(metadata: Readonly<Record<string, string>>): string | null {
    let ttl: number | undefined;
    try {
      ttl = parseTtl(metadata);
    } catch (cause) {
      throw new DriverError("badRequest", `error parsing TTL: ${(cause as Error).message}`, { cause });
    }
    return ttl === undefined || ttl <= 0 ? null : sqliteTime((Math.floor(clock.now() / 1000) + ttl) * 1000);
  }

  function etagAfter(etag: string | null): string {
    return countsWrites ? String((Number.parseInt(etag ?? "", 10) || 0) + 1) : random.uuid();
  }

  function setStep({ key, value, etag: given, concurrency, metadata }: StateSet): Step {
    if (key === "") throw new DriverError("badRequest", "missing key in set option");
    const expires = expiryOf(metadata);
    const stored = value.binary ? encodeBase64(value.bytes) : value.bytes;
    const isBinary = value.binary ? 1 : 0;
    const time = now();
    const etag = countsWrites && concurrency === "last-write" ? null : given;
    const fresh = etagAfter(etag);
    if (etag !== null && etag !== "")
      return { sql: UPDATE, params: [stored, isBinary, fresh, expires, time, key, etag, time], expect: CHANGED };
    const row: SqlValue[] = [key, stored, isBinary, fresh, expires, time];
    if (concurrency === "first-write") return { sql: PUT_NEW, params: [...row, key, time], expect: CHANGED };
    return { sql: PUT, params: row };
  }

  function deleteStep({ key, etag }: StateDelete): Step {
    if (key === "") throw new DriverError("badRequest", "missing key in delete operation");
    // compat: without an ETag a delete is unconditional, also with first-write
    if (etag === null || etag === "") return { sql: DELETE, params: [key] };
    return { sql: DELETE_IF, params: [key, etag], expect: CHANGED };
  }

  async function write(steps: readonly Step[], signal: AbortSignal): Promise<void> {
    try {
      await database.write(steps, signal);
    } catch (cause) {
      throw ExpectationError.is(cause) ? etagMismatch(undefined, cause) : storageFailure(cause);
    }
  }

  async function writeWith(
    companion: Companion,
    operations: readonly StateOperation[],
    signal: AbortSignal,
  ): Promise<void> {
    const steps = companion.steps.slice();
    for (const operation of operations) steps.push(stepOf(operation));
    try {
      const writing = database.write(steps, signal);
      companion.submitted();
      await writing;
    } catch (cause) {
      if (!ExpectationError.is(cause)) throw storageFailure(cause);
      throw cause.step < companion.steps.length ? companion.unmet(cause.step) : etagMismatch(undefined, cause);
    }
  }

  // What is there at once is answered without a promise in between: the embedded engine reads on this thread.
  function read<T>(work: () => T | Promise<T>): T | Promise<T> {
    const fail = (cause: unknown): never => {
      throw storageFailure(cause);
    };
    try {
      const found = work();
      return found instanceof Promise ? found.catch(fail) : found;
    } catch (cause) {
      return fail(cause);
    }
  }

  const stepOf = ({ kind, request }: StateOperation): Step =>
    kind === "upsert" ? setStep(request) : deleteStep(request);

  async function query(request: StateQuery, signal: AbortSignal): Promise<StateQueryResult> {
    const { text, params } = querySql(state, request, now());
    const cut = cutPage(await database.all(text, params, signal), request.page.limit, skippedRows(request.page.token));
    const results = cut.rows.map(({ key, value, etag }) => ({
      key: String(key),
      bytes: value as Uint8Array,
      etag: String(etag),
    }));
    return { results, token: cut.token, metadata: noMetadata };
  }

  return {
    features: ["ETAG", "TRANSACTIONAL", "TTL", "KEYS_LIKE", ...(options.enableQuery ? (["QUERY_API"] as const) : [])],
    async get({ key }, signal) {
      if (key === "") throw new DriverError("badRequest", "missing key in get operation");
      const found = read(() => database.get(GET, [key, now()], signal));
      const row = found instanceof Promise ? await found : found;
      return row === undefined ? null : itemOf(row);
    },
    async bulkGet(requests, _parallelism, signal) {
      const missing = new Set(requests.map(({ key }) => key));
      const asked = JSON.stringify([...missing]);
      const rows = await read(() => database.all(BULK_GET, [asked, now()], signal));
      const found = rows.map((row) => {
        const key = String(row["key"]);
        missing.delete(key);
        try {
          return { key, item: itemOf(row) };
        } catch (error) {
          return { key, item: null, error: (error as Error).message };
        }
      });
      return [...found, ...[...missing].map((key) => ({ key, item: null }))];
    },
    set: async (request, signal) => write([setStep(request)], signal),
    delete: async (request, signal) => write([deleteStep(request)], signal),
    transact: async (operations, _metadata, signal) => {
      if (operations.length > 0) await write(operations.map(stepOf), signal);
    },
    ...(options.embedded !== undefined && {
      ignoresSignal: true,
      embedded: options.embedded,
      transactWith: (
        companion: Companion,
        operations: readonly StateOperation[],
        _metadata: Readonly<Record<string, string>>,
        signal: AbortSignal,
      ) => writeWith(companion, operations, signal),
    }),
    async keysLike(pattern, pageSize, token, signal) {
      if (pattern === "") throw new DriverError("badRequest", "keys like pattern cannot be empty");
      const after = token === "" ? "0" : token;
      const rows = await read(() =>
        pageSize > 0
          ? database.all(KEYS(" LIMIT ?"), [pattern, now(), after, pageSize], signal)
          : database.all(KEYS(""), [pattern, now(), after], signal),
      );
      const isFull = pageSize > 0 && rows.length === pageSize;
      return { keys: rows.map(({ key }) => String(key)), token: isFull ? String(rows.at(-1)?.["position"]) : "" };
    },
    ...(options.enableQuery && {
      query: async (request: StateQuery, signal: AbortSignal) => read(() => query(request, signal)),
    }),
    async ping(signal) {
      await read(() => database.get("SELECT 1", [], signal));
    },
    async close() {
      await options.beforeClose();
      await database.close();
    },
  };
}

import { DriverError } from "../../../src/driver/errors.ts";
import type {
  StateDelete,
  StateItem,
  StateOperation,
  StateQuery,
  StateQueryResult,
  StateSet,
  StateStore,
} from "../../../src/driver/state.ts";
import { decodeBase64, encodeBase64 } from "../../../src/kit/base64.ts";
import type { Clock } from "../../../src/kit/clock.ts";
import type { Random } from "../../../src/kit/random.ts";
import { parseTtl } from "../../../src/kit/ttl.ts";
import type { SqlRow, SqlValue } from "../../../src/platform/types.ts";
import type { Step, Storage } from "../../../src/storage/storage.ts";
import { ExpectationError } from "../../../src/storage/storage-error.ts";
import { etagMismatch } from "../../_shared/etag-mismatch.ts";
import { cutPage, skippedRows } from "../../_shared/json-query.ts";
import { createSqliteNow, rfc3339OfSqliteTime, sqliteTime } from "../../_shared/sqlite-time.ts";
import { storageFailure } from "../../_shared/storage-failure.ts";
import { querySql } from "./query-sql.ts";
import type { Tables } from "./tables.ts";

/** What the store is made of; `beforeClose` runs before the storage is given back. */
export interface SqliteStoreOptions {
  readonly storage: Storage;
  readonly tables: Tables;
  readonly clock: Pick<Clock, "now">;
  readonly random: Pick<Random, "uuid">;
  readonly enableQuery: boolean;
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

/** A store on tables that exist. A write is one transaction of the storage, so many of them share a commit. */
export function createSqliteStore({ storage, tables, clock, random, ...options }: SqliteStoreOptions): StateStore {
  const { state } = tables;
  const now = createSqliteNow(() => clock.now());
  const LIVE = "(expiration_time IS NULL OR expiration_time > ?)";
  // JSON comes as bytes, which saves a decoding; base64 comes as text.
  const COLUMNS = "CASE is_binary WHEN 0 THEN CAST(value AS BLOB) ELSE value END AS value, etag, expiration_time";
  const GET = `SELECT ${COLUMNS} FROM ${state} WHERE key = ? AND ${LIVE}`;
  const BULK_GET = `SELECT key, ${COLUMNS} FROM ${state} WHERE key IN (SELECT value FROM json_each(?)) AND ${LIVE} ORDER BY key`;
  const NAMES = "(key, value, is_binary, etag, expiration_time, update_time)";
  const PUT = `INSERT OR REPLACE INTO ${state} ${NAMES} VALUES (?, CAST(? AS TEXT), ?, ?, ?, ?)`;
  const PUT_NEW = `INSERT OR REPLACE INTO ${state} ${NAMES} SELECT ?, CAST(? AS TEXT), ?, ?, ?, ? WHERE NOT EXISTS (SELECT 1 FROM ${state} WHERE key = ? AND ${LIVE})`;
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

  function setStep({ key, value, etag, concurrency, metadata }: StateSet): Step {
    if (key === "") throw new DriverError("badRequest", "missing key in set option");
    const expires = expiryOf(metadata);
    const stored = value.binary ? encodeBase64(value.bytes) : value.bytes;
    const isBinary = value.binary ? 1 : 0;
    const time = now();
    const fresh = random.uuid();
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

  async function write(steps: readonly Step[]): Promise<void> {
    try {
      await storage.write(steps);
    } catch (cause) {
      throw ExpectationError.is(cause) ? etagMismatch(undefined, cause) : storageFailure(cause);
    }
  }

  function read<T>(work: () => T): T {
    try {
      return work();
    } catch (cause) {
      throw storageFailure(cause);
    }
  }

  const stepOf = ({ kind, request }: StateOperation): Step =>
    kind === "upsert" ? setStep(request) : deleteStep(request);

  function query(request: StateQuery): StateQueryResult {
    const { text, params } = querySql(state, request, now());
    const cut = cutPage(storage.all(text, params), request.page.limit, skippedRows(request.page.token));
    const results = cut.rows.map(({ key, value, etag }) => ({
      key: String(key),
      bytes: value as Uint8Array,
      etag: String(etag),
    }));
    return { results, token: cut.token, metadata: noMetadata };
  }

  return {
    features: ["ETAG", "TRANSACTIONAL", "TTL", "KEYS_LIKE", ...(options.enableQuery ? (["QUERY_API"] as const) : [])],
    async get({ key }) {
      if (key === "") throw new DriverError("badRequest", "missing key in get operation");
      const row = read(() => storage.get(GET, [key, now()]));
      return row === undefined ? null : itemOf(row);
    },
    async bulkGet(requests) {
      const missing = new Set(requests.map(({ key }) => key));
      const found = read(() => storage.all(BULK_GET, [JSON.stringify([...missing]), now()])).map((row) => {
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
    set: async (request) => write([setStep(request)]),
    delete: async (request) => write([deleteStep(request)]),
    transact: async (operations) => {
      if (operations.length > 0) await write(operations.map(stepOf));
    },
    async keysLike(pattern, pageSize, token) {
      if (pattern === "") throw new DriverError("badRequest", "keys like pattern cannot be empty");
      const after = token === "" ? "0" : token;
      const rows = read(() =>
        pageSize > 0
          ? storage.all(KEYS(" LIMIT ?"), [pattern, now(), after, pageSize])
          : storage.all(KEYS(""), [pattern, now(), after]),
      );
      const isFull = pageSize > 0 && rows.length === pageSize;
      return { keys: rows.map(({ key }) => String(key)), token: isFull ? String(rows.at(-1)?.["position"]) : "" };
    },
    ...(options.enableQuery && { query: async (request: StateQuery) => read(() => query(request)) }),
    async ping() {
      read(() => storage.get("SELECT 1", []));
    },
    async close() {
      await options.beforeClose();
      await storage.close();
    },
  };
}

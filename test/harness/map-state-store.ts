import { DriverError } from "../../src/driver/errors.ts";
import type { StateItem, StateOperation, StateStore } from "../../src/driver/state.ts";

/** A state store that is a Map, with the embedded stores' ETag rules. `fault` makes the next calls of a method fail. */
export interface MapStateStore extends StateStore {
  readonly rows: Map<string, { readonly bytes: Uint8Array; readonly binary: boolean; readonly etag: string }>;
  /** Every request, by method. */
  readonly seen: { readonly method: string; readonly request: unknown }[];
  fault: Error | undefined;
}

/** A fresh store; `without` leaves optional methods out. */
export function mapStateStore(without: readonly (keyof StateStore)[] = []): MapStateStore {
  const rows: MapStateStore["rows"] = new Map();
  const seen: MapStateStore["seen"] = [];
  let writes = 0;
  const check = (key: string, etag: string | null): void => {
    if (etag === null || rows.get(key)?.etag === etag) return;
    if (etag === "bad") throw new DriverError("etagInvalid", "invalid etag value");
    throw new DriverError("etagMismatch", `possible etag mismatch. error from state store: wrong etag for ${key}`);
  };
  const begin = (method: string, request: unknown): void => {
    seen.push({ method, request });
    if (store.fault !== undefined) throw store.fault;
  };
  const apply = ({ kind, request }: StateOperation): void => {
    check(request.key, request.etag);
    if (kind === "delete") rows.delete(request.key);
    else {
      if (request.concurrency === "first-write" && request.etag === null && rows.has(request.key))
        throw new DriverError("etagMismatch", "possible etag mismatch. error from state store");
      rows.set(request.key, { ...request.value, etag: String(++writes) });
    }
  };
  const item = (key: string): StateItem | null => {
    const row = rows.get(key);
    if (row === undefined) return null;
    const isLasting = !key.endsWith("ttl");
    return { bytes: row.bytes, etag: row.etag, metadata: isLasting ? {} : { ttlExpireTime: "2030-01-01T00:00:00Z" } };
  };
  const store: MapStateStore = {
    rows,
    seen,
    fault: undefined,
    features: ["ETAG", "TRANSACTIONAL"],
    async get(request) {
      begin("get", request);
      return item(request.key);
    },
    async set(request) {
      begin("set", request);
      apply({ kind: "upsert", request });
    },
    async delete(request) {
      begin("delete", request);
      apply({ kind: "delete", request });
    },
    async bulkGet(requests) {
      begin("bulkGet", requests);
      return requests.map(({ key }) => ({ key, item: item(key) }));
    },
    async transact(operations, metadata) {
      begin("transact", { operations, metadata });
      const before = new Map(rows);
      try {
        for (const operation of operations) apply(operation);
      } catch (error) {
        rows.clear();
        for (const [key, row] of before) rows.set(key, row);
        throw error;
      }
    },
    async query(query) {
      begin("query", query);
      const results = [...rows].filter(([key]) => key.startsWith(query.keyPrefix));
      return {
        results: results.map(([key, { bytes, etag }]) => ({ key, bytes, etag })),
        token: query.page.limit > 0 ? String(query.page.limit) : "",
        metadata: {},
      };
    },
    async close() {},
  };
  for (const name of without) delete (store as Partial<Record<keyof StateStore, unknown>>)[name];
  return store;
}

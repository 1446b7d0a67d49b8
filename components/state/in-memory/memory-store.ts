import { DriverError } from "../../../src/driver/errors.ts";
import type { StateItem, StateOperation, StateQuery, StateQueryResult, StateStore } from "../../../src/driver/state.ts";
import { decodeUtf8 } from "../../../src/kit/bytes.ts";
import type { Clock } from "../../../src/kit/clock.ts";
import { parseGoInteger } from "../../../src/kit/go-integer.ts";
import { goQuote } from "../../../src/kit/go-quote.ts";
import type { Random } from "../../../src/kit/random.ts";
import { expiryText } from "../../../src/kit/ttl.ts";
import { etagMismatch } from "../../_shared/etag-mismatch.ts";
import { checkQuery, cutPage, passesFilter, skippedRows, sorter } from "../../_shared/json-query.ts";
import { likeExpression } from "../../_shared/like-pattern.ts";

interface Row {
  readonly bytes: Uint8Array;
  readonly isJson: boolean;
  readonly etag: string;
  /** Epoch milliseconds; infinite without a time to live. */
  readonly expiresAt: number;
  /** Counts all writes; the order of keysLike. */
  readonly index: number;
}
type Write = Pick<StateOperation["request"], "key" | "etag" | "concurrency">;

const CLEAN_MS = 1000;

// compat: state/in-memory/in_memory.go has its own, laxer rule than the other stores
function ttlOf(metadata: Readonly<Record<string, string>>): number {
  const text = metadata["ttlInSeconds"] ?? "";
  if (text === "") return 0;
  try {
    return Math.max(0, parseGoInteger(text, "Atoi"));
  } catch (cause) {
    throw new DriverError("badRequest", (cause as Error).message, { cause });
  }
}

function indexOfToken(token: string): number {
  if (/^[0-9]+$/.test(token)) return Number(token);
  const why = `strconv.ParseUint: parsing ${goQuote(token)}: invalid syntax`;
  throw new DriverError("badRequest", `invalid continue token: ${why}`);
}

function parsed(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(decodeUtf8(bytes));
  } catch {
    return undefined;
  }
}

/** A store that lives as long as it is open. Expired rows are hidden from reads at once and removed within a second. */
export function createMemoryStore(options: {
  readonly clock: Pick<Clock, "now" | "after">;
  readonly random: Pick<Random, "uuid">;
  readonly enableQuery: boolean;
}): StateStore {
  const { clock, random } = options;
  /** In the order of `index`: a row that is written again moves to the end. */
  const rows = new Map<string, Row>();
  let writes = 0;
  let cancelClean: (() => void) | undefined;

  const isExpired = (row: Row): boolean => clock.now() > row.expiresAt;
  const itemOf = ({ bytes, etag, expiresAt }: Row): StateItem => ({
    bytes,
    etag,
    metadata: expiresAt === Number.POSITIVE_INFINITY ? {} : { ttlExpireTime: expiryText(expiresAt) },
  });

  function clean(): void {
    let hasMore = false;
    for (const [key, row] of rows) {
      if (isExpired(row)) rows.delete(key);
      else hasMore ||= row.expiresAt !== Number.POSITIVE_INFINITY;
    }
    cancelClean = hasMore ? clock.after(CLEAN_MS, clean) : undefined;
  }

  function check({ key, etag, concurrency }: Write): void {
    // An expired row counts until it is removed, as upstream's does.
    const row = rows.get(key);
    if (etag === null || etag === "") {
      if (concurrency === "first-write" && row !== undefined)
        throw etagMismatch("item already exists and no etag was passed");
    } else if (row === undefined) throw etagMismatch(`state not exist or expired for key=${key}`);
    else if (row.etag !== etag)
      throw etagMismatch(`state etag not match for key=${key}: current=${row.etag}, expect=${etag}`);
  }

  function apply({ kind, request }: StateOperation, ttl: number): void {
    rows.delete(request.key);
    if (kind === "delete") return;
    const expiresAt = ttl > 0 ? clock.now() + ttl * 1000 : Number.POSITIVE_INFINITY;
    const { bytes, binary } = request.value;
    rows.set(request.key, { bytes: bytes.slice(), isJson: !binary, etag: random.uuid(), expiresAt, index: writes++ });
    if (ttl > 0) cancelClean ??= clock.after(CLEAN_MS, clean);
  }

  const ttlOfOperation = ({ kind, request }: StateOperation): number =>
    kind === "upsert" ? ttlOf(request.metadata) : 0;
  async function run(operations: readonly StateOperation[]): Promise<void> {
    const ttls = operations.map(ttlOfOperation);
    for (const { request } of operations) check(request);
    for (const [index, operation] of operations.entries()) apply(operation, ttls[index]!);
  }

  function query({ filter, sort, page, keyPrefix }: StateQuery): StateQueryResult {
    checkQuery({ filter, sort });
    const skipped = skippedRows(page.token);
    const found: { key: string; row: Row; document: unknown }[] = [];
    for (const [key, row] of rows) {
      if (!row.isJson || isExpired(row) || !key.startsWith(keyPrefix)) continue;
      const document = parsed(row.bytes);
      if (document === undefined || (filter !== null && !passesFilter(document, filter))) continue;
      found.push({ key, row, document });
    }
    found.sort(sorter(sort));
    const cut = cutPage(found.slice(skipped), page.limit, skipped);
    const results = cut.rows.map(({ key, row }) => ({ key, bytes: row.bytes, etag: row.etag }));
    return { results, token: cut.token, metadata: {} };
  }

  return {
    ignoresSignal: true,
    features: [
      "ETAG",
      "TRANSACTIONAL",
      "TTL",
      "DELETE_WITH_PREFIX",
      "KEYS_LIKE",
      ...(options.enableQuery ? (["QUERY_API"] as const) : []),
    ],
    async get({ key }) {
      const row = rows.get(key);
      if (row === undefined) return null;
      if (!isExpired(row)) return itemOf(row);
      rows.delete(key);
      return null;
    },
    async bulkGet(requests) {
      return [...new Set(requests.map(({ key }) => key))].map((key) => {
        const row = rows.get(key);
        return { key, item: row === undefined || isExpired(row) ? null : itemOf(row) };
      });
    },
    set: (request) => run([{ kind: "upsert", request }]),
    delete: (request) => run([{ kind: "delete", request }]),
    transact: run,
    async keysLike(pattern, pageSize, token) {
      if (pattern === "") throw new DriverError("badRequest", "keys like pattern cannot be empty");
      const expression = likeExpression(pattern);
      const from = token === "" ? 0 : indexOfToken(token);
      const keys: string[] = [];
      for (const [key, row] of rows) {
        if (row.index < from || !expression.test(key)) continue;
        if (pageSize > 0 && keys.length === pageSize) return { keys, token: String(row.index) };
        keys.push(key);
      }
      return { keys, token: "" };
    },
    async deletePrefix(given) {
      if (given === "" || given === "||")
        throw new DriverError("badRequest", "a prefix is required for deleteWithPrefix request");
      const prefix = given.endsWith("||") ? given : `${given}||`;
      let count = 0;
      for (const key of [...rows.keys()]) {
        if (!key.startsWith(prefix) || key.includes("||", prefix.length)) continue;
        rows.delete(key);
        count++;
      }
      return count;
    },
    ...(options.enableQuery && { query: async (request: StateQuery) => query(request) }),
    async close() {
      cancelClean?.();
      cancelClean = undefined;
      rows.clear();
    },
  };
}

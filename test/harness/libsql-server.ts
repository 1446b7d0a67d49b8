import process from "node:process";
import type { SqlDatabase, SqlValue } from "../../src/platform/types.ts";
import { hostPlatform } from "./host-platform.ts";

/** A server that speaks libSQL's protocol over HTTP, version 2. */
export interface LibsqlServer {
  readonly url: string;
  readonly token: string;
  /** Requests that were answered; undefined where the server is not ours. */
  requests(): number | undefined;
  /** The database behind it; undefined where the server is not ours. */
  readonly database: SqlDatabase | undefined;
  close(): Promise<void>;
}

type WireValue =
  | { readonly type: "null" }
  | { readonly type: "integer" | "text"; readonly value: string }
  | { readonly type: "float"; readonly value: number }
  | { readonly type: "blob"; readonly base64: string };
interface WireStatement {
  readonly sql?: string;
  readonly sql_id?: number;
  readonly args?: readonly WireValue[];
}
type WireCondition =
  | { readonly type: "ok" | "error"; readonly step: number }
  | { readonly type: "not"; readonly cond: WireCondition }
  | { readonly type: "and" | "or"; readonly conds: readonly WireCondition[] };
interface WireRequest {
  readonly type: string;
  readonly sql_id?: number;
  readonly sql?: string;
  readonly stmt?: WireStatement;
  readonly batch?: {
    readonly steps: readonly { readonly condition?: WireCondition; readonly stmt: WireStatement }[];
  };
}

function fromWire(value: WireValue): SqlValue {
  switch (value.type) {
    case "null":
      return null;
    case "integer":
      return BigInt(value.value);
    case "blob":
      return Uint8Array.from(atob(value.base64), (character) => character.charCodeAt(0));
    default:
      return value.value;
  }
}

function toWire(value: SqlValue): WireValue {
  if (value === null) return { type: "null" };
  if (typeof value === "string") return { type: "text", value };
  if (typeof value === "bigint") return { type: "integer", value: String(value) };
  if (typeof value === "number")
    return Number.isInteger(value) ? { type: "integer", value: String(value) } : { type: "float", value };
  return { type: "blob", base64: btoa(Array.from(value, (byte) => String.fromCharCode(byte)).join("")) };
}

function failureOf(error: unknown) {
  const { message, sqliteCode } = error as Error & { sqliteCode?: number };
  return { message: `SQLite error: ${message}`, code: sqliteCode === 5 ? "SQLITE_BUSY" : "SQLITE_ERROR" };
}

function runStatement(database: SqlDatabase, stored: ReadonlyMap<number, string>, statement: WireStatement) {
  const sql = statement.sql ?? stored.get(statement.sql_id ?? -1);
  if (sql === undefined) throw new Error(`there is no stored SQL ${statement.sql_id}`);
  const params = (statement.args ?? []).map(fromWire);
  if (!/^\s*(?:select|pragma|with)\b|\breturning\b/i.test(sql)) {
    const { changes, lastId } = database.run(sql, params);
    return { cols: [], rows: [], affected_row_count: changes, last_insert_rowid: String(lastId) };
  }
  const rows = database.all(sql, params);
  return {
    cols: Object.keys(rows[0] ?? {}).map((name) => ({ name, decltype: null })),
    rows: rows.map((row) => Object.values(row).map(toWire)),
    affected_row_count: 0,
    last_insert_rowid: null,
  };
}

function runBatch(database: SqlDatabase, stored: ReadonlyMap<number, string>, batch: WireRequest["batch"]) {
  const results: (object | null)[] = [];
  const errors: (object | null)[] = [];
  const holds = (condition: WireCondition): boolean => {
    switch (condition.type) {
      case "ok":
        return results[condition.step] !== null;
      case "error":
        return errors[condition.step] !== null;
      case "not":
        return !holds(condition.cond);
      case "and":
        return condition.conds.every(holds);
      case "or":
        return condition.conds.some(holds);
    }
  };
  for (const [index, { condition, stmt }] of (batch?.steps ?? []).entries()) {
    results[index] = null;
    errors[index] = null;
    if (condition !== undefined && !holds(condition)) continue;
    try {
      results[index] = runStatement(database, stored, stmt);
    } catch (error) {
      errors[index] = failureOf(error);
    }
  }
  return { step_results: results, step_errors: errors };
}

function answer(database: SqlDatabase, stored: Map<number, string>, request: WireRequest): object {
  switch (request.type) {
    case "store_sql":
      stored.set(request.sql_id ?? 0, request.sql ?? "");
      return {};
    case "close_sql":
      stored.delete(request.sql_id ?? 0);
      return {};
    case "execute":
      return { result: runStatement(database, stored, request.stmt ?? {}) };
    case "batch":
      return { result: runBatch(database, stored, request.batch) };
    case "close":
      return {};
    default:
      throw new Error(`requests of type "${request.type}" are not served here`);
  }
}

/** One pipeline is one stream from its first request to its last: nothing else comes between, and none stays open. */
function runPipeline(database: SqlDatabase, requests: readonly WireRequest[]): object {
  const stored = new Map<number, string>();
  const results = requests.map((request) => {
    try {
      return { type: "ok", response: { type: request.type, ...answer(database, stored, request) } };
    } catch (error) {
      return { type: "error", error: failureOf(error) };
    }
  });
  return { baton: null, base_url: null, results };
}

const token = "test-token";

/**
 * The libSQL server of the variables PILLION_TEST_LIBSQL and PILLION_TEST_LIBSQL_TOKEN; without them a small one of our own on
 * the SQLite of the runtime, with an empty database at `path`.
 */
export async function startLibsqlServer(path = ":memory:"): Promise<LibsqlServer> {
  const outside = process.env["PILLION_TEST_LIBSQL"];
  if (outside !== undefined && outside !== "") {
    const given = process.env["PILLION_TEST_LIBSQL_TOKEN"] ?? "";
    return { url: outside, token: given, requests: () => undefined, database: undefined, close: async () => undefined };
  }
  const platform = await hostPlatform();
  if (platform.sqlite === undefined || platform.serveHttp === undefined)
    throw new Error(`the ${platform.name} runtime has no SQLite or no HTTP server`);
  const database = platform.sqlite(path);
  let count = 0;
  const listener = await platform.serveHttp({ host: "127.0.0.1", port: 0 }, async (request) => {
    count++;
    if (request.headers.get("authorization") !== `Bearer ${token}`)
      return Response.json({ error: "the token is missing or wrong" }, { status: 401 });
    if (new URL(request.url).pathname !== "/v2/pipeline") return new Response("not found", { status: 404 });
    const { baton, requests } = (await request.json()) as { baton?: string; requests: readonly WireRequest[] };
    if (baton !== undefined || requests.at(-1)?.type !== "close")
      return Response.json({ message: "streams that stay open are not served here" }, { status: 400 });
    return Response.json(runPipeline(database, requests));
  });
  return {
    url: `http://127.0.0.1:${listener.port}`,
    token,
    requests: () => count,
    database,
    async close() {
      await listener.close(1000);
      database.close();
    },
  };
}

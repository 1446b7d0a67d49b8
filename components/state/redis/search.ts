import { DriverError } from "../../../src/driver/errors.ts";
import type { QueryFilter, StateQuery, StateQueryResult } from "../../../src/driver/state.ts";
import { decodeUtf8, encodeUtf8 } from "../../../src/kit/bytes.ts";
import type { RedisReply } from "../../_shared/redis-client.ts";
import type { RedisConnection } from "../../_shared/redis-connection.ts";
import type { IndexedField, QueryIndex } from "./query-indexes.ts";

const batch = 1000;

const bad = (text: string): DriverError => new DriverError("badRequest", text);

function fieldOf(index: QueryIndex, key: string): IndexedField {
  const field = index.get(key);
  if (field === undefined) throw bad(`JSON path ${JSON.stringify(key)} is not indexed`);
  return field;
}

/** The words of a text as the index cuts it; what is syntax in a query separates words there. */
function words(text: string): string {
  const kept = text.replace(/[\s,.<>{}[\]"':;!@#$%^&*()\-+=~|/\\?]+/gu, " ").trim();
  if (kept === "") throw bad(`cannot search for ${JSON.stringify(text)}: it holds no letters or digits`);
  return kept;
}

const tag = (value: string | boolean): string => String(value).replace(/[^\p{L}\p{N}_]/gu, "\\$&");

function equals(index: QueryIndex, key: string, values: readonly unknown[]): string {
  const { alias, type } = fieldOf(index, key);
  const isTag = type.toUpperCase() === "TAG";
  const parts = values.map((value) => {
    if (isTag && (typeof value === "string" || typeof value === "boolean")) return tag(value);
    if (typeof value === "string") return values.length === 1 ? words(value) : `(${words(value)})`;
    if (typeof value === "number") return `[${value} ${value}]`;
    throw bad(`unsupported type of value ${JSON.stringify(value)} for ${JSON.stringify(key)}`);
  });
  if (isTag) return `@${alias}:{${parts.join("|")}}`;
  const numbers = parts.filter((part) => part.startsWith("["));
  if (numbers.length === 0) return `@${alias}:(${parts.join("|")})`;
  if (numbers.length < parts.length) throw bad(`text and numbers are mixed for ${JSON.stringify(key)}`);
  return numbers.map((part) => (numbers.length === 1 ? `@${alias}:${part}` : `(@${alias}:${part})`)).join("|");
}

function range(index: QueryIndex, filter: { op: string; key: string; value: unknown }): string {
  const { alias } = fieldOf(index, filter.key);
  const { op, value } = filter;
  if (typeof value !== "number") throw bad(`unsupported type of value ${value}; string type not permitted`);
  const open = op.length === 2 ? "(" : "";
  return op.startsWith("G") ? `@${alias}:[${open}${value} +inf]` : `@${alias}:[-inf ${open}${value}]`;
}

/** A filter in the query language of RediSearch. Throws DriverError "badRequest" for what the index cannot answer. */
export function searchText(index: QueryIndex, filter: QueryFilter | null): string {
  if (filter === null) return "*";
  switch (filter.op) {
    case "AND":
    case "OR":
      return `(${filter.filters.map((each) => searchText(index, each)).join(filter.op === "AND" ? " " : "|")})`;
    case "EQ":
      return `(${equals(index, filter.key, [filter.value])})`;
    case "NEQ":
      return `-(${equals(index, filter.key, [filter.value])})`;
    case "IN":
      if (filter.values.length < 2) throw bad(`too few values in IN operator for key ${JSON.stringify(filter.key)}`);
      return `(${equals(index, filter.key, filter.values)})`;
    default:
      return `(${range(index, filter)})`;
  }
}

function offsetOf(token: string): number {
  const offset = token === "" ? 0 : /^[0-9]+$/.test(token) ? Number(token) : Number.NaN;
  if (!Number.isSafeInteger(offset)) throw bad(`cannot continue at token ${JSON.stringify(token)}`);
  return offset;
}

const text = (reply: RedisReply | undefined): string | undefined =>
  reply instanceof Uint8Array ? decodeUtf8(reply) : typeof reply === "string" ? reply : undefined;

function rowOf(id: RedisReply | undefined, reply: RedisReply | undefined): StateQueryResult["results"][number] {
  const fields = new Map<string, string>();
  const pairs = Array.isArray(reply) ? reply : [];
  for (let at = 0; at + 1 < pairs.length; at += 2) {
    const value = text(pairs[at + 1]);
    if (value !== undefined) fields.set(text(pairs[at]) ?? "", value);
  }
  const data = fields.get("$.data");
  const row = { key: text(id) ?? "", bytes: encodeUtf8(data ?? ""), etag: fields.get("$.version") ?? null };
  return data === undefined ? { ...row, error: "the value is not in the index" } : row;
}

/** Answers a query from an index. Rows of other prefixes are left out; the token counts them, so pages go on behind them. */
export async function search(
  redis: RedisConnection,
  name: string,
  index: QueryIndex,
  { filter, sort, page, keyPrefix }: StateQuery,
  signal: AbortSignal,
): Promise<StateQueryResult> {
  const [by, ...more] = sort;
  if (more.length > 0) throw bad("multiple SORTBY steps are not allowed. Sort multiple fields in a single step");
  const order =
    by === undefined ? [] : ["SORTBY", fieldOf(index, by.key).alias, ...(by.order === "DESC" ? ["DESC"] : [])];
  const command = ["FT.SEARCH", name, searchText(index, filter), ...order];
  const results: StateQueryResult["results"][number][] = [];
  let offset = offsetOf(page.token);
  for (;;) {
    const step = page.limit === 0 ? batch : page.limit;
    const args = [...command, "LIMIT", offset, step, "RETURN", 2, "$.data", "$.version"];
    const reply = await redis.send({ args, isRead: true }, signal);
    if (!Array.isArray(reply) || reply.length % 2 !== 1) throw new DriverError("failed", "invalid output");
    const total = Number(reply[0]);
    for (let at = 1; at < reply.length; at += 2) {
      offset++;
      const row = rowOf(reply[at], reply[at + 1]);
      if (!row.key.startsWith(keyPrefix)) continue;
      results.push(row);
      if (results.length === page.limit) return { results, token: offset < total ? String(offset) : "", metadata: {} };
    }
    if (offset >= total || reply.length === 1) return { results, token: "", metadata: {} };
  }
}

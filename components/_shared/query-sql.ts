import type { QueryFilter, StateQuery } from "../../src/driver/state.ts";
import type { SqlValue } from "../../src/platform/types.ts";
import { checkQuery, operand, pathSteps, skippedRows } from "./json-query.ts";

/** A piece of SQL with its parameters, in order. */
export interface Sql {
  readonly text: string;
  readonly params: readonly SqlValue[];
}

const NUMBER = "IN ('integer', 'real')";
const operators = { GT: ">", GTE: ">=", LT: "<", LTE: "<=" } as const;

function pathOf(key: string): string {
  return `$${pathSteps(key)
    .map((step) => `."${step}"`)
    .join("")}`;
}

function equals(key: string, value: unknown): Sql {
  const path = pathOf(key);
  const wanted = operand(key, value);
  const type = "json_type(value, ?)";
  if (wanted === null) return { text: `coalesce(${type}, 'null') = 'null'`, params: [path] };
  if (typeof wanted === "boolean") return { text: `coalesce(${type}, '') = ?`, params: [path, String(wanted)] };
  const fits = typeof wanted === "number" ? NUMBER : "= 'text'";
  return { text: `coalesce(${type}, '') ${fits} AND json_extract(value, ?) = ?`, params: [path, path, wanted] };
}

function join(parts: readonly Sql[], word: "AND" | "OR", none: string): Sql {
  if (parts.length === 0) return { text: none, params: [] };
  return {
    text: parts.map(({ text }) => `(${text})`).join(` ${word} `),
    params: parts.flatMap(({ params }) => params),
  };
}

/** A filter as a condition over the JSON column `value`, with the meaning that `passesFilter` gives it. */
export function filterSql(filter: QueryFilter): Sql {
  switch (filter.op) {
    case "AND":
      return join(filter.filters.map(filterSql), "AND", "1");
    case "OR":
      return join(filter.filters.map(filterSql), "OR", "0");
    case "IN":
      return join(
        filter.values.map((value) => equals(filter.key, value)),
        "OR",
        "0",
      );
    case "EQ":
      return equals(filter.key, filter.value);
    case "NEQ": {
      const { text, params } = equals(filter.key, filter.value);
      return { text: `NOT (${text})`, params };
    }
    default: {
      const wanted = operand(filter.key, filter.value);
      if (typeof wanted !== "string" && typeof wanted !== "number") return { text: "0", params: [] };
      const path = pathOf(filter.key);
      const fits = typeof wanted === "number" ? NUMBER : "= 'text'";
      return {
        text: `coalesce(json_type(value, ?), '') ${fits} AND json_extract(value, ?) ${operators[filter.op]} ?`,
        params: [path, path, wanted],
      };
    }
  }
}

function sortSql(sort: StateQuery["sort"]): Sql {
  const terms = sort.map(({ key, order }) => {
    const path = pathOf(key);
    const text = `CASE WHEN coalesce(json_type(value, ?), '') IN ('object', 'array', 'null', '') THEN NULL ELSE json_extract(value, ?) END ${order}`;
    return { text, params: [path, path] };
  });
  return {
    text: [...terms.map(({ text }) => text), "key ASC"].join(", "),
    params: terms.flatMap(({ params }) => params),
  };
}

/** Keys with the prefix as a condition that an index can serve. */
function prefixSql(prefix: string): Sql {
  const last = prefix.charCodeAt(prefix.length - 1);
  // Only behind a plain ASCII character is it clear what comes next in order.
  if (!(last < 0x7f)) return { text: "substr(key, 1, length(?)) = ?", params: [prefix, prefix] };
  return { text: "key >= ? AND key < ?", params: [prefix, prefix.slice(0, -1) + String.fromCharCode(last + 1)] };
}

/** The statement of a query: live JSON rows of the caller that pass, sorted, one more than the page holds. */
export function querySql(table: string, query: StateQuery, now: string): Sql {
  checkQuery(query);
  const filter: Sql = query.filter === null ? { text: "1", params: [] } : filterSql(query.filter);
  const sort = sortSql(query.sort);
  const prefix = prefixSql(query.keyPrefix);
  const { limit, token } = query.page;
  // The inner query keeps what is no JSON away from the functions that would fail on it.
  return {
    text: `SELECT key, CAST(value AS BLOB) AS value, etag FROM (SELECT key, value, etag FROM ${table} WHERE ${prefix.text} AND is_binary = 0 AND (expiration_time IS NULL OR expiration_time > ?)) WHERE CASE WHEN json_valid(value) THEN ${filter.text} ELSE 0 END ORDER BY ${sort.text} LIMIT ? OFFSET ?`,
    params: [...prefix.params, now, ...filter.params, ...sort.params, limit > 0 ? limit + 1 : -1, skippedRows(token)],
  };
}

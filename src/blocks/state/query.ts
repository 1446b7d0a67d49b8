import type { QueryFilter, StateQuery, StateQueryResult } from "../../driver/state.ts";
import { fail } from "../../errors/error.ts";
import { encodeUtf8 } from "../../kit/bytes.ts";
import type { Call } from "../../kit/call.ts";
import { decodeGoJsonText } from "../../kit/go-json.ts";
import { goQuote } from "../../kit/go-quote.ts";
import { decodeGoShape, type GoShape, goShape } from "../../kit/go-shape.ts";
import { explained, reasonOf } from "./failure.ts";
import { originalKey } from "./key.ts";
import type { QueryRequest } from "./model.ts";
import type { OpenStateStore } from "./ports.ts";

interface QueryDocument {
  readonly filter: Readonly<Record<string, unknown>> | null;
  readonly sort: readonly { readonly key: string; readonly order: string }[] | null;
  readonly page: { readonly limit: number; readonly token: string };
}

const documentShape: GoShape<QueryDocument> = goShape.struct("query.QueryFields", {
  filter: goShape.map("map[string]interface {}", goShape.anything),
  sort: goShape.list("[]query.Sorting", goShape.struct("query.Sorting", { key: goShape.text, order: goShape.text })),
  page: goShape.struct("query.Pagination", { limit: goShape.integer, token: goShape.text }),
});

type Node = Readonly<Record<string, unknown>>;
const isNode = (value: unknown): value is Node => typeof value === "object" && value !== null && !Array.isArray(value);

function singlePair(name: string, value: unknown): [string, unknown] {
  if (!isNode(value)) throw new Error(`${name} filter must be a map`);
  const pairs = Object.entries(value);
  if (pairs.length !== 1) throw new Error(`${name} filter must contain a single key/value pair`);
  return pairs[0]!;
}

function parseFilters(name: string, value: unknown): readonly QueryFilter[] {
  if (!Array.isArray(value)) throw new Error(`${name} filter must be an array`);
  if (value.length < 2) throw new Error(`${name} filter must contain at least two entries`);
  return value.map(parseFilter);
}

/** One filter of a query document. Throws an Error that names what is wrong with it. */
export function parseFilter(value: unknown): QueryFilter {
  if (!isNode(value)) throw new Error("filter unit must be a map");
  const units = Object.entries(value);
  if (units.length !== 1) throw new Error("filter unit must have a single element");
  const [op, operand] = units[0]!;
  switch (op) {
    case "EQ":
    case "NEQ":
    case "GT":
    case "GTE":
    case "LT":
    case "LTE": {
      const [key, wanted] = singlePair(op, operand);
      return { op, key, value: wanted };
    }
    case "IN": {
      const [key, values] = singlePair(op, operand);
      if (!Array.isArray(values)) throw new Error("IN filter value must be an array");
      return { op, key, values };
    }
    case "AND":
    case "OR":
      return { op, filters: parseFilters(op, operand) };
    default:
      throw new Error(`unsupported filter ${goQuote(op)}`);
  }
}

/** Decodes a query document; throws an Error in the words of upstream's parser. */
export function parseQuery(text: string): Pick<StateQuery, "filter" | "sort" | "page"> {
  const document = decodeGoShape(decodeGoJsonText(encodeUtf8(text)), documentShape);
  const { filter, sort, page } = document;
  return {
    filter: filter === null || Object.keys(filter).length === 0 ? null : parseFilter(filter),
    sort: (sort ?? []).map(({ key, order }) => ({ key, order: order === "DESC" ? "DESC" : "ASC" })),
    page: { limit: Math.max(0, page.limit), token: page.token },
  };
}

/** Runs a query over the caller's keys of a store that can do it. */
export async function queryItems(store: OpenStateStore, request: QueryRequest, call: Call): Promise<StateQueryResult> {
  const { name, prefix, store: driver } = store;
  if (driver.query === undefined) throw fail("stateQueryNotSupported", { store: name });
  const refuse = (reason: string, cause?: unknown) => fail("stateQueryFailed", { store: name, reason }, { cause });
  if (store.cipher !== undefined) throw refuse("cannot query encrypted store");
  let parsed: ReturnType<typeof parseQuery>;
  try {
    parsed = parseQuery(request.query);
  } catch (cause) {
    throw refuse(`failed to parse JSON query body: ${reasonOf(cause)}`, cause);
  }
  const query: StateQuery = { ...parsed, metadata: request.metadata, keyPrefix: prefix };
  const found = await explained(() => driver.query!(query, call.signal), refuse, "both");
  return { ...found, results: found.results.map((row) => ({ ...row, key: originalKey(prefix, row.key) })) };
}

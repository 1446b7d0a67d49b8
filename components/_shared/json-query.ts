import { DriverError } from "../../src/driver/errors.ts";
import type { QueryFilter, StateQuery } from "../../src/driver/state.ts";

/** A value that a query can compare. */
export type Comparable = string | number | boolean | null;

/** The steps of a dotted path into a JSON value. Throws DriverError "badRequest". */
export function pathSteps(key: string): readonly string[] {
  const steps = key.split(".");
  // SQLite's paths have no escape for these, and both stores shall answer alike.
  if (steps.some((step) => step === "" || /["\\\p{Cc}]/u.test(step)))
    throw new DriverError("badRequest", `cannot query key ${JSON.stringify(key)}: write it as names with dots between`);
  return steps;
}

/** The operand of a filter. Throws DriverError "badRequest" for lists and objects. */
export function operand(key: string, value: unknown): Comparable {
  if (value === null || typeof value === "string" || typeof value === "boolean") return value;
  if (typeof value === "number" && Number.isFinite(value)) return value;
  throw new DriverError(
    "badRequest",
    `cannot compare key ${JSON.stringify(key)} with ${JSON.stringify(value)}: only text, numbers, true, false and null can be compared`,
  );
}

/** Throws DriverError "badRequest" when something in the query can never be answered. */
export function checkQuery({ filter, sort }: Pick<StateQuery, "filter" | "sort">): void {
  for (const { key } of sort) pathSteps(key);
  if (filter !== null) checkFilter(filter);
}

function checkFilter(filter: QueryFilter): void {
  switch (filter.op) {
    case "AND":
    case "OR":
      filter.filters.forEach(checkFilter);
      return;
    case "IN":
      pathSteps(filter.key);
      for (const value of filter.values) operand(filter.key, value);
      return;
    default:
      pathSteps(filter.key);
      operand(filter.key, filter.value);
  }
}

/** What lies at the path, null also when there is nothing; undefined for a list or an object. */
function valueAt(document: unknown, key: string): Comparable | undefined {
  let value = document;
  for (const step of pathSteps(key)) {
    if (typeof value !== "object" || value === null || Array.isArray(value) || !Object.hasOwn(value, step)) return null;
    value = (value as Record<string, unknown>)[step];
  }
  return typeof value === "object" && value !== null ? undefined : (value as Comparable);
}

/** Order of two texts by code point, as SQLite's: negative, zero or positive. */
export function compareText(a: string, b: string): number {
  if (a === b) return 0;
  const ours = a[Symbol.iterator]();
  const theirs = b[Symbol.iterator]();
  for (;;) {
    const left = ours.next();
    const right = theirs.next();
    if (left.done || right.done) return Number(right.done ?? false) - Number(left.done ?? false);
    const difference = left.value.codePointAt(0)! - right.value.codePointAt(0)!;
    if (difference !== 0) return difference;
  }
}

function order(found: Comparable | undefined, wanted: Comparable): number | undefined {
  if (typeof found === "number" && typeof wanted === "number") return found - wanted;
  if (typeof found === "string" && typeof wanted === "string") return compareText(found, wanted);
  return undefined;
}

/**
 * Whether a JSON value passes a filter. Values of different kinds are never equal and in no order; what is absent counts
 * as null; NEQ is what EQ is not.
 */
export function passesFilter(document: unknown, filter: QueryFilter): boolean {
  switch (filter.op) {
    case "AND":
      return filter.filters.every((each) => passesFilter(document, each));
    case "OR":
      return filter.filters.some((each) => passesFilter(document, each));
    case "IN": {
      const found = valueAt(document, filter.key);
      return filter.values.map((value) => operand(filter.key, value)).includes(found as Comparable);
    }
    case "EQ":
      return valueAt(document, filter.key) === operand(filter.key, filter.value);
    case "NEQ":
      return valueAt(document, filter.key) !== operand(filter.key, filter.value);
    default: {
      const sign = order(valueAt(document, filter.key), operand(filter.key, filter.value));
      if (sign === undefined) return false;
      if (filter.op === "GT") return sign > 0;
      if (filter.op === "GTE") return sign >= 0;
      return filter.op === "LT" ? sign < 0 : sign <= 0;
    }
  }
}

function rank(value: Comparable | undefined): number {
  if (value === undefined || value === null) return 0;
  return typeof value === "string" ? 2 : 1;
}

function compareForSort(a: Comparable | undefined, b: Comparable | undefined): number {
  const byRank = rank(a) - rank(b);
  if (byRank !== 0 || rank(a) === 0) return byRank;
  return typeof a === "string" ? compareText(a, b as string) : Number(a) - Number(b);
}

/** A comparison of rows for the sort clause: null, lists and objects first, then numbers and booleans, then text; equals by key. */
export function sorter(
  sort: StateQuery["sort"],
): (
  a: { readonly key: string; readonly document: unknown },
  b: { readonly key: string; readonly document: unknown },
) => number {
  return (a, b) => {
    for (const { key, order: direction } of sort) {
      const sign = compareForSort(valueAt(a.document, key), valueAt(b.document, key));
      if (sign !== 0) return direction === "DESC" ? -sign : sign;
    }
    return compareText(a.key, b.key);
  };
}

/** The number of rows that a paging token skips. Throws DriverError "badRequest". */
export function skippedRows(token: string): number {
  if (token === "") return 0;
  const skip = /^[0-9]+$/.test(token) ? Number(token) : Number.NaN;
  if (!Number.isSafeInteger(skip))
    throw new DriverError("badRequest", `cannot continue at token ${JSON.stringify(token)}: it is none of this store`);
  return skip;
}

/** Cuts rows, fetched with one more than the page holds, to the page and gives the token of the next page. */
export function cutPage<T>(rows: readonly T[], limit: number, skipped: number): { rows: readonly T[]; token: string } {
  if (limit === 0 || rows.length <= limit) return { rows, token: "" };
  return { rows: rows.slice(0, limit), token: String(skipped + limit) };
}

import type { HeaderList } from "../types.ts";

/** What the runtimes hand over: values of a repeated field joined or dropped, as HTTP/1.1 rules say for that field. */
export type ReceivedHeaders = Record<string, string | string[] | number | undefined>;

/**
 * The headers as they came. Only when a field was repeated is the list rebuilt, with an array for that field; the runtime's own object
 * serves otherwise, because this runs for every request.
 */
export function receivedHeaders(headers: ReceivedHeaders, raw: readonly string[] | undefined): HeaderList {
  const list = headers as Record<string, string | string[]>;
  let count = 0;
  for (const name in headers) {
    count += 1;
    // portable: some runtimes give `:status` as a number
    if (typeof headers[name] === "number") list[name] = String(headers[name]);
  }
  if (!Array.isArray(raw) || raw.length === count * 2) return list;
  const rebuilt: Record<string, string | string[]> = Object.create(null);
  for (let at = 0; at + 1 < raw.length; at += 2) {
    const name = raw[at] as string;
    const value = raw[at + 1] as string;
    const before = rebuilt[name];
    if (before === undefined) rebuilt[name] = value;
    else if (typeof before === "string") rebuilt[name] = [before, value];
    else before.push(value);
  }
  return rebuilt;
}

/** A header list without entries. */
export const noHeaders: HeaderList = Object.freeze(Object.create(null));

import { hasMalformedEscape } from "./clean-path.ts";
import { unescapeQuery } from "./unescape.ts";

const prefix = "metadata.";

/** The parameters of a raw query in order, unescaped; as in Go, a malformed pair or one with a semicolon is skipped. */
export function parseQuery(query: string): readonly (readonly [string, string])[] {
  if (query === "") return [];
  const pairs: [string, string][] = [];
  for (const part of query.split("&")) {
    if (part === "" || part.includes(";") || hasMalformedEscape(part)) continue;
    const equals = part.indexOf("=");
    if (equals < 0) pairs.push([unescapeQuery(part), ""]);
    else pairs.push([unescapeQuery(part.slice(0, equals)), unescapeQuery(part.slice(equals + 1))]);
  }
  return pairs;
}

/** The `metadata.<key>` parameters: the first value of a key wins, keys keep their case. */
export function queryMetadata(pairs: readonly (readonly [string, string])[]): Record<string, string> {
  const found: Record<string, string> = {};
  for (const [name, value] of pairs) {
    if (!name.startsWith(prefix)) continue;
    const key = name.slice(prefix.length);
    if (!Object.hasOwn(found, key)) found[key] = value;
  }
  return found;
}

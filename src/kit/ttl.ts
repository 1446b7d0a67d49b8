import { parseGoInteger } from "./go-integer.ts";

const KEY = "ttlInSeconds";
const MAXIMUM = 2 ** 31 - 1;

/**
 * Seconds to live from request metadata: undefined when it is not given, -1 or 0 mean "no expiry".
 * Throws an Error in upstream's words for anything that is not a whole number from -1 to 2^31-1.
 */
export function parseTtl(metadata: Readonly<Record<string, string>>): number | undefined {
  const text = metadata[KEY];
  if (text === undefined || text === "") return undefined;
  let seconds: number;
  try {
    seconds = parseGoInteger(text, "ParseInt");
  } catch (cause) {
    throw new Error(`incorrect value for metadata '${KEY}': ${cause instanceof Error ? cause.message : cause}`, {
      cause,
    });
  }
  // compat: state/utils/ttl.go says the same of values that are too large
  if (seconds < -1 || seconds > MAXIMUM)
    throw new Error(`incorrect value for metadata '${KEY}': must be -1 or greater`);
  return seconds;
}

const LAST = Date.UTC(9999, 11, 31, 23, 59, 59);

/** Epoch milliseconds as RFC 3339 in UTC with whole seconds, as `ttlExpireTime` is told; at most the end of the year 9999. */
export function expiryText(epochMs: number): string {
  return `${new Date(Math.min(epochMs, LAST)).toISOString().slice(0, 19)}Z`;
}

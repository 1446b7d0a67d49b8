import { DriverError } from "../../../src/driver/errors.ts";
import { parseDuration } from "../../../src/kit/duration.ts";

/** The larger ones are taken for it. */
const MOST_MS = 2 ** 53 - 1;

function durationOf(text: string): number | undefined {
  try {
    return Math.max(0, parseDuration(text));
  } catch {
    return undefined;
  }
}

/**
 * Milliseconds that a key may live, from metadata `ttl` or `ttlInSeconds` in any case: a Go duration, or whole seconds above 0.
 * Undefined when there is none. Throws DriverError "badRequest".
 */
export function readLifetime(metadata: Readonly<Record<string, string>>): number | undefined {
  const named = (wanted: string): string =>
    Object.entries(metadata).find(([name]) => name.toLowerCase() === wanted)?.[1] ?? "";
  const text = named("ttl") || named("ttlinseconds");
  if (text === "") return undefined;
  const duration = durationOf(text);
  if (duration !== undefined) return Math.min(Math.floor(duration), MOST_MS);
  if (!/^[+-]?\d+$/.test(text))
    throw new DriverError("badRequest", `ttl value must be a valid integer: actual is '${text}'`);
  const seconds = Number(text);
  if (seconds <= 0) throw new DriverError("badRequest", `ttl value must be higher than zero: actual is '${seconds}'`);
  return Math.min(seconds * 1000, MOST_MS);
}

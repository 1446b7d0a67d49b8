import { DriverError, type DriverErrorKind } from "../../../src/driver/errors.ts";
import { ExpectationError } from "../../../src/storage/storage-error.ts";

function member(value: unknown, name: string): unknown {
  return typeof value === "object" && value !== null ? (value as Record<string, unknown>)[name] : undefined;
}

/** The place in the batch of a check that failed as it is meant to; undefined for every other failure. */
export function unmetCheck(cause: unknown, isCheck: (index: number) => boolean): number | undefined {
  const index = member(cause, "statementIndex");
  if (typeof index !== "number" || !isCheck(index)) return undefined;
  return /malformed JSON/i.test(String(member(cause, "message"))) ? index : undefined;
}

function kindOf(cause: unknown): DriverErrorKind {
  const status = member(member(cause, "cause"), "status");
  if (status === 401 || status === 403) return "unauthorized";
  if (status === 413) return "tooLarge";
  if (typeof status === "number") return status === 429 || status >= 500 ? "unavailable" : "failed";
  const code = String(member(cause, "code"));
  if (code.startsWith("SQLITE_BUSY") || code.startsWith("SQLITE_LOCKED")) return "unavailable";
  if (code.startsWith("SQLITE_TOOBIG")) return "tooLarge";
  return "failed";
}

/** What the client or `fetch` threw as the driver's own; unmet expectations pass through. */
export function libsqlFailure(cause: unknown, url: string): DriverError | ExpectationError {
  if (DriverError.is(cause) || ExpectationError.is(cause)) return cause;
  const message = cause instanceof Error ? cause.message : String(cause);
  // The client gives its errors a name; every other comes from `fetch`: nobody answered.
  if (/^Libsql/.test(String(member(cause, "name"))))
    return new DriverError(kindOf(cause), `"${url}" refused: ${message}`, { cause });
  const why = cause instanceof Error && cause.cause instanceof Error ? `${message}: ${cause.cause.message}` : message;
  return new DriverError("unavailable", `cannot reach "${url}": ${why}`, { cause });
}

import { DriverError } from "../../src/driver/errors.ts";

/** The error of an ETag that does not fit, in upstream's words; `why` is what the store adds. */
export function etagMismatch(why?: string, cause?: unknown): DriverError {
  const text = "possible etag mismatch. error from state store";
  return new DriverError("etagMismatch", why === undefined ? text : `${text}: ${why}`, { cause });
}

import type { DriverErrorKind } from "../../src/driver/errors.ts";
import { DriverError } from "../../src/driver/errors.ts";
import { StorageError } from "../../src/storage/storage-error.ts";

/** A failure of the embedded engine as the driver's own; `action` goes in front, for example "failed to ping". */
export function storageFailure(cause: unknown, action?: string): DriverError {
  if (DriverError.is(cause)) return cause;
  const message = cause instanceof Error ? cause.message : String(cause);
  let kind: DriverErrorKind = "failed";
  if (StorageError.is(cause) && cause.kind === "locked") kind = "unavailable";
  if (StorageError.is(cause) && cause.kind === "closed") kind = "closed";
  return new DriverError(kind, action === undefined ? message : `${action}: ${message}`, { cause });
}

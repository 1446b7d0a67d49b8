/** The kinds of failure a driver may report; blocks map them to API errors. */
export type DriverErrorKind =
  | "etagMismatch"
  | "etagInvalid"
  | "badRequest"
  | "badMetadata"
  | "notFound"
  | "unavailable"
  | "unauthorized"
  | "unsupported"
  | "tooLarge"
  | "timeout"
  | "closed"
  | "failed";

const marker = Symbol.for("pillion.DriverError");

/** The only error a driver throws. `message` is shown to callers as it is. */
export class DriverError extends Error {
  readonly [marker] = true;
  readonly kind: DriverErrorKind;
  constructor(kind: DriverErrorKind, message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.name = "DriverError";
    this.kind = kind;
  }

  /** True also for errors made by another copy of this module. */
  static is(value: unknown): value is DriverError {
    return typeof value === "object" && value !== null && marker in value;
  }
}

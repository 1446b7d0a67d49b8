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
  /** There is no room for more: later, or after something was removed, the same request works. */
  | "full"
  | "timeout"
  | "closed"
  | "failed";

/** The API error that a component asks for in place of ours. */
export interface RequestedStatus {
  readonly http: number;
  readonly grpc: number;
  readonly message: string;
  /** `errorCode` of HTTP answers. */
  readonly tag: string;
  readonly reason: string;
  readonly domain: string;
}

const marker = Symbol.for("pillion.DriverError");

/** The only error a driver throws. `message` is shown to callers as it is. */
export class DriverError extends Error {
  readonly [marker] = true;
  readonly kind: DriverErrorKind;
  /** gRPC code that a component failed with, where it spoke gRPC. */
  readonly code?: number;
  readonly status?: RequestedStatus;
  constructor(
    kind: DriverErrorKind,
    message: string,
    options?: { cause?: unknown; code?: number; status?: RequestedStatus },
  ) {
    super(message, options);
    this.name = "DriverError";
    this.kind = kind;
    if (options?.code !== undefined) this.code = options.code;
    if (options?.status !== undefined) this.status = options.status;
  }

  /** True also for errors made by another copy of this module. */
  static is(value: unknown): value is DriverError {
    return typeof value === "object" && value !== null && marker in value;
  }
}

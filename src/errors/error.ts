import type { ErrorRow } from "./row.ts";
import { errorTable } from "./table.ts";

const marker = Symbol.for("pillion.ApiError");

type Table = typeof errorTable;
export type ErrorName = keyof Table;
type Params<N extends ErrorName> = Table[N] extends ErrorRow<infer P> ? P : never;

/** A status that a component asks for in place of a row's. gRPC callers get all of it, HTTP callers its code, or all of it where it is whole. */
export interface GivenStatus {
  readonly http: number;
  readonly grpc: number;
  readonly message: string;
  readonly tag: string;
  readonly reason: string;
  readonly domain: string;
  readonly isWholeOnHttp: boolean;
}

/** An error of the public API: a row of the table with its parameters. Faces render it; nobody builds an answer by hand. */
export class ApiError extends Error {
  readonly [marker] = true;
  readonly row: ErrorName;
  readonly params: unknown;
  readonly given?: GivenStatus;
  constructor(row: ErrorName, params: unknown, message: string, options?: { cause?: unknown; given?: GivenStatus }) {
    super(message, options);
    this.name = "ApiError";
    this.row = row;
    this.params = params;
    if (options?.given !== undefined) this.given = options.given;
  }

  /** The same error with the status that a component asks for. */
  withStatus(given: GivenStatus): ApiError {
    return new ApiError(this.row, this.params, this.message, { cause: this.cause, given });
  }

  /** True also for errors made by another copy of this module. */
  static is(value: unknown): value is ApiError {
    return typeof value === "object" && value !== null && marker in value;
  }

  /** The value itself when it is an ApiError; anything else becomes the row of unknown failures (500 ERROR, gRPC UNKNOWN). */
  static from(value: unknown): ApiError {
    if (ApiError.is(value)) return value;
    return fail("unknown", { message: value instanceof Error ? value.message : String(value) }, { cause: value });
  }
}

/** Category of the error-code metric for statuses that components ask for. */
export const pluggableCategory = "pluggable-component";

/** Makes the error of a row; throw what it answers. */
export function fail<N extends ErrorName>(name: N, params: Params<N>, options?: { cause?: unknown }): ApiError {
  const found = errorTable[name] as ErrorRow<Params<N>>;
  return new ApiError(name, params, found.text(params), options);
}

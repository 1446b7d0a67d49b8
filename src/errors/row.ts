/** gRPC status codes by their upstream names. */
export const grpcCode = {
  OK: 0,
  Canceled: 1,
  Unknown: 2,
  InvalidArgument: 3,
  DeadlineExceeded: 4,
  NotFound: 5,
  AlreadyExists: 6,
  PermissionDenied: 7,
  ResourceExhausted: 8,
  FailedPrecondition: 9,
  Aborted: 10,
  OutOfRange: 11,
  Unimplemented: 12,
  Internal: 13,
  Unavailable: 14,
  DataLoss: 15,
  Unauthenticated: 16,
} as const;
export type GrpcCodeName = keyof typeof grpcCode;

/** One detail of a standardized error, in the JSON shape of the wire without `@type`. */
export type ErrorDetail =
  | { readonly kind: "ErrorInfo"; readonly reason: string; readonly metadata: Readonly<Record<string, string>> | null }
  | {
      readonly kind: "ResourceInfo";
      readonly resourceType: string;
      readonly resourceName: string;
      readonly owner: string;
      readonly description: string;
    }
  | {
      readonly kind: "BadRequest";
      readonly violations: readonly { readonly field: string; readonly description: string }[];
    }
  | { readonly kind: "Help"; readonly links: readonly { readonly description: string; readonly url: string }[] };

/** One API error: everything known about it on both wires. `P` are its parameters. */
export interface ErrorRow<P> {
  /** Category of the error-code metric. */
  readonly category: string;
  readonly http: number;
  readonly grpc: GrpcCodeName;
  /** The `errorCode` of HTTP answers. */
  readonly tag: string;
  /** Code of the error-code metric, where it is not the tag. */
  readonly metricCode?: string;
  readonly text: (params: P) => string;
  /** Absent: a plain error without details. */
  readonly details?: (params: P) => readonly ErrorDetail[];
  /** What one wire answers differently from the row; a comment cites the upstream place. */
  readonly onHttp?: Partial<Omit<ErrorRow<P>, "onHttp" | "onGrpc">>;
  readonly onGrpc?: Partial<Omit<ErrorRow<P>, "onHttp" | "onGrpc">>;
}

/** Declares a row with the type of its parameters: `row<{ store: string }>()({ … })`. */
export function row<P>(): (value: ErrorRow<P>) => ErrorRow<P> {
  return (value) => value;
}

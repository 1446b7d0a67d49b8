import { type GrpcCodeName, grpcCode } from "./row.ts";

const fromGrpc: Readonly<Record<GrpcCodeName, number>> = {
  OK: 200,
  Canceled: 408,
  Unknown: 500,
  InvalidArgument: 400,
  DeadlineExceeded: 504,
  NotFound: 404,
  AlreadyExists: 409,
  PermissionDenied: 403,
  ResourceExhausted: 429,
  FailedPrecondition: 400,
  Aborted: 409,
  OutOfRange: 400,
  Unimplemented: 501,
  Internal: 500,
  Unavailable: 503,
  DataLoss: 500,
  Unauthenticated: 401,
};
const nameOf = new Map<number, GrpcCodeName>(
  (Object.keys(grpcCode) as GrpcCodeName[]).map((name) => [grpcCode[name], name]),
);

/** Name of a numeric gRPC status code; codes beyond the list are `Unknown`. */
export function grpcCodeName(code: number): GrpcCodeName {
  return nameOf.get(code) ?? "Unknown";
}

/** HTTP status that stands for a numeric gRPC status code. */
export function httpStatusFromGrpc(code: number): number {
  return fromGrpc[grpcCodeName(code)];
}

const fromHttp: Readonly<Record<number, GrpcCodeName>> = {
  400: "Internal",
  401: "Unauthenticated",
  403: "PermissionDenied",
  404: "NotFound",
  408: "Canceled",
  409: "AlreadyExists",
  429: "ResourceExhausted",
  500: "Unknown",
  501: "Unimplemented",
  503: "Unavailable",
  504: "DeadlineExceeded",
};

/** Name of the gRPC status code that stands for an HTTP status. */
export function grpcCodeFromHttp(status: number): GrpcCodeName {
  if (status >= 200 && status < 300) return "OK";
  return fromHttp[status] ?? "Unknown";
}

import { type GrpcCodeName, grpcCode } from "./row.ts";

const texts: Readonly<Record<number, string>> = {
  100: "Continue",
  101: "Switching Protocols",
  102: "Processing",
  103: "Early Hints",
  200: "OK",
  201: "Created",
  202: "Accepted",
  203: "Non-Authoritative Information",
  204: "No Content",
  205: "Reset Content",
  206: "Partial Content",
  207: "Multi-Status",
  208: "Already Reported",
  226: "IM Used",
  300: "Multiple Choices",
  301: "Moved Permanently",
  302: "Found",
  303: "See Other",
  304: "Not Modified",
  305: "Use Proxy",
  307: "Temporary Redirect",
  308: "Permanent Redirect",
  400: "Bad Request",
  401: "Unauthorized",
  402: "Payment Required",
  403: "Forbidden",
  404: "Not Found",
  405: "Method Not Allowed",
  406: "Not Acceptable",
  407: "Proxy Authentication Required",
  408: "Request Timeout",
  409: "Conflict",
  410: "Gone",
  411: "Length Required",
  412: "Precondition Failed",
  413: "Request Entity Too Large",
  414: "Request URI Too Long",
  415: "Unsupported Media Type",
  416: "Requested Range Not Satisfiable",
  417: "Expectation Failed",
  418: "I'm a teapot",
  421: "Misdirected Request",
  422: "Unprocessable Entity",
  423: "Locked",
  424: "Failed Dependency",
  425: "Too Early",
  426: "Upgrade Required",
  428: "Precondition Required",
  429: "Too Many Requests",
  431: "Request Header Fields Too Large",
  451: "Unavailable For Legal Reasons",
  500: "Internal Server Error",
  501: "Not Implemented",
  502: "Bad Gateway",
  503: "Service Unavailable",
  504: "Gateway Timeout",
  505: "HTTP Version Not Supported",
  506: "Variant Also Negotiates",
  507: "Insufficient Storage",
  508: "Loop Detected",
  510: "Not Extended",
  511: "Network Authentication Required",
};

/** Text of an HTTP status in Go's wording; empty for codes it does not know. */
export function httpStatusText(status: number): string {
  return texts[status] ?? "";
}

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

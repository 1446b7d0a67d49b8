import { Code, ConnectError } from "@connectrpc/connect";
import { firstValue } from "../../kit/grpc/metadata.ts";
import { httpStatusText } from "../../kit/http-status-text.ts";
import type { HeaderList } from "../../platform/types.ts";

/** Why a call failed. `sent` false: no byte of the request can have reached the peer, so that it is safe to call again. */
export type GrpcCallError = ConnectError & { readonly sent: boolean };

/** False only for an error of a call of which nothing was sent. */
export function wasSent(error: unknown): boolean {
  return !(typeof error === "object" && error !== null && "sent" in error && error.sent === false);
}

/** Marks an error with what is known of its request. */
export function callError(error: ConnectError, sent: boolean): GrpcCallError {
  return Object.assign(error, { sent });
}

const resetNames = [
  "NO_ERROR",
  "PROTOCOL_ERROR",
  "INTERNAL_ERROR",
  "FLOW_CONTROL_ERROR",
  "SETTINGS_TIMEOUT",
  "STREAM_CLOSED",
  "FRAME_SIZE_ERROR",
  "REFUSED_STREAM",
  "CANCEL",
  "COMPRESSION_ERROR",
  "CONNECT_ERROR",
  "ENHANCE_YOUR_CALM",
  "INADEQUATE_SECURITY",
  "HTTP_1_1_REQUIRED",
];
const resetCodes: Readonly<Record<number, Code>> = {
  3: Code.ResourceExhausted,
  7: Code.Unavailable,
  8: Code.Canceled,
  11: Code.ResourceExhausted,
  12: Code.PermissionDenied,
};

const dialTexts: Readonly<Record<string, string>> = {
  ECONNREFUSED: "connect: connection refused",
  ENOENT: "connect: no such file or directory",
  EACCES: "connect: permission denied",
  EHOSTUNREACH: "connect: no route to host",
  ENETUNREACH: "connect: network is unreachable",
  ETIMEDOUT: "i/o timeout",
  ECONNRESET: "read: connection reset by peer",
};

/** A failure of the transport in the words of upstream's peers. `target` is network and address, such as `tcp 127.0.0.1:50001`. */
export function transportError(
  error: Error & { readonly http2Code?: number; readonly sent: boolean },
  target: string,
): GrpcCallError {
  const { http2Code: reset, sent } = error;
  if (reset !== undefined) {
    const known = reset >= 0 && reset < resetNames.length;
    const code = resetCodes[reset] ?? (known ? Code.Internal : Code.Unknown);
    const name = resetNames[reset] ?? `unknown error code 0x${reset.toString(16)}`;
    const text = `stream terminated by RST_STREAM with error code: ${name}`;
    return callError(new ConnectError(text, code, undefined, undefined, error), sent);
  }
  const desc = sent
    ? "error reading from server: EOF"
    : `transport: Error while dialing: dial ${target}: ${dialText(error)}`;
  const text = `connection error: desc = ${JSON.stringify(desc)}`;
  return callError(new ConnectError(text, Code.Unavailable, undefined, undefined, error), sent);
}

function dialText(error: Error): string {
  for (let at: unknown = error; at instanceof Error; at = at.cause) {
    const code = "code" in at && typeof at.code === "string" ? at.code : "";
    if (code === "ENOTFOUND" || code === "EAI_AGAIN") {
      const host = "hostname" in at ? ` ${at.hostname}` : "";
      return `lookup${host}: no such host`;
    }
    const text = dialTexts[code];
    if (text !== undefined) return text;
    if (/took longer than/.test(at.message) && at.cause === undefined) return "i/o timeout";
  }
  const root = rootOf(error).message;
  return /ECONNREFUSED|Failed to connect/.test(root) ? "connect: connection refused" : root;
}

function rootOf(error: Error): Error {
  return error.cause instanceof Error ? rootOf(error.cause) : error;
}

const httpCodes: Readonly<Record<number, Code>> = {
  400: Code.Internal,
  401: Code.Unauthenticated,
  403: Code.PermissionDenied,
  404: Code.Unimplemented,
  429: Code.Unavailable,
  502: Code.Unavailable,
  503: Code.Unavailable,
  504: Code.Unavailable,
};

/** The error of response headers that are not gRPC's; undefined when they are. */
export function notGrpc(headers: HeaderList): GrpcCallError | undefined {
  const type = firstValue(headers, "content-type");
  if (type?.startsWith("application/grpc")) return undefined;
  const status = Number(firstValue(headers, ":status") ?? 0);
  const wrongType =
    type === undefined
      ? "malformed header: missing HTTP content-type"
      : `transport: received unexpected content-type ${JSON.stringify(type)}`;
  const wrongStatus =
    status === 0
      ? "malformed header: missing HTTP status"
      : `unexpected HTTP status code received from server: ${status} (${httpStatusText(status)})`;
  const code = status === 0 ? Code.Internal : (httpCodes[status] ?? Code.Unknown);
  return callError(new ConnectError(`${wrongStatus}; ${wrongType}`, code), true);
}

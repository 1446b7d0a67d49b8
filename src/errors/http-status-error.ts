import { type Code, ConnectError } from "@connectrpc/connect";
import { ErrorInfoSchema } from "../gen/google/rpc/error_details_pb.ts";
import { httpStatusText } from "../kit/http-status-text.ts";
import { grpcCodeFromHttp } from "./http-status.ts";
import { grpcCode } from "./row.ts";

const longestDetail = 63;

/** An HTTP status (not 2xx) as a gRPC error with its ErrorInfo; `detail` is cut to 63 bytes as upstream's peers expect. */
export function httpStatusError(status: number, detail: string): ConnectError {
  const text = httpStatusText(status);
  const bytes = new TextEncoder().encode(detail);
  const cut = bytes.length > longestDetail ? new TextDecoder().decode(bytes.subarray(0, longestDetail)) : detail;
  const info = {
    reason: text,
    domain: "dapr.io",
    metadata: { "http.code": String(status), "http.error_message": cut.replace(/\uFFFD+$/, "") },
  };
  const code = grpcCode[grpcCodeFromHttp(status)] as Code;
  return new ConnectError(text, code, undefined, [{ desc: ErrorInfoSchema, value: info }]);
}

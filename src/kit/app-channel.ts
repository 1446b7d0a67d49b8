import type { HttpCall, HttpReply } from "./http-message.ts";

/**
 * The way into an app that speaks HTTP (http, https, h2c). Waits for a place under the concurrency limit, adds the app token and
 * passes the app pipeline. Rejects with AppUnreachable when there is no answer; any status is an answer.
 */
export interface HttpAppChannel {
  call(call: HttpCall, signal: AbortSignal): Promise<HttpReply>;
}

/** A unary gRPC call into the app, encoded; used with generated messages by the channel's own adapters only. */
export interface GrpcReply {
  readonly message: Uint8Array;
  readonly header: Readonly<Record<string, string | readonly string[]>>;
  readonly trailer: Readonly<Record<string, string | readonly string[]>>;
}
/** The way into an app that speaks gRPC (grpc, grpcs). Errors are ConnectErrors with the app's code, message and details. */
export interface GrpcAppChannel {
  /** `path` is `/package.Service/Method`; `message` is the encoded request. */
  unary(
    path: string,
    message: Uint8Array,
    metadata: Readonly<Record<string, string | readonly string[]>>,
    signal: AbortSignal,
  ): Promise<GrpcReply>;
}

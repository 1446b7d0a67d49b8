import type { HttpCall, HttpReply } from "./http-message.ts";

const marker = Symbol.for("pillion.AppUnreachable");

/** The app gave no answer: it could not be dialled, broke the connection, or sent what is no answer. `message` is Go's text, for example `Get "http://127.0.0.1:3000/a": EOF`. */
export class AppUnreachable extends Error {
  readonly [marker] = true;
  constructor(message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.name = "AppUnreachable";
  }

  /** True also for errors made by another copy of this module. */
  static is(value: unknown): value is AppUnreachable {
    return typeof value === "object" && value !== null && marker in value;
  }
}

const unhealthyMarker = Symbol.for("pillion.AppUnhealthy");

/** The app's health checks fail, so that it gets no calls. */
export class AppUnhealthy extends Error {
  readonly [unhealthyMarker] = true;
  constructor() {
    super("app is not in a healthy state");
    this.name = "AppUnhealthy";
  }

  /** True also for errors made by another copy of this module. */
  static is(value: unknown): value is AppUnhealthy {
    return typeof value === "object" && value !== null && unhealthyMarker in value;
  }
}

/**
 * The way into an app that speaks HTTP (http, https, h2c). Waits for a place under the concurrency limit, adds the app token and
 * passes the app pipeline. Rejects with AppUnreachable when there is no answer and AppUnhealthy when it
 * must not be called; any status is an answer.
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
/** The way into an app that speaks gRPC (grpc, grpcs). Errors are ConnectErrors with the app's code, message and details, or AppUnhealthy. */
export interface GrpcAppChannel {
  /** `path` is `/package.Service/Method`; `message` is the encoded request. */
  unary(
    path: string,
    message: Uint8Array,
    metadata: Readonly<Record<string, string | readonly string[]>>,
    signal: AbortSignal,
  ): Promise<GrpcReply>;
}

import type { Call } from "./call.ts";
import type { HeaderLines, MessageBody } from "./http-message.ts";

/** A call of an app's method on its way from app to app, neutral of the wires at both ends. */
export interface Invocation {
  /** How `headers` read: HTTP fields, or gRPC metadata whose `-bin` keys hold base64. */
  readonly wire: "http" | "grpc";
  /** Decoded path of the method, without the query; it becomes part of a URL, or a name. */
  readonly method: string;
  /** HTTP verb in upper case; empty when a gRPC caller gave none, undefined when it said nothing of HTTP at all. */
  readonly verb: string | undefined;
  /** Raw query without the question mark. */
  readonly query: string;
  readonly contentType: string;
  /** Type of a protobuf payload; empty for plain bytes. */
  readonly typeUrl: string;
  /** Names in lower case, repeated names repeated; without content type, length, trace and what belongs to one connection. */
  readonly headers: HeaderLines;
  /** A stream can be sent only once. */
  readonly body: MessageBody;
  /** Bytes of a streamed body, when its sender says so. */
  readonly length?: number;
  /** Asks the app to leave HTTP. There is no body then; a reply of 101 has as its own what the app sends from there on. */
  readonly upgrade?: Upgrade;
}

/** The other side of a connection that is to leave HTTP. */
export interface Upgrade {
  readonly protocol: "websocket";
  /** What is sent to the app once it has agreed; asked for at each try, and only the last one's is used. */
  sends(): ReadableStream<Uint8Array>;
}

/** One detail of a gRPC status, encoded. */
export interface StatusDetail {
  readonly typeUrl: string;
  readonly value: Uint8Array;
}

/** The answer of an app. A streamed body has to be read to its end or cancelled. */
export interface InvocationReply {
  /** From 100 on an HTTP status, below a gRPC code. */
  readonly code: number;
  /** Text and details of a gRPC code other than 0. */
  readonly message: string;
  readonly details: readonly StatusDetail[];
  /** As those of an Invocation: HTTP fields or metadata, after `code`. */
  readonly headers: HeaderLines;
  /** Of a gRPC app. */
  readonly trailers: HeaderLines;
  readonly contentType: string;
  readonly typeUrl: string;
  readonly body: MessageBody;
}

/** Whatever takes a call for one app: the app itself, its sidecar in this process, or one elsewhere. */
export interface InvocationTarget {
  /** Rejects with InvocationFailure, AppUnreachable or AppUnhealthy; any status of the app is a reply. */
  invoke(request: Invocation, call: Call): Promise<InvocationReply>;
}

const marker = Symbol.for("pillion.InvocationFailure");

/** The gRPC code of a call that this way to the app cannot carry; of an upgrade, callers over HTTP hear 501. */
export const unimplemented = 12;

/** A call that did not get to its app. `code` is the gRPC code of the hop that failed, absent when there was none; `message` is its plain text. */
export class InvocationFailure extends Error {
  readonly [marker] = true;
  readonly code: number | undefined;
  constructor(code: number | undefined, message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.name = "InvocationFailure";
    this.code = code;
  }

  /** True also for errors made by another copy of this module. */
  static is(value: unknown): value is InvocationFailure {
    return typeof value === "object" && value !== null && marker in value;
  }
}

import type { ContextValues } from "@connectrpc/connect";
import type { Call, Trace } from "../../kit/call.ts";
import type { MetadataList } from "../../kit/grpc/metadata.ts";

/** What interceptors and the raw handler see of a call. */
export interface CallInfo {
  /** `/package.Service/Method`. */
  readonly path: string;
  /** As received; keys in lower case. */
  readonly metadata: MetadataList;
  readonly remoteAddress: string;
  /** DER of the peer's certificate, when it showed one. */
  readonly peerCertificate?: Uint8Array;
  readonly call: Call;
  readonly values: ContextValues;
  readonly responseHeader: Headers;
  readonly responseTrailer: Headers;
  /** Gets the request of a unary call, decoded, before its handler. */
  onMessage: ((message: unknown) => void) | undefined;
  /** First value of a key. */
  header(key: string): string | undefined;
  /** Answers with a header, in front of those of the handler and cheaper than `responseHeader`. A `-bin` value is base64. */
  setAnswerHeader(key: string, value: string | readonly string[]): void;
  /** Takes a key away from the handler and from the proxy. */
  dropHeader(key: string): void;
  /** What the handler sees as its trace instead of the request's headers. */
  setTrace(trace: Trace): void;
  /** Who calls, once it is known to be true. */
  setCaller(caller: NonNullable<Call["caller"]>): void;
}

/** How a call ended. Bytes count messages without their framing. */
export interface CallEnd {
  readonly code: number;
  /** What was thrown, before it became a status, or the status that a raw call ended with. */
  readonly error?: unknown;
  readonly requestBytes: number;
  readonly responseBytes: number;
}

/** Runs when the headers of a call are in, in the order of the list; throws to refuse it. What it answers runs once when the call is over, last one first. */
export type GrpcInterceptor = (info: CallInfo) => ((end: CallEnd) => void) | undefined;

import { Code, ConnectError } from "@connectrpc/connect";
import type { Call, Trace } from "../../kit/call.ts";
import type { FrameSink } from "../../kit/grpc/frame-queue.ts";
import type { MetadataList } from "../../kit/grpc/metadata.ts";
import type { ServerStream } from "../../platform/types.ts";
import type { CallInfo } from "./interceptor.ts";
import type { ServerCall } from "./server-call.ts";
import { receiveFrames } from "./streaming.ts";

/** The frames of a request. Read them once: one after the other, or with a sink. */
export interface RequestFrames extends AsyncIterable<Uint8Array> {
  /** Hands them over as they come. Absent where they come one at a time. */
  forward?(sink: FrameSink): void;
  /** The sink takes frames again. */
  resume?(): void;
}

/** A call of any kind as frames: five bytes of prefix and the message as it came, compressed or not. */
export interface RawCall extends CallInfo {
  /** Those of `call`, for who has no use for its signal, which costs more than they do. */
  readonly trace: Trace;
  readonly caller: Call["caller"];
  readonly signal: AbortSignal;
  /** What is left of the client's deadline; undefined when it has none. */
  timeoutMs(): number | undefined;
  /** The request, in order and with back-pressure. Fails with the call's error. Read it once. */
  readonly frames: RequestFrames;
  /** Sends the response headers: at most once, before the first frame. Pseudo headers in it are left out. */
  respond(headers: MetadataList): void;
  /** Sends one frame with its prefix; `behind` may be its end. Wait for the promise, if there is one, before the next. */
  write(frame: Uint8Array, behind?: Uint8Array): Promise<void> | undefined;
  /** Ends the call; the trailers hold at least `grpc-status`, and no pseudo headers. */
  end(trailers: MetadataList): void;
}

/** Answers one raw call. What it throws becomes the status; a call it leaves open without throwing is INTERNAL. */
export interface RawHandler {
  (call: RawCall): Promise<void>;
  /** The frames are to come piece by piece, as a `FrameReader` with this hands them over. */
  readonly startBytes?: number;
}

/** Runs a raw handler on a stream whose call is admitted. */
export function serveRaw(stream: ServerStream, call: ServerCall, handle: RawHandler, maxReceiveBytes: number): void {
  const frames = receiveFrames(stream, call, maxReceiveBytes, handle.startBytes);
  const raw = new ServedRawCall(call, frames);
  handle(raw)
    .then(
      () => {
        if (!call.isClosed)
          call.fail(new ConnectError(`Proxying "${call.path}" failed: it was left without an end`, Code.Internal));
      },
      (error: unknown) => call.fail(error),
    )
    .then(() => call.release());
}

/** A server call as its raw handler sees it: a class, since each call has one. */
class ServedRawCall implements RawCall {
  readonly frames: RequestFrames;
  /** Not a private name, so that a policy can make its attempts with this as their prototype. */
  readonly served: ServerCall;

  constructor(call: ServerCall, frames: RequestFrames) {
    this.served = call;
    this.frames = frames;
  }

  get path() {
    return this.served.path;
  }
  get metadata() {
    return this.served.metadata;
  }
  get remoteAddress() {
    return this.served.remoteAddress;
  }
  get peerCertificate() {
    return this.served.peerCertificate;
  }
  get call() {
    return this.served.call;
  }
  get trace() {
    return this.served.trace;
  }
  get caller() {
    return this.served.caller;
  }
  get signal() {
    return this.served.signal;
  }
  get values() {
    return this.served.values;
  }
  get responseHeader() {
    return this.served.responseHeader;
  }
  get responseTrailer() {
    return this.served.responseTrailer;
  }
  get onMessage() {
    return this.served.onMessage;
  }
  set onMessage(handle) {
    this.served.onMessage = handle;
  }
  header(key: string) {
    return this.served.header(key);
  }
  setAnswerHeader(key: string, value: string | readonly string[]) {
    this.served.setAnswerHeader(key, value);
  }
  dropHeader(key: string) {
    this.served.dropHeader(key);
  }
  setTrace(trace: Trace) {
    this.served.setTrace(trace);
  }
  setCaller(caller: NonNullable<Call["caller"]>) {
    this.served.setCaller(caller);
  }
  timeoutMs() {
    return this.served.timeoutMs();
  }
  respond(headers: MetadataList) {
    this.served.respond(headers);
  }
  write(frame: Uint8Array, behind?: Uint8Array) {
    return this.served.write(frame, behind) ? undefined : this.served.drained();
  }
  end(trailers: MetadataList) {
    this.served.finish(trailers);
  }
}

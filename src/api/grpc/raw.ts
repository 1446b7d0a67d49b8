import { Code, ConnectError } from "@connectrpc/connect";
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
  readonly signal: AbortSignal;
  /** What is left of the client's deadline; undefined when it has none. */
  timeoutMs(): number | undefined;
  /** The request, in order and with back-pressure. Fails with the call's error. Read it once. */
  readonly frames: RequestFrames;
  /** Sends the response headers: at most once, before the first frame. Pseudo headers in it are left out. */
  respond(headers: MetadataList): void;
  /** Sends one frame with its prefix; `behind` may be its end. Wait for the promise, if there is one, before the next. */
  write(frame: Uint8Array, behind?: Uint8Array): Promise<void> | undefined;
  /** Ends the call; the trailers hold at least `grpc-status`. */
  end(trailers: MetadataList): void;
}

/** Answers one raw call. What it throws becomes the status; a call it leaves open without throwing is INTERNAL. */
export type RawHandler = (call: RawCall) => Promise<void>;

/** Runs a raw handler on a stream whose call is admitted. */
export function serveRaw(stream: ServerStream, call: ServerCall, handle: RawHandler, maxReceiveBytes: number): void {
  const frames = receiveFrames(stream, call, maxReceiveBytes);
  const raw: RawCall = {
    path: call.path,
    metadata: call.metadata,
    remoteAddress: call.remoteAddress,
    peerCertificate: call.peerCertificate,
    frames,
    get call() {
      return call.call;
    },
    get signal() {
      return call.signal;
    },
    get values() {
      return call.values;
    },
    get responseHeader() {
      return call.responseHeader;
    },
    get responseTrailer() {
      return call.responseTrailer;
    },
    header: (key) => call.header(key),
    get onMessage() {
      return call.onMessage;
    },
    set onMessage(handle) {
      call.onMessage = handle;
    },
    setAnswerHeader: (key, value) => call.setAnswerHeader(key, value),
    dropHeader: (key) => call.dropHeader(key),
    setTrace: (trace) => call.setTrace(trace),
    setCaller: (caller) => call.setCaller(caller),
    timeoutMs: () => call.timeoutMs(),
    respond: (headers) => call.respond(headers),
    write: (frame, behind) => (call.write(frame, behind) ? undefined : call.drained()),
    end: (trailers) => call.finish(trailers),
  };
  const run = async () => {
    await handle(raw);
    if (!call.isClosed)
      throw new ConnectError(`Proxying "${call.path}" failed: it was left without an end`, Code.Internal);
  };
  run()
    .catch((error: unknown) => call.fail(error))
    .finally(() => call.release());
}

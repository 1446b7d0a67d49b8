import { Code, ConnectError } from "@connectrpc/connect";
import { fromWireFault } from "../../errors/grpc-status.ts";
import type { Clock } from "../../kit/clock.ts";
import { FrameReader, type TakeFrame } from "../../kit/grpc/frames.ts";
import { withoutPseudo } from "../../kit/grpc/metadata.ts";
import { formatGrpcTimeout } from "../../kit/grpc/timeout.ts";
import type { ClientStream, HeaderList, Http2Client } from "../../platform/types.ts";
import { callError, type GrpcCallError, notGrpc, transportError } from "./call-error.ts";

/** What calls of one client share. */
export interface CallWire {
  readonly client: Http2Client;
  readonly clock: Clock;
  /** Network and address for error texts, such as `tcp 127.0.0.1:50001`. */
  readonly target: string;
  readonly headers: HeaderList;
  readonly maxReceiveBytes: number;
}

export interface CallOptions {
  /** Metadata; values of `-bin` keys are base64. */
  readonly headers?: HeaderList | undefined;
  /** Travels to the peer too. */
  readonly timeoutMs?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface CallReceiver {
  onHeader?(header: HeaderList): void;
  /** Takes whole frames, or, with `startBytes`, each as it comes. */
  onFrame: TakeFrame;
  /** What of a frame has to be there before it is handed over; its rest follows. */
  readonly startBytes?: number;
  /** The peer has answered; the status is in `trailer`. An answer of trailers alone has an empty header. */
  onDone(header: HeaderList, trailer: HeaderList): void;
  /** There is no answer, or not all of it. */
  onError(error: GrpcCallError): void;
}

export interface OpenCall {
  readonly isOver: boolean;
  /** Sends a frame; `behind` may be its end. False: wait for `drained`. */
  write(frame: Uint8Array, behind?: Uint8Array): boolean;
  /** Resolves when the peer takes more, or the call is over. */
  drained(): Promise<void>;
  end(frame?: Uint8Array): void;
  /** Resets the stream; the receiver gets the error. */
  cancel(error: ConnectError): void;
  pause(): void;
  resume(): void;
}

const cancelCode = 8;
const noHeader: HeaderList = Object.freeze({});

/** Starts a call. Exactly one of `onDone` and `onError` is called, once, and never before this returns. */
export function openCall(wire: CallWire, path: string, options: CallOptions, receiver: CallReceiver): OpenCall {
  const { signal, timeoutMs } = options;
  const reader = new FrameReader(wire.maxReceiveBytes, receiver.startBytes);
  let isOver = false;
  let header: HeaderList | undefined;
  let stream: ClientStream | undefined;
  let wake: (() => void) | undefined;
  let stopTimer: (() => void) | undefined;

  const settle = (): boolean => {
    if (isOver) return false;
    isOver = true;
    stopTimer?.();
    signal?.removeEventListener("abort", onAbort);
    wake?.();
    return true;
  };
  const fail = (error: GrpcCallError) => {
    if (settle()) receiver.onError(error);
  };
  const cancel = (error: ConnectError) => {
    if (isOver) return;
    stream?.reset(cancelCode);
    fail(callError(error, wire.client.connected));
  };
  const onAbort = () => cancel(abortError(signal));

  const headers: Record<string, string | readonly string[]> = { ...wire.headers, ":path": path, ...options.headers };
  if (timeoutMs !== undefined) headers["grpc-timeout"] = formatGrpcTimeout(timeoutMs);
  if (signal?.aborted) queueMicrotask(onAbort);
  else {
    signal?.addEventListener("abort", onAbort);
    if (timeoutMs !== undefined) {
      stopTimer = wire.clock.after(Math.max(0, timeoutMs), () =>
        cancel(new ConnectError("context deadline exceeded", Code.DeadlineExceeded)),
      );
    }
    stream = wire.client.request(headers, {
      onHeaders(received) {
        if (isOver) return;
        const wrong = notGrpc(received);
        if (wrong !== undefined) {
          stream?.reset(cancelCode);
          fail(wrong);
          return;
        }
        header = received;
        if (received["grpc-status"] === undefined) receiver.onHeader?.(received);
      },
      onData(chunk) {
        if (isOver) return;
        try {
          reader.push(chunk, receiver.onFrame);
        } catch (error) {
          cancel(ConnectError.from(fromWireFault(error)));
        }
      },
      onEnd(trailers) {
        if (isOver) return;
        if (reader.isMidFrame) fail(callError(new ConnectError("unexpected EOF", Code.Internal), true));
        else if (trailers["grpc-status"] !== undefined) finish(header ?? noHeader, trailers);
        else if (header?.["grpc-status"] !== undefined) finish(noHeader, withoutPseudo(header));
        else {
          fail(callError(new ConnectError("server closed the stream without sending trailers", Code.Internal), true));
        }
      },
      onError(error) {
        fail(transportError(error, wire.target));
      },
      onDrain() {
        wake?.();
      },
    });
  }
  const finish = (first: HeaderList, trailer: HeaderList) => {
    if (settle()) receiver.onDone(first, trailer);
  };

  return {
    get isOver() {
      return isOver;
    },
    write: (frame, behind) => isOver || stream === undefined || stream.write(frame, behind),
    drained: () => (isOver ? Promise.resolve() : new Promise((resolve) => (wake = resolve))),
    end(frame) {
      if (!isOver) stream?.end(frame);
    },
    cancel,
    pause: () => stream?.pause(),
    resume: () => stream?.resume(),
  };
}

/** An aborted signal as an error: its own reason when that is one. */
function abortError(signal: AbortSignal | undefined): ConnectError {
  const reason: unknown = signal?.reason;
  if (reason instanceof ConnectError) return new ConnectError(reason.rawMessage, reason.code);
  if (reason instanceof Error && reason.name === "TimeoutError") {
    return new ConnectError("context deadline exceeded", Code.DeadlineExceeded);
  }
  return new ConnectError("context canceled", Code.Canceled);
}

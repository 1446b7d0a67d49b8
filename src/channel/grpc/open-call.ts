import { Code, ConnectError } from "@connectrpc/connect";
import { fromWireFault } from "../../errors/grpc-status.ts";
import type { Clock } from "../../kit/clock.ts";
import { FrameReader, type TakeFrame } from "../../kit/grpc/frames.ts";
import { withoutPseudo } from "../../kit/grpc/metadata.ts";
import { formatGrpcTimeout } from "../../kit/grpc/timeout.ts";
import type { ClientStream, ClientStreamHandlers, HeaderList, Http2Client } from "../../platform/types.ts";
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
  return new RunningCall(wire, path, options, receiver);
}

/** A class, not closures: there is one for each call between sidecars and to apps. */
class RunningCall implements OpenCall, ClientStreamHandlers {
  readonly #wire: CallWire;
  readonly #receiver: CallReceiver;
  readonly #reader: FrameReader;
  readonly #stream: ClientStream | undefined;
  #isOver = false;
  #header: HeaderList | undefined;
  #wake: (() => void) | undefined;
  #stopTimer: (() => void) | undefined;
  #ignoreSignal: (() => void) | undefined;

  constructor(wire: CallWire, path: string, options: CallOptions, receiver: CallReceiver) {
    this.#wire = wire;
    this.#receiver = receiver;
    this.#reader = new FrameReader(wire.maxReceiveBytes, receiver.startBytes);
    const { signal, timeoutMs } = options;
    if (signal?.aborted) {
      queueMicrotask(() => this.cancel(abortError(signal)));
      return;
    }
    const headers: Record<string, string | readonly string[]> = { ...wire.headers, ":path": path, ...options.headers };
    if (timeoutMs !== undefined) headers["grpc-timeout"] = formatGrpcTimeout(timeoutMs);
    if (signal !== undefined) {
      const onAbort = () => this.cancel(abortError(signal));
      signal.addEventListener("abort", onAbort);
      this.#ignoreSignal = () => signal.removeEventListener("abort", onAbort);
    }
    if (timeoutMs !== undefined) {
      this.#stopTimer = wire.clock.after(Math.max(0, timeoutMs), () =>
        this.cancel(new ConnectError("context deadline exceeded", Code.DeadlineExceeded)),
      );
    }
    this.#stream = wire.client.request(headers, this);
  }

  get isOver(): boolean {
    return this.#isOver;
  }
  write(frame: Uint8Array, behind?: Uint8Array): boolean {
    return this.#isOver || this.#stream === undefined || this.#stream.write(frame, behind);
  }
  drained(): Promise<void> {
    return this.#isOver ? Promise.resolve() : new Promise((resolve) => (this.#wake = resolve));
  }
  end(frame?: Uint8Array): void {
    if (!this.#isOver) this.#stream?.end(frame);
  }
  cancel(error: ConnectError): void {
    if (this.#isOver) return;
    this.#stream?.reset(cancelCode);
    this.#fail(callError(error, this.#wire.client.connected));
  }
  pause(): void {
    this.#stream?.pause();
  }
  resume(): void {
    this.#stream?.resume();
  }

  onHeaders(received: HeaderList): void {
    if (this.#isOver) return;
    const wrong = notGrpc(received);
    if (wrong !== undefined) {
      this.#stream?.reset(cancelCode);
      this.#fail(wrong);
      return;
    }
    this.#header = received;
    if (received["grpc-status"] === undefined) this.#receiver.onHeader?.(received);
  }
  onData(chunk: Uint8Array): void {
    if (this.#isOver) return;
    try {
      this.#reader.push(chunk, this.#receiver.onFrame);
    } catch (error) {
      this.cancel(ConnectError.from(fromWireFault(error)));
    }
  }
  onEnd(trailers: HeaderList): void {
    if (this.#isOver) return;
    const header = this.#header;
    if (this.#reader.isMidFrame) this.#fail(internalError("unexpected EOF"));
    else if (trailers["grpc-status"] !== undefined) this.#finish(header ?? noHeader, trailers);
    else if (header?.["grpc-status"] !== undefined) this.#finish(noHeader, withoutPseudo(header));
    else this.#fail(internalError("server closed the stream without sending trailers"));
  }
  onError(error: Parameters<ClientStreamHandlers["onError"]>[0]): void {
    this.#fail(transportError(error, this.#wire.target));
  }
  onDrain(): void {
    this.#wake?.();
  }

  #finish(header: HeaderList, trailer: HeaderList): void {
    if (this.#settle()) this.#receiver.onDone(header, trailer);
  }
  #fail(error: GrpcCallError): void {
    if (this.#settle()) this.#receiver.onError(error);
  }
  #settle(): boolean {
    if (this.#isOver) return false;
    this.#isOver = true;
    this.#stopTimer?.();
    this.#ignoreSignal?.();
    this.#wake?.();
    return true;
  }
}

function internalError(text: string): GrpcCallError {
  return callError(new ConnectError(text, Code.Internal), true);
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

import type { DescMethod, DescService } from "@bufbuild/protobuf";
import { Code, ConnectError, type ContextValues, createContextValues, type HandlerContext } from "@connectrpc/connect";
import { toConnectError } from "../../errors/grpc.ts";
import { errorFromTrailers, fromWireFault, statusTrailers } from "../../errors/grpc-status.ts";
import type { Call, Trace } from "../../kit/call.ts";
import type { Clock } from "../../kit/clock.ts";
import { framePrefix } from "../../kit/grpc/frames.ts";
import { addHeaders, firstValue, type MetadataList, toHeaders } from "../../kit/grpc/metadata.ts";
import type { HeaderList, ServerStream } from "../../platform/types.ts";
import { traceOf } from "./call.ts";
import type { CallEnd, CallInfo, GrpcInterceptor } from "./interceptor.ts";

type MutableList = Record<string, string | readonly string[]>;

const plainHeaders: HeaderList & { readonly ":status": string } = Object.freeze({
  ":status": "200",
  "content-type": "application/grpc",
});
const okTrailers: HeaderList = Object.freeze({ "grpc-status": "0" });
/** Why the signal of a finished call aborts. One for all: making an error costs more than the rest of an end. */
const finished = new ConnectError("context canceled", Code.Canceled);

/** One call on a stream: the handler's context, and the only writer of the answer. Exactly one of finish, fail and the peer's reset ends it. */
export class ServerCall implements HandlerContext, CallInfo {
  readonly path: string;
  readonly metadata: MetadataList;
  readonly remoteAddress: string;
  readonly protocolName = "grpc";
  readonly requestMethod = "POST";
  requestBytes = 0;
  responseBytes = 0;
  /** Set before the first message, when answers go out compressed. */
  responseEncoding: "gzip" | undefined;
  /** The client has half-closed. Kept by whoever assigns the stream's `onEnd`. */
  isRequestOver = false;
  /** Calls back once when the call is over while the handler may still run. */
  onClosed: ((reason: ConnectError | undefined) => void) | undefined;
  onMessage: ((message: unknown) => void) | undefined;
  readonly #stream: ServerStream;
  readonly #clock: Clock;
  readonly #description: { readonly service: DescService; readonly method: DescMethod } | undefined;
  #isClosed = false;
  #hasResponded = false;
  #deadline: number | undefined;
  #cancelDeadline: (() => void) | undefined;
  #ends: ((end: CallEnd) => void)[] | undefined;
  #controller: AbortController | undefined;
  #reason: ConnectError | undefined;
  #requestHeader: Headers | undefined;
  #answerHeader: MutableList | undefined;
  #responseHeader: Headers | undefined;
  #responseTrailer: Headers | undefined;
  #values: ContextValues | undefined;
  #call: Call | undefined;
  #trace: Trace | undefined;
  #caller: Call["caller"];
  #wake: (() => void) | undefined;
  #drain: Promise<void> | undefined;

  constructor(
    stream: ServerStream,
    clock: Clock,
    description?: { readonly service: DescService; readonly method: DescMethod },
  ) {
    this.path = stream.path;
    this.metadata = stream.headers;
    this.remoteAddress = stream.remoteAddress;
    this.#stream = stream;
    this.#clock = clock;
    this.#description = description;
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }
  get peerCertificate(): Uint8Array | undefined {
    return this.#stream.peerCertificate;
  }
  get service(): DescService {
    return this.#described().service;
  }
  get method(): DescMethod {
    return this.#described().method;
  }
  get url(): string {
    return `http://${this.header(":authority") ?? this.header("host") ?? "localhost"}${this.path}`;
  }
  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController();
      if (this.#reason !== undefined) this.#controller.abort(this.#reason);
    }
    return this.#controller.signal;
  }
  get requestHeader(): Headers {
    return (this.#requestHeader ??= toHeaders(this.metadata));
  }
  get responseHeader(): Headers {
    return (this.#responseHeader ??= new Headers());
  }
  get responseTrailer(): Headers {
    return (this.#responseTrailer ??= new Headers());
  }
  get values(): ContextValues {
    return (this.#values ??= createContextValues());
  }
  get call(): Call {
    if (this.#call === undefined) {
      const { signal, trace } = this;
      this.#call = this.#caller === undefined ? { signal, trace } : { signal, trace, caller: this.#caller };
    }
    return this.#call;
  }
  get trace(): Trace {
    return (this.#trace ??= traceOf((key) => this.header(key)));
  }
  get caller(): Call["caller"] {
    return this.#caller;
  }

  header(key: string): string | undefined {
    return firstValue(this.metadata, key);
  }
  setAnswerHeader(key: string, value: string | readonly string[]): void {
    (this.#answerHeader ??= {})[key] = value;
  }
  dropHeader(key: string): void {
    delete (this.metadata as MutableList)[key];
    this.#requestHeader?.delete(key);
  }
  setTrace(trace: Trace): void {
    this.#trace = trace;
    this.#call = undefined;
  }
  setCaller(caller: NonNullable<Call["caller"]>): void {
    this.#caller = caller;
    this.#call = undefined;
  }
  timeoutMs(): number | undefined {
    return this.#deadline === undefined ? undefined : Math.max(0, this.#deadline - this.#clock.monotonic());
  }

  /** From now on the call ends with DEADLINE_EXCEEDED after `ms`. */
  startDeadline(ms: number): void {
    this.#deadline = this.#clock.monotonic() + ms;
    const expire = () => this.fail(new ConnectError("context deadline exceeded", Code.DeadlineExceeded));
    if (ms <= 0) expire();
    else this.#cancelDeadline = this.#clock.after(ms, expire);
  }

  /** Runs the interceptors. False: one has refused, and the answer is out. */
  admit(interceptors: readonly GrpcInterceptor[]): boolean {
    for (const interceptor of interceptors) {
      try {
        const end = interceptor(this);
        if (end !== undefined) (this.#ends ??= []).push(end);
      } catch (error) {
        this.fail(error);
        return false;
      }
    }
    return true;
  }

  /** Sends the response headers now, with those of `extra` but pseudo headers. Later calls do nothing. */
  respond(extra?: MetadataList): void {
    if (this.#hasResponded || this.#isClosed) return;
    this.#hasResponded = true;
    const hasOwn = this.#responseHeader !== undefined || this.#answerHeader !== undefined;
    if (extra === undefined && !hasOwn && this.responseEncoding === undefined) {
      this.#stream.respond(plainHeaders);
      return;
    }
    const headers: MutableList & { ":status": string } = { ...plainHeaders, ...this.#answerHeader };
    if (this.responseEncoding !== undefined) headers["grpc-encoding"] = this.responseEncoding;
    for (const key in extra) if (key.charCodeAt(0) !== 0x3a) headers[key] = extra[key] as string | readonly string[];
    if (this.#responseHeader !== undefined) addHeaders(headers, this.#responseHeader);
    this.#stream.respond(headers);
  }

  /** Sends one frame, of which `behind` may be the end, headers first. False: wait for `drained` before the next. */
  write(frame: Uint8Array, behind?: Uint8Array): boolean {
    if (this.#isClosed) return true;
    if (!this.#hasResponded) this.respond();
    this.responseBytes += frame.length - framePrefix + (behind?.length ?? 0);
    return this.#stream.write(frame, behind);
  }

  /** Resolves when the peer takes more, or the call is over. */
  drained(): Promise<void> {
    if (this.#isClosed) return Promise.resolve();
    // One for all who wait: a piece of the peer may hold several frames, each of which asks.
    this.#drain ??= new Promise((resolve) => {
      this.#wake = () => {
        this.#drain = undefined;
        resolve();
      };
      this.#stream.onDrain = this.#wake;
    });
    return this.#drain;
  }

  /** Ends the call well, or with the status that `trailers` hold; there are no pseudo headers among them. */
  finish(trailers?: MetadataList): void {
    if (this.#isClosed) return;
    if (!this.#hasResponded) this.respond();
    if (this.#responseTrailer === undefined) this.#stream.end(trailers ?? okTrailers);
    else {
      const all: MutableList = { ...(trailers ?? okTrailers) };
      addHeaders(all, this.#responseTrailer);
      this.#stream.end(all);
    }
    const code = Number(trailers === undefined ? 0 : (firstValue(trailers, "grpc-status") ?? 2));
    this.#settle(code, trailers === undefined || code === 0 ? undefined : errorFromTrailers(trailers));
    if (!this.isRequestOver) discardRest(this.#stream);
  }

  /** Ends the call with the status of what was thrown. */
  fail(error: unknown): void {
    if (this.#isClosed) return;
    const status = toConnectError(fromWireFault(error));
    const trailers = statusTrailers(status);
    if (this.#responseTrailer !== undefined) addHeaders(trailers, this.#responseTrailer);
    if (!this.#hasResponded && this.#responseHeader === undefined && this.#answerHeader === undefined) {
      this.#hasResponded = true;
      this.#stream.respond({ ...plainHeaders, ...trailers });
      this.#stream.end();
    } else {
      this.respond();
      this.#stream.end(trailers);
    }
    this.#settle(status.code, error, status);
    if (!this.isRequestOver) discardRest(this.#stream);
  }

  /** The peer has reset the stream. */
  cancel(): void {
    if (this.#isClosed) return;
    const reason = new ConnectError("context canceled", Code.Canceled);
    this.#settle(Code.Canceled, reason, reason);
  }

  /** Aborts the signal of a call that is over, so that what it started ends too. */
  release(): void {
    if (this.#controller !== undefined && !this.#controller.signal.aborted) {
      this.#controller.abort(finished);
    }
  }

  #described(): { readonly service: DescService; readonly method: DescMethod } {
    if (this.#description === undefined) throw new Error(`Describing "${this.path}" failed: no service has it`);
    return this.#description;
  }

  #settle(code: number, error: unknown, reason?: ConnectError): void {
    this.#isClosed = true;
    this.#cancelDeadline?.();
    if (reason !== undefined) {
      this.#reason = reason;
      this.#controller?.abort(reason);
    }
    this.#wake?.();
    this.onClosed?.(reason);
    if (this.#ends === undefined) return;
    const { requestBytes, responseBytes } = this;
    for (const end of this.#ends.reverse()) end({ code, error, requestBytes, responseBytes });
  }
}

/** Throws away what a client still sends when it has the whole answer; the host stops it. */
export function discardRest(stream: ServerStream): void {
  stream.onData = () => {};
  stream.onEnd = null;
  stream.onReset = null;
  stream.resume();
}

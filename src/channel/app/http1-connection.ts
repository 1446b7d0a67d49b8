import { AppUnreachable } from "../../kit/app-channel.ts";
import type { Clock } from "../../kit/clock.ts";
import type { HeaderLines, HttpCall, HttpReply } from "../../kit/http-message.ts";
import type { TcpConnect, TcpError, TcpHandlers, TcpSocket } from "../../platform/types.ts";
import { ReplyStream } from "../reply-stream.ts";
import type { RequestHead } from "./http1-request.ts";
import { type ResponseHead, ResponseReader, type ResponseSink } from "./http1-response.ts";
import { MalformedMessage } from "./malformed-message.ts";
import { dialErrorText, lostErrorText } from "./network-error.ts";
import { sendBody } from "./send-body.ts";

/** One request on its way, with all that has to be told of it. */
export interface Exchange {
  readonly call: HttpCall;
  readonly head: RequestHead;
  readonly signal: AbortSignal;
  /** `Get "http://host/path"`, in front of every error. */
  readonly what: string;
  resolve(reply: HttpReply): void;
  reject(error: Error): void;
  /** The answer is read to its end, or there will be none. Called once. */
  finished(): void;
}

/** Whom a connection reports to. */
export interface ConnectionOwner {
  readonly clock: Clock;
  readonly connect: TcpConnect;
  readonly maxHeadBytes: number;
  /** Ready for another request; `idleMs` is what the peer grants, if it says so. */
  released(connection: Http1Connection, idleMs: number | undefined): void;
  /** Of no more use. Called once. */
  gone(connection: Http1Connection): void;
  /** The peer closed a connection that had served before and gave no answer. True: the owner sends the request again. */
  retries(exchange: Exchange): boolean;
}

/** A body up to this size is handed over whole when its length is known. */
const wholeBytes = 65_536;
/** How long the rest of such a body may take before what is there is handed over as a stream. */
const settleMs = 5;

/** One HTTP/1.1 connection: dials when made, carries one exchange at a time. */
export class Http1Connection implements TcpHandlers, ResponseSink {
  readonly #owner: ConnectionOwner;
  readonly #reader: ResponseReader;
  readonly #socket: TcpSocket;
  #exchange: Exchange | undefined;
  #head: ResponseHead | undefined;
  #chunks: Uint8Array[] = [];
  #stream: ReplyStream | undefined;
  #stopSettle: (() => void) | undefined;
  #stopBody: (() => void) | undefined;
  #wake: (() => void) | undefined;
  #isOpen = false;
  #isGone = false;
  #hasServed = false;
  #isBodySent = true;
  #isPaused = false;
  readonly #onAbort = (): void => this.#abort();

  constructor(owner: ConnectionOwner, tcp: (connect: TcpConnect, handlers: TcpHandlers) => TcpSocket) {
    this.#owner = owner;
    this.#reader = new ResponseReader(owner.maxHeadBytes);
    this.#socket = tcp(owner.connect, this);
  }

  /** Sends a request. The connection must be idle. */
  start(exchange: Exchange): void {
    const { call, head, signal } = exchange;
    this.#exchange = exchange;
    this.#head = undefined;
    this.#reader.begin(call.method, this, call.upgrade !== undefined);
    signal.addEventListener("abort", this.#onAbort);
    const { body } = call;
    if (body instanceof Uint8Array) this.#socket.writeText(head.text, body);
    else {
      this.#socket.writeText(head.text);
      if (body !== null) this.#sendBody(body, head);
    }
  }

  /** Cuts the connection; an exchange under way fails. */
  destroy(): void {
    if (this.#exchange === undefined) this.#leave();
    else this.#fail("http: client connection closed", undefined);
  }

  onOpen(): void {
    this.#isOpen = true;
  }

  onData(chunk: Uint8Array): void {
    if (this.#exchange === undefined) {
      this.#leave();
      return;
    }
    let isClean = false;
    try {
      isClean = this.#reader.push(chunk);
    } catch (error) {
      if (!(error instanceof MalformedMessage)) throw error;
      this.#fail(`net/http: HTTP/1.x transport connection broken: ${error.message}`, error);
      return;
    }
    if (!isClean) this.#leave();
    else if (this.#head !== undefined && this.#stream === undefined) this.#settleLater(this.#head);
  }

  onEnd(): void {
    this.#lose(undefined);
  }

  onDrain(): void {
    this.#wake?.();
  }

  onClose(error?: TcpError): void {
    this.#lose(error);
  }

  onHead(head: ResponseHead): void {
    this.#head = head;
  }

  onBody(chunk: Uint8Array): void {
    if (this.#stream !== undefined) this.#stream.push(chunk);
    else this.#chunks.push(chunk);
  }

  onEndOfMessage(): void {
    const head = this.#head as ResponseHead;
    if (this.#stream !== undefined) this.#stream.close();
    else {
      const body = wholeBody(this.#chunks);
      this.#exchange?.resolve({ status: head.status, headers: head.headers, body });
    }
    const reusable = head.isReusable && this.#isBodySent && !this.#isGone;
    const idleMs = reusable ? grantedIdle(head.headers) : undefined;
    this.#finish();
    if (reusable) this.#owner.released(this, idleMs);
    else this.#leave();
  }

  /** Hands over a body that is not whole yet: at once when it may be long, after a moment when it is short. */
  #settleLater(head: ResponseHead): void {
    if (this.#reader.isIdle || this.#stopSettle !== undefined) return;
    if (head.length < 0 || head.length > wholeBytes) this.#handStream(head);
    else this.#stopSettle = this.#owner.clock.after(settleMs, () => this.#handStream(head));
  }

  #handStream(head: ResponseHead): void {
    this.#stopSettle?.();
    this.#stopSettle = undefined;
    const stream = new ReplyStream({
      pause: () => this.#pause(true),
      resume: () => this.#pause(false),
      abandoned: () => {
        this.#finish();
        this.#leave();
      },
    });
    this.#stream = stream;
    for (const chunk of this.#chunks) stream.push(chunk);
    this.#chunks = [];
    this.#exchange?.resolve({ status: head.status, headers: head.headers, body: stream.readable });
  }

  #pause(isPaused: boolean): void {
    this.#isPaused = isPaused;
    if (isPaused) this.#socket.pause();
    else this.#socket.resume();
  }

  #sendBody(body: ReadableStream<Uint8Array>, head: RequestHead): void {
    this.#isBodySent = false;
    const sending = sendBody(body, head, {
      write: (text, chunk) => this.#socket.writeText(text, chunk),
      drained: () =>
        new Promise((resolve) => {
          this.#wake = resolve;
        }),
    });
    this.#stopBody = sending.stop;
    sending.done.then(
      () => {
        this.#isBodySent = true;
      },
      (error: unknown) => {
        // An answer that is under way does not need the rest of the request, but what was promised was not sent.
        if (this.#exchange !== undefined) this.#fail(error instanceof Error ? error.message : String(error), error);
      },
    );
  }

  #abort(): void {
    const reason: unknown = this.#exchange?.signal.reason;
    this.#fail(abortText(reason), reason);
  }

  /** The peer closed, properly or not. */
  #lose(error: TcpError | undefined): void {
    if (this.#isGone) return;
    const { call } = this.#exchange ?? {};
    if (this.#exchange === undefined || call === undefined) {
      this.#leave();
      return;
    }
    if (error === undefined && this.#head !== undefined && this.#reader.end()) {
      this.#leave();
      return;
    }
    if (this.#head !== undefined) {
      this.#loseBody(this.#head, error);
      return;
    }
    const exchange = this.#exchange;
    if (this.#isOpen && this.#hasServed && !this.#reader.hasBegun && this.#owner.retries(exchange)) {
      signalOff(exchange, this.#onAbort);
      this.#exchange = undefined;
      this.#leave();
      return;
    }
    const { connect } = this.#owner;
    const text = this.#isOpen
      ? lostErrorText(connect, error)
      : dialErrorText(connect, error ?? Object.assign(new Error("closed while dialling"), { code: "ECONNRESET" }));
    this.#fail(text, error);
  }

  #loseBody(head: ResponseHead, error: TcpError | undefined): void {
    if (head.length < 0) {
      this.#fail("unexpected EOF", error);
      return;
    }
    // compat: pkg/channel/http/http_channel.go takes a body shorter than its Content-Length for whole.
    if (this.#stream !== undefined) this.#stream.close();
    else this.#exchange?.resolve({ status: head.status, headers: head.headers, body: wholeBody(this.#chunks) });
    this.#finish();
    this.#leave();
  }

  #fail(text: string, cause: unknown): void {
    const exchange = this.#exchange;
    if (exchange !== undefined) {
      const error = new AppUnreachable(`${exchange.what}: ${text}`, { cause });
      if (this.#stream !== undefined) this.#stream.close(error);
      else exchange.reject(error);
      this.#finish();
    }
    this.#leave();
  }

  #finish(): void {
    const exchange = this.#exchange;
    this.#stopSettle?.();
    this.#stopSettle = undefined;
    this.#exchange = undefined;
    this.#stream = undefined;
    if (this.#chunks.length > 0) this.#chunks = [];
    this.#hasServed = true;
    // The last bytes of an answer may have come in although its reader is behind.
    if (this.#isPaused) this.#pause(false);
    if (exchange === undefined) return;
    signalOff(exchange, this.#onAbort);
    if (!this.#isBodySent) this.#stopBody?.();
    this.#stopBody = undefined;
    exchange.finished();
  }

  #leave(): void {
    if (this.#isGone) return;
    this.#isGone = true;
    this.#socket.destroy();
    this.#wake?.();
    this.#owner.gone(this);
  }
}

function signalOff(exchange: Exchange, listener: () => void): void {
  exchange.signal.removeEventListener("abort", listener);
}

function wholeBody(chunks: readonly Uint8Array[]): Uint8Array | null {
  if (chunks.length <= 1) return chunks[0] ?? null;
  let size = 0;
  for (const chunk of chunks) size += chunk.length;
  const all = new Uint8Array(size);
  let at = 0;
  for (const chunk of chunks) {
    all.set(chunk, at);
    at += chunk.length;
  }
  return all;
}

/** What a `Keep-Alive: timeout=N` grants, in milliseconds. */
function grantedIdle(headers: HeaderLines): number | undefined {
  for (const [name, value] of headers) {
    if (name !== "keep-alive") continue;
    const match = /(?:^|[,\s])timeout=(\d{1,7})/.exec(value);
    return match === null ? undefined : Number(match[1]) * 1000;
  }
  return undefined;
}

function abortText(reason: unknown): string {
  if (reason instanceof Error && reason.name === "TimeoutError") return "context deadline exceeded";
  const text = reason instanceof Error ? reason.message : "";
  return text.includes("deadline exceeded") ? "context deadline exceeded" : "context canceled";
}

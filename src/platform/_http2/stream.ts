import type { HeaderList } from "../types.ts";
import type { FrameWriter } from "./frame-writer.ts";

/** What one stream may send before it was read. */
export const streamWindow = 1024 * 1024;
/** A writer with more than this in its queue is asked to wait. */
const highWater = 65_536;
const noHeaders: HeaderList = Object.freeze({ __proto__: null } as never);
const nothing = new Uint8Array(0);

/** What a stream tells its user. */
export interface StreamEvents {
  /** A client's stream: the response begins. */
  onHeaders?(list: HeaderList): void;
  onData(chunk: Uint8Array): void;
  onEnd(trailers: HeaderList): void;
  /** The stream is gone before both sides ended; `cause` is there when its connection is, too. */
  onReset(code: number, cause: Error | undefined): void;
  onDrain(): void;
  /** Our side was sent to its end. */
  onSent?(): void;
}

/** What a stream needs of its connection. */
export interface StreamHost {
  readonly writer: FrameWriter;
  /** The stream has data in its queue. */
  wantsToSend(stream: Http2Stream): void;
  /** Bytes that wait for a reader here came or went. */
  held(bytes: number): void;
  /** Nothing more will be sent or received. */
  ended(stream: Http2Stream): void;
}

/** One stream of a connection: its flow control both ways and the order of its events. */
export class Http2Stream {
  /** 0 until it is opened. */
  id = 0;
  sendWindow: number;
  queuedBytes = 0;
  isQueued = false;
  localEnded = false;
  remoteEnded = false;
  isGone = false;
  /** A client's stream: the final response headers came. */
  hasResponse = false;
  /** Bytes that `content-length` promises. */
  expected = -1;
  events: StreamEvents | null = null;
  readonly #host: StreamHost;
  #queue: Uint8Array[] = [];
  #offset = 0;
  #isEnding = false;
  #trailers: HeaderList | undefined;
  #needsDrain = false;
  #isPaused = false;
  #inbox: Uint8Array[] = [];
  #inboxEnd: HeaderList | undefined;
  #received = 0;
  #window = streamWindow;
  #unread = 0;

  constructor(host: StreamHost, sendWindow: number) {
    this.#host = host;
    this.sendWindow = sendWindow;
  }

  /** False: wait for `onDrain`. The bytes, those of `behind` too, must stay as they are. */
  write(chunk: Uint8Array, behind: Uint8Array = nothing): boolean {
    if (this.isGone || this.#isEnding || chunk.length === 0) return true;
    this.#queue.push(chunk);
    if (behind.length > 0) this.#queue.push(behind);
    this.queuedBytes += chunk.length + behind.length;
    this.#host.wantsToSend(this);
    if (this.queuedBytes <= highWater) return true;
    this.#needsDrain = true;
    return false;
  }

  /** Ends our side, after what is in the queue. Throws for trailers that HTTP/2 forbids. */
  end(trailers?: HeaderList): void {
    if (this.isGone || this.#isEnding) return;
    this.#isEnding = true;
    this.#trailers = trailers;
    if (this.queuedBytes === 0 && this.id !== 0) this.#sendEnd();
  }

  /** The last data and the end in one frame, where the windows allow that. */
  endWith(chunk: Uint8Array): void {
    if (this.isGone || this.#isEnding) return;
    if (chunk.length === 0) {
      this.end();
      return;
    }
    this.#isEnding = true;
    this.#queue.push(chunk);
    this.queuedBytes += chunk.length;
    this.#host.wantsToSend(this);
  }

  /** Our side ended with the headers. */
  endedWithHeaders(): void {
    this.#isEnding = true;
    this.#endLocal();
  }

  /** Tells the peer to forget the stream. Its user hears nothing more. */
  reset(code: number): void {
    if (this.isGone) return;
    if (this.id !== 0) this.#host.writer.reset(this.id, code);
    this.#leave();
  }

  /** Resets it, and its user hears of it. */
  cut(code: number): void {
    if (this.isGone) return;
    this.#host.writer.reset(this.id, code);
    this.lose(code);
  }

  pause(): void {
    this.#isPaused = true;
  }
  resume(): void {
    if (!this.#isPaused) return;
    this.#isPaused = false;
    if (this.#inbox.length > 0 || this.#inboxEnd !== undefined) queueMicrotask(() => this.#deliver());
  }

  /** Sends one frame of at most `most` bytes from the queue; answers its size. */
  sendSome(most: number): number {
    const size = Math.min(this.queuedBytes, most);
    const isLast = size === this.queuedBytes && this.#isEnding && this.#trailers === undefined;
    const { writer } = this.#host;
    writer.data(this.id, size, isLast);
    for (let left = size; left > 0; ) {
      const chunk = this.#queue[0] as Uint8Array;
      const from = this.#offset;
      const to = Math.min(chunk.length, from + left);
      writer.append(from === 0 && to === chunk.length ? chunk : chunk.subarray(from, to));
      left -= to - from;
      if (to === chunk.length) {
        this.#queue.shift();
        this.#offset = 0;
      } else this.#offset = to;
    }
    this.sendWindow -= size;
    this.queuedBytes -= size;
    if (isLast) this.#endLocal();
    else if (this.queuedBytes === 0 && this.#isEnding) this.#sendEnd();
    return size;
  }

  /** To be called when the queue was emptied. */
  drain(): void {
    if (!this.#needsDrain || this.isGone) return;
    this.#needsDrain = false;
    this.events?.onDrain();
  }

  /** It has an id now: an end that was waiting for that leaves. */
  opened(): void {
    if (this.queuedBytes > 0) this.#host.wantsToSend(this);
    else if (this.#isEnding && !this.localEnded) this.#sendEnd();
  }

  /** False when the peer ignored the window. */
  receive(piece: Uint8Array, flow: number): boolean {
    this.#window -= flow;
    this.#received += piece.length;
    if (this.#window < 0) return false;
    // Padding is nobody's to read.
    if (flow > piece.length) this.#credit(flow - piece.length);
    if (piece.length === 0) return true;
    if (this.#isPaused || this.#inbox.length > 0) {
      this.#inbox.push(piece);
      this.#host.held(piece.length);
      return true;
    }
    this.#credit(piece.length);
    this.events?.onData(piece);
    return true;
  }

  /** The peer's side ended. False when it sent another length than it promised. */
  receiveEnd(trailers: HeaderList = noHeaders): boolean {
    this.remoteEnded = true;
    if (this.expected >= 0 && this.#received !== this.expected) return false;
    if (this.#isPaused || this.#inbox.length > 0) {
      this.#inboxEnd = trailers;
      return true;
    }
    this.#finish(trailers);
    return true;
  }

  /** The peer reset it, or its connection is gone. What is paused is dropped. */
  lose(code: number, cause?: Error): void {
    if (this.isGone) return;
    this.#leave();
    this.events?.onReset(code, cause);
  }

  #sendEnd(): void {
    const { writer } = this.#host;
    if (this.#trailers === undefined) writer.data(this.id, 0, true);
    else {
      try {
        writer.headers(this.id, this.#trailers, true);
      } catch (error) {
        this.#isEnding = false;
        throw error;
      }
    }
    this.#endLocal();
  }

  #endLocal(): void {
    this.localEnded = true;
    this.#settle();
    this.events?.onSent?.();
  }

  #deliver(): void {
    while (this.#inbox.length > 0 && !this.#isPaused && !this.isGone) {
      const piece = this.#inbox.shift() as Uint8Array;
      this.#host.held(-piece.length);
      this.#credit(piece.length);
      this.events?.onData(piece);
    }
    if (this.#inbox.length > 0 || this.#isPaused || this.isGone || this.#inboxEnd === undefined) return;
    const trailers = this.#inboxEnd;
    this.#inboxEnd = undefined;
    this.#finish(trailers);
  }

  #finish(trailers: HeaderList): void {
    const { events } = this;
    this.#settle();
    events?.onEnd(trailers);
  }

  #credit(bytes: number): void {
    this.#unread += bytes;
    if (this.#unread < streamWindow / 2 || this.remoteEnded) return;
    this.#host.writer.windowUpdate(this.id, this.#unread);
    this.#window += this.#unread;
    this.#unread = 0;
  }

  #settle(): void {
    if (!this.localEnded || !this.remoteEnded || this.#inboxEnd !== undefined || this.isGone) return;
    this.#end();
  }

  #end(): void {
    this.isGone = true;
    this.#host.ended(this);
  }

  #leave(): void {
    for (const piece of this.#inbox) this.#host.held(-piece.length);
    this.#inbox = [];
    this.#queue = [];
    this.queuedBytes = 0;
    this.#end();
  }
}

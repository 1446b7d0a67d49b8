import { defaultWindow, errorCode, Http2Fault, largestWindow } from "./frame.ts";
import type { FrameWriter } from "./frame-writer.ts";
import type { Http2Stream } from "./stream.ts";

/** The streams of a connection that have bytes to send, and the connection's window for them. They take turns, a frame each. */
export class SendQueue {
  readonly #writer: FrameWriter;
  readonly #waiting: Http2Stream[] = [];
  #window = defaultWindow;
  #isPumping = false;

  constructor(writer: FrameWriter) {
    this.#writer = writer;
  }

  /** A stream has bytes and perhaps a window for them. */
  add(stream: Http2Stream): void {
    if (stream.isQueued) return;
    stream.isQueued = true;
    this.#waiting.push(stream);
    this.pump();
  }

  /** The peer takes more bytes on the connection. Throws Http2Fault for an increment that is not allowed. */
  widen(increment: number): void {
    this.#window += increment;
    if (increment === 0) throw new Http2Fault(errorCode.protocol, "WINDOW_UPDATE by nothing");
    if (this.#window > largestWindow) throw new Http2Fault(errorCode.flowControl, "the window is too large");
    this.pump();
  }

  /** Nothing is sent any more. */
  close(): void {
    this.#waiting.length = 0;
  }

  /** Sends what the windows and the transport take. */
  pump(): void {
    if (this.#isPumping) return;
    this.#isPumping = true;
    try {
      while (this.#waiting.length > 0) {
        if (this.#writer.isFull) {
          this.#writer.flush();
          if (this.#writer.isFull) break;
        }
        if (this.#window <= 0) break;
        const stream = this.#waiting.shift() as Http2Stream;
        stream.isQueued = false;
        if (stream.isGone || stream.queuedBytes === 0) continue;
        const most = Math.min(this.#window, stream.sendWindow, this.#writer.maxFrame);
        // It comes back with its window.
        if (most <= 0) continue;
        this.#window -= stream.sendSome(most);
        if (stream.queuedBytes === 0) stream.drain();
        else if (!stream.isQueued) {
          stream.isQueued = true;
          this.#waiting.push(stream);
        }
      }
    } finally {
      this.#isPumping = false;
    }
  }
}

import { FrameReader, WebSocketFault } from "../../kit/websocket/frame-reader.ts";
import { closePayload, encodeFrame, opcodes } from "../../kit/websocket/frames.ts";
import type { ServerSocket, ServerSocketHandlers, SocketTaker } from "../../kit/websocket/upgrade-response.ts";

/** The connection below a WebSocket. */
export interface WebSocketWire {
  /** False: the client reads slowly, wait for `drained`. */
  write(bytes: Uint8Array): boolean;
  pause(): void;
  resume(): void;
  /** Closes once all is sent. */
  close(): void;
  destroy(): void;
  /** Calls back after so many milliseconds; the answer cancels. */
  after(ms: number, call: () => void): () => void;
}

const lost = 1006;
/** How long a client may take to answer a close frame. */
const closeMs = 5000;

/** A WebSocket on a connection whose answer of 101 is out. */
export class WireWebSocket {
  readonly #wire: WebSocketWire;
  readonly #reader: FrameReader;
  readonly #handlers: ServerSocketHandlers;
  #isClosing = false;
  #isGone = false;
  #isBlocked = false;
  #unanswered: Uint8Array | undefined;
  #ended: { readonly code: number; readonly reason: string } | undefined;
  #cancelTimer: (() => void) | undefined;

  constructor(wire: WebSocketWire, taker: SocketTaker, maxMessageBytes: number) {
    this.#wire = wire;
    this.#reader = new FrameReader(
      { isMasked: true, maxMessageBytes },
      {
        onText: (text) => this.#handlers.onMessage(text),
        onBinary: (bytes) => this.#handlers.onMessage(bytes),
        onPing: (data) => {
          this.#pong(data);
          this.#handlers.onPing(data);
        },
        onPong: (data) => this.#handlers.onPong(data),
        onClose: (code, reason) => this.#closedBy(code, reason),
      },
    );
    this.#handlers = taker.opened(this.#view());
  }

  receive(chunk: Uint8Array): void {
    try {
      this.#reader.push(chunk);
    } catch (error) {
      if (!(error instanceof WebSocketFault)) throw error;
      this.#closedBy(error.code, error.message);
    }
  }

  drained(): void {
    this.#isBlocked = false;
    const ping = this.#unanswered;
    this.#unanswered = undefined;
    if (ping !== undefined) this.#pong(ping);
    this.#handlers.onDrain();
  }

  /** Sends a close frame. */
  close(code: number, reason: string): void {
    if (this.#isClosing || this.#isGone) return;
    this.#isClosing = true;
    this.#wire.write(encodeFrame(opcodes.close, closePayload(code, reason)));
    // The client answers, or has said it first; a paused connection would not hear it.
    this.#wire.resume();
    this.#cancelTimer = this.#wire.after(closeMs, () => this.#wire.destroy());
  }

  /** The connection is gone. */
  gone(): void {
    if (this.#isGone) return;
    this.#isGone = true;
    this.#cancelTimer?.();
    this.#handlers.onClose(this.#ended?.code ?? lost, this.#ended?.reason ?? "");
  }

  #write(opcode: number, payload: Uint8Array): boolean {
    if (this.#isClosing || this.#isGone) return true;
    const isTaken = this.#wire.write(encodeFrame(opcode, payload));
    if (!isTaken) this.#isBlocked = true;
    return isTaken;
  }

  /** To a client that does not read, only the last of its pings is answered, and later (RFC 6455, 5.5.3). */
  #pong(data: Uint8Array): void {
    if (this.#isBlocked) this.#unanswered = data;
    else this.#write(opcodes.pong, data);
  }

  #closedBy(code: number, reason: string): void {
    this.#ended ??= { code, reason };
    this.close(code, reason);
    this.#wire.close();
  }

  #view(): ServerSocket {
    return {
      send: (message) =>
        typeof message === "string"
          ? this.#write(opcodes.text, new TextEncoder().encode(message))
          : this.#write(opcodes.binary, message),
      ping: (data) => this.#write(opcodes.ping, data),
      close: (code, reason) => this.close(code, reason),
      destroy: () => this.#wire.destroy(),
      pause: () => this.#wire.pause(),
      resume: () => this.#wire.resume(),
    };
  }
}

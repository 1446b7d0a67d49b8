import { defaultWindow, errorCode, Http2Fault } from "./frame.ts";

const size = 4 * 1024 * 1024;
/** When paused streams hold more, the connection waits with them. */
const mostHeld = 16 * 1024 * 1024;

/** What the peer may send on the whole connection before it hears of us. */
export class ReceiveWindow {
  readonly #widen: (bytes: number) => void;
  #left = size;
  #unread = 0;
  #held = 0;

  /** `widen` tells the peer of that many bytes more; at once of what the protocol does not begin with. */
  constructor(widen: (bytes: number) => void) {
    this.#widen = widen;
    widen(size - defaultWindow);
  }

  /** Bytes came. Throws Http2Fault when the peer was not allowed to send them. */
  take(flow: number): void {
    this.#left -= flow;
    if (this.#left < 0) throw new Http2Fault(errorCode.flowControl, "the connection's window was ignored");
  }

  /** Bytes that came are done with, or lie with a paused stream. */
  credit(flow: number): void {
    this.#unread += flow;
    if (this.#unread < size / 2 || this.#held > mostHeld) return;
    this.#left += this.#unread;
    const more = this.#unread;
    this.#unread = 0;
    this.#widen(more);
  }

  /** Paused streams hold so many bytes more, or fewer when it is negative. */
  hold(bytes: number): void {
    this.#held += bytes;
    if (bytes < 0) this.credit(0);
  }
}

const greedyBytes = 262_144;
const yieldTurns = 4;

/** Called with the size of each piece that a socket brought. */
export type TookBytes = (bytes: number) => void;

/** What of a socket's reading can be stopped. */
interface Readable {
  pause(): unknown;
  resume(): unknown;
}

/**
 * portable: Bun fills one buffer of 512 KB after the other from a socket that has so much, and looks at the others only when that is
 * over. A socket that brought this much at once is not read again before the others were looked at a few times. Its owner pauses
 * and resumes it here.
 */
export class GreedyRead {
  readonly #tookBytes: TookBytes;
  #socket: Readable | undefined;
  #isPaused = false;
  #isYielding = false;

  /** `tookBytes` hears of every piece. */
  constructor(tookBytes: TookBytes) {
    this.#tookBytes = tookBytes;
  }

  /** The socket is open. */
  open(socket: Readable): void {
    this.#socket = socket;
    if (this.#isPaused) socket.pause();
  }

  /** A piece of this size came. */
  took(bytes: number): void {
    this.#tookBytes(bytes);
    if (bytes < greedyBytes || this.#isYielding) return;
    this.#isYielding = true;
    if (!this.#isPaused) this.#socket?.pause();
    let turns = yieldTurns;
    const turn = (): void => {
      turns -= 1;
      if (turns > 0) return void setImmediate(turn);
      this.#isYielding = false;
      if (!this.#isPaused) this.#socket?.resume();
    };
    setImmediate(turn);
  }

  pause(): void {
    this.#isPaused = true;
    if (!this.#isYielding) this.#socket?.pause();
  }

  resume(): void {
    this.#isPaused = false;
    if (!this.#isYielding) this.#socket?.resume();
  }

  /** The socket is gone and not touched any more. */
  close(): void {
    this.#socket = undefined;
  }
}

/** Follows a chunked body over any split of its bytes; hands out the data when a sink is given. */
export class ChunkedBody {
  #state: "size" | "data" | "after" | "trailer" = "size";
  #size = 0;
  #line = 0;
  #extension = false;

  reset(): void {
    this.#state = "size";
    this.#size = 0;
    this.#line = 0;
    this.#extension = false;
  }

  /** Gives the position behind the body, or -1 when more bytes are needed. */
  read(bytes: Uint8Array, start: number, end: number, sink?: (from: number, to: number) => void): number {
    let at = start;
    while (at < end) {
      if (this.#state === "data") {
        const to = Math.min(end, at + this.#size);
        sink?.(at, to);
        this.#size -= to - at;
        at = to;
        if (this.#size === 0) this.#state = "after";
        continue;
      }
      const byte = bytes[at++] as number;
      if (byte === 13) continue;
      if (byte !== 10) {
        this.#line++;
        if (this.#state === "size") this.#digit(byte);
        continue;
      }
      if (this.#state === "size") {
        this.#state = this.#size === 0 ? "trailer" : "data";
        this.#extension = false;
      } else if (this.#state === "after") this.#state = "size";
      else if (this.#line === 0) return at;
      this.#line = 0;
    }
    return -1;
  }

  #digit(byte: number): void {
    const value = byte <= 57 ? byte - 48 : (byte | 0x20) - 87;
    if (value < 0 || value > 15) this.#extension = true;
    if (!this.#extension) this.#size = this.#size * 16 + value;
  }
}

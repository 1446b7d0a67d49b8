import { ChunkedBody } from "./chunked-body.ts";
import { scanHead } from "./http1-head.ts";
import { joinBytes } from "./join-bytes.ts";

/** Reads one HTTP/1.1 answer after the other from a connection without keeping bodies. */
export class Http1Answer {
  /** Status of the answer that was last begun. */
  status = 0;
  /** Body bytes of all answers so far, chunk framing included. */
  bodyBytes = 0;
  #left = 0;
  #inBody = false;
  #chunked = false;
  #held: Uint8Array | undefined;
  readonly #head = { end: 0, length: 0 };
  readonly #chunks = new ChunkedBody();

  /** Takes the next bytes; true when they complete the answer. Throws on an answer that only the connection's end delimits. */
  read(input: Uint8Array, length: number): boolean {
    let at = 0;
    let bytes = input;
    let end = length;
    if (!this.#inBody) {
      if (this.#held !== undefined) {
        bytes = joinBytes(this.#held, input.subarray(0, length));
        end = bytes.length;
        this.#held = undefined;
      }
      if (!scanHead(bytes, 0, end, this.#head)) {
        this.#held = bytes.slice(0, end);
        return false;
      }
      this.status = ((bytes[9] as number) - 48) * 100 + ((bytes[10] as number) - 48) * 10 + (bytes[11] as number) - 48;
      at = this.#head.end;
      this.#begin(this.#head.length);
    }
    if (this.#chunked) {
      this.bodyBytes += end - at;
      if (this.#chunks.read(bytes, at, end) < 0) return false;
    } else {
      const taken = Math.min(end - at, this.#left);
      this.bodyBytes += taken;
      this.#left -= taken;
      if (this.#left > 0) return false;
    }
    this.#inBody = false;
    return true;
  }

  #begin(length: number): void {
    const empty = this.status === 204 || this.status === 304;
    if (length === -2 && !empty)
      throw new Error(`Reading an answer of status ${this.status} failed: it has no framing`);
    this.#inBody = true;
    this.#chunked = length === -1 && !empty;
    this.#left = empty ? 0 : Math.max(length, 0);
    if (this.#chunked) this.#chunks.reset();
  }
}

import { MalformedMessage } from "./malformed-message.ts";

const inSize = 0;
const inData = 1;
const afterData = 2;
const inTrailers = 3;
const done = 4;
/** Longest line in front of a chunk, extensions included. */
const longestLine = 4096;

/** Takes the chunked coding (RFC 9112, 7.1) off a body. */
export class ChunkReader {
  readonly #maxTrailerBytes: number;
  #state = inSize;
  #left = 0;
  #line = "";
  #trailers: number[] = [];

  constructor(maxTrailerBytes: number) {
    this.#maxTrailerBytes = maxTrailerBytes;
  }

  get isDone(): boolean {
    return this.#state === done;
  }

  /** The trailer section as received, without its empty line. */
  get trailerBytes(): Uint8Array {
    return Uint8Array.from(this.#trailers);
  }

  /** Hands over what is data and gives back what comes behind the last chunk. Throws MalformedMessage. */
  push(chunk: Uint8Array, take: (data: Uint8Array) => void): Uint8Array {
    let at = 0;
    while (at < chunk.length && this.#state !== done) {
      switch (this.#state) {
        case inSize:
          at = this.#readSize(chunk, at);
          break;
        case inData: {
          const end = Math.min(chunk.length, at + this.#left);
          this.#left -= end - at;
          take(chunk.subarray(at, end));
          at = end;
          if (this.#left === 0) this.#state = afterData;
          break;
        }
        case afterData:
          at = this.#readLineEnd(chunk, at);
          break;
        default:
          at = this.#readTrailers(chunk, at);
      }
    }
    return at === 0 ? chunk : chunk.subarray(at);
  }

  #readSize(chunk: Uint8Array, from: number): number {
    const end = chunk.indexOf(10, from);
    const upTo = end < 0 ? chunk.length : end;
    if (this.#line.length + upTo - from > longestLine) throw new MalformedMessage("header line too long");
    for (let at = from; at < upTo; at++) this.#line += String.fromCharCode(chunk[at] as number);
    if (end < 0) return chunk.length;
    const cut = this.#line.indexOf(";");
    const digits = (cut < 0 ? this.#line : this.#line.slice(0, cut)).replace(/[ \t\r]+$/, "");
    this.#line = "";
    if (!/^[0-9a-fA-F]+$/.test(digits)) throw new MalformedMessage("invalid byte in chunk length");
    if (digits.length > 13) throw new MalformedMessage("http chunk length too large");
    this.#left = Number.parseInt(digits, 16);
    this.#state = this.#left === 0 ? inTrailers : inData;
    return end + 1;
  }

  /** The line end behind a chunk's data, which may come in two pieces. */
  #readLineEnd(chunk: Uint8Array, at: number): number {
    const byte = chunk[at];
    if (byte === 13 && this.#line === "") {
      this.#line = "\r";
      return at + 1;
    }
    if (byte !== 10) throw new MalformedMessage("malformed chunked encoding");
    this.#line = "";
    this.#state = inSize;
    return at + 1;
  }

  #readTrailers(chunk: Uint8Array, from: number): number {
    const trailers = this.#trailers;
    for (let at = from; at < chunk.length; at++) {
      const byte = chunk[at] as number;
      const size = trailers.length;
      if (byte === 10) {
        const isCrLf = trailers[size - 1] === 13;
        const lineStart = isCrLf ? size - 1 : size;
        if (lineStart === 0 || trailers[lineStart - 1] === 10) {
          trailers.length = lineStart;
          this.#state = done;
          return at + 1;
        }
      }
      if (size >= this.#maxTrailerBytes)
        throw new MalformedMessage("http: suspiciously long trailer after chunked body");
      trailers.push(byte);
    }
    return chunk.length;
  }
}

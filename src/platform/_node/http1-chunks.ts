import { Refusal } from "./http1-head.ts";

const inSize = 0;
const inExtension = 1;
const inData = 2;
const afterData = 3;
const inTrailer = 4;
const done = 5;
/** Longest line in front of a chunk, extensions included; as Go's. */
const longestLine = 4096;
const mostDigits = 13;

/** Takes the chunked coding (RFC 9112, 7.1) off a request's body. Lines end with CRLF and nothing else; trailers are dropped. */
export class ChunkDecoder {
  readonly #maxTrailerBytes: number;
  #state = inSize;
  #left = 0;
  #digits = 0;
  #lineBytes = 0;
  #sawReturn = false;
  #trailerBytes = 0;

  constructor(maxTrailerBytes: number) {
    this.#maxTrailerBytes = maxTrailerBytes;
  }

  get isDone(): boolean {
    return this.#state === done;
  }

  /** Hands over what is data; the answer is how many bytes belonged to the body. Throws Refusal. */
  push(chunk: Uint8Array, take: (data: Uint8Array) => void): number {
    let at = 0;
    while (at < chunk.length && this.#state !== done) {
      if (this.#state === inData) {
        const end = Math.min(chunk.length, at + this.#left);
        take(chunk.subarray(at, end));
        this.#left -= end - at;
        at = end;
        if (this.#left === 0) this.#state = afterData;
      } else this.#step(chunk[at++] as number);
    }
    return at;
  }

  #step(byte: number): void {
    if (this.#sawReturn) {
      if (byte !== 10) throw new Refusal(400, "malformed chunked encoding");
      this.#sawReturn = false;
      this.#endLine();
      return;
    }
    if (byte === 13) {
      this.#sawReturn = true;
      return;
    }
    switch (this.#state) {
      case inSize:
        this.#size(byte);
        return;
      case inExtension:
        if (++this.#lineBytes > longestLine || isControl(byte)) throw new Refusal(400, "malformed chunk extension");
        return;
      case inTrailer:
        if (++this.#trailerBytes > this.#maxTrailerBytes) throw new Refusal(431, "");
        if (isControl(byte)) throw new Refusal(400, "malformed trailer");
        this.#lineBytes++;
        return;
      default:
        throw new Refusal(400, "malformed chunked encoding");
    }
  }

  #size(byte: number): void {
    const digit = hexDigit(byte);
    if (digit >= 0) {
      if (++this.#digits > mostDigits) throw new Refusal(400, "chunk length too large");
      this.#left = this.#left * 16 + digit;
    } else if (this.#digits > 0 && (byte === 59 || byte === 32 || byte === 9)) this.#state = inExtension;
    else throw new Refusal(400, "invalid byte in chunk length");
  }

  #endLine(): void {
    const wasEmpty = this.#lineBytes === 0;
    this.#lineBytes = 0;
    switch (this.#state) {
      case inSize:
      case inExtension:
        if (this.#digits === 0) throw new Refusal(400, "invalid byte in chunk length");
        this.#digits = 0;
        this.#state = this.#left === 0 ? inTrailer : inData;
        return;
      case afterData:
        this.#state = inSize;
        return;
      default:
        if (wasEmpty) this.#state = done;
    }
  }
}

function isControl(byte: number): boolean {
  return (byte < 32 && byte !== 9) || byte === 127;
}

function hexDigit(byte: number): number {
  if (byte >= 48 && byte <= 57) return byte - 48;
  const letter = byte | 32;
  return letter >= 97 && letter <= 102 ? letter - 87 : -1;
}

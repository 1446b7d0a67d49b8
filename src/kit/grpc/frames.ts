import { WireFault } from "./wire-fault.ts";

/** Bytes before each gRPC message: one of flags, four of length. */
export const framePrefix = 5;

const resourceExhausted = 8;

/** Length of the message behind the prefix at `at`. */
export function messageLength(bytes: Uint8Array, at: number): number {
  return (
    (bytes[at + 1] as number) * 0x1000000 +
    (((bytes[at + 2] as number) << 16) | ((bytes[at + 3] as number) << 8) | (bytes[at + 4] as number))
  );
}

/** Puts the prefix in front of a message. */
export function encodeFrame(message: Uint8Array, compressed = false): Uint8Array<ArrayBuffer> {
  const length = message.length;
  const frame = new Uint8Array(framePrefix + length);
  if (compressed) frame[0] = 1;
  frame[1] = length >>> 24;
  frame[2] = length >>> 16;
  frame[3] = length >>> 8;
  frame[4] = length;
  frame.set(message, framePrefix);
  return frame;
}

/** Takes a frame, or one piece after the other of it: `isRest` tells that the piece goes on where the last one ended. */
export type TakeFrame = (piece: Uint8Array, isRest: boolean) => void;

/**
 * Cuts a stream of chunks into frames. They are whole, and only frames that span chunks are copied, once; or, with `startBytes`, they
 * come as they are: at least so many bytes of each, and its rest with the next chunks, in pieces that nobody copies.
 */
export class FrameReader {
  readonly #max: number;
  readonly #startBytes: number;
  #parts: Uint8Array[] = [];
  #held = 0;
  #need = framePrefix;
  /** What is still to come of a frame whose start was handed over. */
  #rest = 0;

  /** `max` counts the message without its prefix. */
  constructor(max: number, startBytes = Number.POSITIVE_INFINITY) {
    this.#max = max;
    this.#startBytes = startBytes;
  }

  /** True while the bytes so far end within a frame. */
  get isMidFrame(): boolean {
    return this.#held > 0 || this.#rest > 0;
  }

  /** Calls `take` for what `chunk` brings, prefixes included. Throws a WireFault before it keeps a frame that is too large. */
  push(chunk: Uint8Array, take: TakeFrame): void {
    let bytes = chunk;
    if (this.#rest > 0) {
      const size = Math.min(this.#rest, chunk.length);
      this.#rest -= size;
      take(size === chunk.length ? chunk : chunk.subarray(0, size), true);
      if (size === chunk.length) return;
      bytes = chunk.subarray(size);
    } else if (this.#held > 0) {
      this.#parts.push(chunk);
      this.#held += chunk.length;
      if (this.#held < this.#need) return;
      bytes = joinBytes(this.#parts, this.#held);
      this.#parts = [];
      this.#held = 0;
    }
    let at = 0;
    this.#need = framePrefix;
    while (bytes.length - at >= framePrefix) {
      const length = messageLength(bytes, at);
      if (length > this.#max) {
        throw new WireFault(resourceExhausted, `grpc: received message larger than max (${length} vs. ${this.#max})`);
      }
      const end = at + framePrefix + length;
      if (end > bytes.length) {
        if (bytes.length - at >= this.#startBytes) {
          this.#rest = end - bytes.length;
          take(bytes.subarray(at), false);
          return;
        }
        this.#need = Math.min(end - at, this.#startBytes);
        break;
      }
      take(at === 0 && end === bytes.length ? bytes : bytes.subarray(at, end), false);
      at = end;
    }
    if (at === bytes.length) return;
    this.#parts.push(at === 0 ? bytes : bytes.subarray(at));
    this.#held = bytes.length - at;
  }
}

function joinBytes(parts: readonly Uint8Array[], size: number): Uint8Array {
  const joined = new Uint8Array(size);
  let at = 0;
  for (const part of parts) {
    joined.set(part, at);
    at += part.length;
  }
  return joined;
}

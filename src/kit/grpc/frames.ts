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

/** Cuts a stream of chunks into whole frames. Copies only frames that span chunks, once. */
export class FrameReader {
  readonly #max: number;
  #parts: Uint8Array[] = [];
  #held = 0;
  #need = framePrefix;

  /** `max` counts the message without its prefix. */
  constructor(max: number) {
    this.#max = max;
  }

  /** True while the bytes so far end within a frame. */
  get isMidFrame(): boolean {
    return this.#held > 0;
  }

  /** Calls `take` for every frame that `chunk` completes, prefix included. Throws a WireFault before it keeps a frame that is too large. */
  push(chunk: Uint8Array, take: (frame: Uint8Array) => void): void {
    let bytes = chunk;
    if (this.#held > 0) {
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
        this.#need = end - at;
        break;
      }
      take(at === 0 && end === bytes.length ? bytes : bytes.subarray(at, end));
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

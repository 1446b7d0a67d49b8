import { concatBytes } from "../bytes.ts";
import { framePrefix, messageLength } from "../grpc/frames.ts";
import { decodeChunkStart, type WireChunk } from "./decode.ts";

/**
 * Reads the messages of one direction from the pieces that a `FrameReader` with `chunkStartBytes` hands over. The data of a chunk is
 * passed on as it comes; any other message is put together first.
 */
export class ChunkReader<Decoded> {
  readonly #decode: (frame: Uint8Array) => Decoded;
  /** What is still to come of the present frame. */
  #rest = 0;
  /** Its pieces, when it is wanted whole. */
  #parts: Uint8Array[] = [];

  /** `decode` reads a whole frame. */
  constructor(decode: (frame: Uint8Array) => Decoded) {
    this.#decode = decode;
  }

  /** What the next piece says; undefined while more is needed. Throws what `decode` throws. */
  take(piece: Uint8Array): Decoded | WireChunk<never> | undefined {
    if (this.#rest === 0) {
      this.#rest = framePrefix + messageLength(piece, 0) - piece.length;
      if (this.#rest === 0) return this.#decode(piece);
      const start = decodeChunkStart(piece);
      if (start === undefined) this.#parts = [piece];
      return start;
    }
    this.#rest -= piece.length;
    if (this.#parts.length === 0) return { head: undefined, data: piece, seq: undefined };
    this.#parts.push(piece);
    if (this.#rest > 0) return undefined;
    const frame = concatBytes(this.#parts);
    this.#parts = [];
    return this.#decode(frame);
  }
}

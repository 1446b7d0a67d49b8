/** Kinds of WebSocket frames that a client meets. */
export const frameKind = { continuation: 0, text: 1, binary: 2, close: 8, ping: 9, pong: 10 } as const;

/** One whole frame of a client: always masked, never in parts. `mask` has four bytes. */
export function encodeFrame(kind: number, payload: Uint8Array, mask: Uint8Array): Uint8Array {
  const { length } = payload;
  const extra = length < 126 ? 0 : length < 65_536 ? 2 : 8;
  const frame = new Uint8Array(2 + extra + 4 + length);
  const view = new DataView(frame.buffer);
  frame[0] = 0x80 | kind;
  frame[1] = 0x80 | (extra === 0 ? length : extra === 2 ? 126 : 127);
  if (extra === 2) view.setUint16(2, length);
  if (extra === 8) view.setBigUint64(2, BigInt(length));
  const start = 2 + extra + 4;
  frame.set(mask, start - 4);
  for (let at = 0; at < length; at++) frame[start + at] = (payload[at] as number) ^ (mask[at & 3] as number);
  return frame;
}

/** Takes the frames of a server out of a stream of bytes. Pushed chunks are the reader's to keep. */
export class FrameReader {
  #rest: Uint8Array = new Uint8Array();

  /** Calls `take` for each whole frame, parts of messages included. Throws when the bytes are no frames. */
  push(chunk: Uint8Array, take: (kind: number, payload: Uint8Array) => void): void {
    let bytes = chunk;
    if (this.#rest.length > 0) {
      bytes = new Uint8Array(this.#rest.length + chunk.length);
      bytes.set(this.#rest);
      bytes.set(chunk, this.#rest.length);
    }
    let at = 0;
    for (;;) {
      const end = frameEnd(bytes, at);
      if (end === undefined || end.end > bytes.length) break;
      take((bytes[at] as number) & 0x0f, bytes.subarray(end.start, end.end));
      at = end.end;
    }
    this.#rest = bytes.subarray(at);
  }
}

/** Where the payload of the frame at this place starts and ends; undefined while its head is not complete. */
function frameEnd(bytes: Uint8Array, at: number): { start: number; end: number } | undefined {
  if (bytes.length - at < 2) return undefined;
  const second = bytes[at + 1] as number;
  if ((second & 0x80) !== 0) throw new Error("the server sent a masked frame");
  const size = second & 0x7f;
  const extra = size === 126 ? 2 : size === 127 ? 8 : 0;
  const start = at + 2 + extra;
  if (bytes.length < start) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  const length = extra === 0 ? size : extra === 2 ? view.getUint16(at + 2) : Number(view.getBigUint64(at + 2));
  return { start, end: start + length };
}

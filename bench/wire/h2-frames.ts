import { joinBytes } from "./join-bytes.ts";

/** Frame types of HTTP/2 that this bench uses. */
export const frame = {
  data: 0,
  headers: 1,
  reset: 3,
  settings: 4,
  ping: 6,
  goAway: 7,
  windowUpdate: 8,
  continuation: 9,
};

/** Frame flags of HTTP/2. */
export const flag = { endStream: 1, ack: 1, endHeaders: 4, padded: 8, priority: 32 };

/** What a client sends first. */
export const preface = new TextEncoder().encode("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");

/** Bytes of a frame header. */
export const headerSize = 9;

/** Largest frame that every peer takes. */
export const maxFrame = 16_384;

/** Writes a 32-bit number, most significant byte first. */
export const writeU32 = (bytes: Uint8Array, at: number, value: number): void => {
  bytes[at] = value >>> 24;
  bytes[at + 1] = value >>> 16;
  bytes[at + 2] = value >>> 8;
  bytes[at + 3] = value;
};

/** Reads a 32-bit number, most significant byte first. */
export const readU32 = (bytes: Uint8Array, at: number): number =>
  (((bytes[at] as number) << 24) |
    ((bytes[at + 1] as number) << 16) |
    ((bytes[at + 2] as number) << 8) |
    (bytes[at + 3] as number)) >>>
  0;

/** Writes a frame header of nine bytes. */
export const writeFrameHeader = (
  bytes: Uint8Array,
  at: number,
  size: number,
  type: number,
  flags: number,
  stream: number,
): void => {
  bytes[at] = size >>> 16;
  bytes[at + 1] = size >>> 8;
  bytes[at + 2] = size;
  bytes[at + 3] = type;
  bytes[at + 4] = flags;
  writeU32(bytes, at + 5, stream);
};

/** A whole frame. */
export const encodeFrame = (type: number, flags: number, stream: number, payload: Uint8Array): Uint8Array => {
  const bytes = new Uint8Array(headerSize + payload.length);
  writeFrameHeader(bytes, 0, payload.length, type, flags, stream);
  bytes.set(payload, headerSize);
  return bytes;
};

const window = 1 << 30;

/** The opening SETTINGS (no dynamic header table, no push, a stream window of 1 GiB) and a connection window to match. */
export const openingFrames = (): Uint8Array => {
  const settings = new Uint8Array(18);
  settings.set([0, 1, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 4]);
  writeU32(settings, 14, window);
  const update = new Uint8Array(4);
  writeU32(update, 0, window);
  return joinBytes(encodeFrame(frame.settings, 0, 0, settings), encodeFrame(frame.windowUpdate, 0, 0, update));
};

/** Called for each whole frame; `start` and `end` bound the payload in `bytes`. */
export type OnFrame = (
  type: number,
  flags: number,
  stream: number,
  bytes: Uint8Array,
  start: number,
  end: number,
) => void;

/** Cuts a byte stream into frames; keeps an unfinished one until its rest arrives. */
export const createFrameReader = (onFrame: OnFrame) => {
  let held: Uint8Array | undefined;
  return (input: Uint8Array, length: number): void => {
    let bytes = input;
    let end = length;
    if (held !== undefined) {
      bytes = joinBytes(held, input.subarray(0, length));
      end = bytes.length;
      held = undefined;
    }
    let at = 0;
    while (end - at >= headerSize) {
      const size = ((bytes[at] as number) << 16) | ((bytes[at + 1] as number) << 8) | (bytes[at + 2] as number);
      const from = at + headerSize;
      if (end - from < size) break;
      const stream = readU32(bytes, at + 5) & 0x7fffffff;
      onFrame(bytes[at + 3] as number, bytes[at + 4] as number, stream, bytes, from, from + size);
      at = from + size;
    }
    if (at < end) held = bytes.slice(at, end);
  };
};

import {
  defaultMaxFrame,
  errorCode,
  flag,
  frameHeaderBytes,
  frameType,
  Http2Fault,
  ourMaxFrame,
  setting,
} from "./frame.ts";
import type { HeaderBlock } from "./header-collector.ts";
import { createHeaderCollector } from "./header-collector.ts";
import type { HpackDecoder } from "./hpack-decoder.ts";

/** What a connection hears of its peer's frames, each checked as far as the frame itself says. */
export interface FrameHandlers {
  headers(id: number, block: HeaderBlock, endStream: boolean): void;
  /** A piece of a DATA frame; `flow` counts its padding too. `last` when the frame ends here, `endStream` when the stream does. */
  data(id: number, piece: Buffer, flow: number, endStream: boolean): void;
  reset(id: number, code: number): void;
  settings(values: readonly (readonly [id: number, value: number])[]): void;
  ping(payload: Buffer): void;
  goaway(lastId: number, code: number): void;
  windowUpdate(id: number, increment: number): void;
}

/** Empty frames that do nothing, one after the other. */
const mostIdleFrames = 1_000;
const largestValue: Readonly<Record<number, number>> = {
  [setting.enablePush]: 1,
  [setting.initialWindowSize]: 0x7fff_ffff,
};

function wrong(code: number, message: string): never {
  throw new Http2Fault(code, message);
}

/** Reads frames from pieces of any size. Throws an Http2Fault when the connection cannot go on. */
export class FrameReader {
  readonly #on: FrameHandlers;
  readonly #collect: ReturnType<typeof createHeaderCollector>;
  #rest: Buffer | null = null;
  // The DATA frame that is being read.
  #dataId = 0;
  #dataLeft = 0;
  #padLeft = 0;
  /** The byte that tells the padding counts with the next piece. */
  #extra = 0;
  #dataEnds = false;
  #hasSettings = false;
  #idleFrames = 0;

  constructor(decoder: HpackDecoder, headerLimit: number, on: FrameHandlers) {
    this.#on = on;
    this.#collect = createHeaderCollector(decoder, headerLimit);
  }

  read(chunk: Buffer): void {
    let bytes = chunk;
    if (this.#rest !== null) {
      bytes = Buffer.concat([this.#rest, chunk]);
      this.#rest = null;
    }
    let at = 0;
    while (at < bytes.length) {
      if (this.#dataLeft > 0 || this.#padLeft > 0) {
        at = this.#readData(bytes, at);
        continue;
      }
      if (bytes.length - at < frameHeaderBytes) break;
      const size = ((bytes[at] as number) << 16) | ((bytes[at + 1] as number) << 8) | (bytes[at + 2] as number);
      if (size > ourMaxFrame) wrong(errorCode.frameSize, `a frame has ${size} bytes`);
      const type = bytes[at + 3] as number;
      const flags = bytes[at + 4] as number;
      const id = bytes.readUInt32BE(at + 5) & 0x7fff_ffff;
      if (!this.#hasSettings && type !== frameType.settings)
        wrong(errorCode.protocol, "the first frame is no SETTINGS");
      if (this.#collect.openId !== 0 && (type !== frameType.continuation || id !== this.#collect.openId))
        wrong(errorCode.protocol, "a frame stands inside a header block");
      const from = at + frameHeaderBytes;
      if (type === frameType.data) {
        const padded = (flags & flag.padded) !== 0;
        if (padded && bytes.length <= from) break;
        at = this.#startData(bytes, from, size, flags, id);
        continue;
      }
      if (bytes.length - from < size) break;
      at = from + size;
      this.#control(type, flags, id, bytes, from, at);
    }
    if (at < bytes.length) this.#rest = at === 0 ? bytes : Buffer.from(bytes.subarray(at));
  }

  #startData(bytes: Buffer, from: number, size: number, flags: number, id: number): number {
    if (id === 0) wrong(errorCode.protocol, "DATA without a stream");
    const isPadded = (flags & flag.padded) !== 0;
    if (isPadded && size === 0) wrong(errorCode.frameSize, "padded DATA without its length");
    const pad = isPadded ? (bytes[from] as number) : 0;
    const start = isPadded ? from + 1 : from;
    if (isPadded && pad >= size) wrong(errorCode.protocol, "DATA is padded beyond its end");
    this.#dataId = id;
    this.#dataEnds = (flags & flag.endStream) !== 0;
    this.#dataLeft = size - pad - (isPadded ? 1 : 0);
    this.#padLeft = pad;
    if (this.#dataLeft === 0 && !this.#dataEnds) this.#idle();
    else this.#idleFrames = 0;
    this.#extra = isPadded ? 1 : 0;
    if (this.#dataLeft > 0) return this.#readData(bytes, start);
    // Without data the padding alone is left; its frame is told of now.
    this.#on.data(id, bytes.subarray(start, start), this.#extra + pad, this.#dataEnds);
    return start;
  }

  #readData(bytes: Buffer, from: number): number {
    const to = Math.min(bytes.length, from + this.#dataLeft);
    if (to > from) {
      this.#dataLeft -= to - from;
      const isLast = this.#dataLeft === 0;
      const flow = to - from + this.#extra + (isLast ? this.#padLeft : 0);
      this.#extra = 0;
      this.#on.data(this.#dataId, bytes.subarray(from, to), flow, isLast && this.#dataEnds);
      if (!isLast) return to;
    } else if (this.#dataLeft > 0) return from;
    const skip = Math.min(this.#padLeft, bytes.length - to);
    this.#padLeft -= skip;
    return to + skip;
  }

  #control(type: number, flags: number, id: number, bytes: Buffer, from: number, to: number): void {
    const size = to - from;
    switch (type) {
      case frameType.headers:
      case frameType.continuation: {
        const done =
          type === frameType.headers
            ? this.#collect.start(id, flags, bytes, from, to)
            : this.#collect.more(id, flags, bytes, from, to);
        if (type === frameType.continuation && size === 0) this.#idle();
        if (done === undefined) return;
        this.#idleFrames = 0;
        this.#on.headers(id, done, this.#collect.endStream);
        return;
      }
      case frameType.priority:
        if (id === 0) wrong(errorCode.protocol, "PRIORITY without a stream");
        if (size !== 5) wrong(errorCode.frameSize, "PRIORITY of the wrong size");
        this.#idle();
        return;
      case frameType.reset:
        if (id === 0) wrong(errorCode.protocol, "RST_STREAM without a stream");
        if (size !== 4) wrong(errorCode.frameSize, "RST_STREAM of the wrong size");
        this.#on.reset(id, bytes.readUInt32BE(from));
        return;
      case frameType.settings:
        this.#settings(flags, id, bytes, from, to);
        return;
      case frameType.pushPromise:
        throw new Http2Fault(errorCode.protocol, "PUSH_PROMISE, which was not allowed");
      case frameType.ping:
        if (id !== 0) wrong(errorCode.protocol, "PING on a stream");
        if (size !== 8) wrong(errorCode.frameSize, "PING of the wrong size");
        if ((flags & flag.ack) === 0) this.#on.ping(bytes.subarray(from, to));
        return;
      case frameType.goaway:
        if (id !== 0) wrong(errorCode.protocol, "GOAWAY on a stream");
        if (size < 8) wrong(errorCode.frameSize, "GOAWAY of the wrong size");
        this.#on.goaway(bytes.readUInt32BE(from) & 0x7fff_ffff, bytes.readUInt32BE(from + 4));
        return;
      case frameType.windowUpdate:
        if (size !== 4) wrong(errorCode.frameSize, "WINDOW_UPDATE of the wrong size");
        this.#on.windowUpdate(id, bytes.readUInt32BE(from) & 0x7fff_ffff);
        return;
      default:
        // Unknown kinds are for later versions, and are passed over.
        this.#idle();
        return;
    }
  }

  #settings(flags: number, id: number, bytes: Buffer, from: number, to: number): void {
    const isAck = (flags & flag.ack) !== 0;
    if (id !== 0) wrong(errorCode.protocol, "SETTINGS on a stream");
    if ((to - from) % 6 !== 0 || (isAck && to > from)) wrong(errorCode.frameSize, "SETTINGS of the wrong size");
    if (!this.#hasSettings && isAck) wrong(errorCode.protocol, "SETTINGS are acknowledged before any came");
    this.#hasSettings = true;
    if (isAck) {
      this.#idle();
      return;
    }
    const values: [number, number][] = [];
    for (let at = from; at < to; at += 6) {
      const name = bytes.readUInt16BE(at);
      const value = bytes.readUInt32BE(at + 2);
      if (value > (largestValue[name] ?? 0xffff_ffff))
        wrong(
          name === setting.initialWindowSize ? errorCode.flowControl : errorCode.protocol,
          `setting ${name} is ${value}`,
        );
      if (name === setting.maxFrameSize && (value < defaultMaxFrame || value > 0xff_ffff))
        wrong(errorCode.protocol, `setting ${name} is ${value}`);
      values.push([name, value]);
    }
    this.#on.settings(values);
  }

  /** Counts frames that cost the peer nothing. */
  #idle(): void {
    this.#idleFrames += 1;
    if (this.#idleFrames > mostIdleFrames) wrong(errorCode.enhanceYourCalm, "too many frames without content");
  }
}

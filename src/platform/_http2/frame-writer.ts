import type { HeaderList } from "../types.ts";
import { defaultMaxFrame, flag, frameHeaderBytes, frameType } from "./frame.ts";
import type { BlockTarget, HpackEncoder } from "./hpack-encoder.ts";

/** Where bytes go. Answers how many were taken; the caller of `drained` says when there is room again. */
export type ByteSink = (bytes: Uint8Array) => number;

const initialBytes = 4_096;
/** More than this waits for the peer, not in our memory. */
const fullBytes = 131_072;
/** Beyond this a buffer gets the size for streams at once. */
const smallBytes = 65_536;
const streamBytes = 262_144;
/** After so many small flushes one after the other a large buffer is given back. */
const smallFlushes = 64;
/**
 * A flush waits for this many rounds of promises without further output, so that what belongs together, such as data and the trailers
 * that come a few promises later, leaves at once: a round costs a hundredth of a system call, and of the peer's waking up.
 */
const quietRounds = 24;
const mostRounds = 200;

/** Collects the frames of a turn and hands them to the connection in one piece. */
export class FrameWriter implements BlockTarget {
  buffer: Buffer = Buffer.allocUnsafeSlow(initialBytes);
  length = 0;
  maxFrame = defaultMaxFrame;
  readonly #sink: ByteSink;
  readonly #encoder: HpackEncoder;
  /** What the system did not take, a part of `#waitingIn`. */
  #waiting: Uint8Array | null = null;
  #waitingIn: Buffer | null = null;
  /** A large buffer that is free again. */
  #spare: Buffer | null = null;
  #small = 0;
  #scheduled = false;
  #rounds = 0;
  #quiet = 0;
  #seen = 0;
  #closed = false;
  readonly #round = (): void => {
    if (this.length > this.#seen) {
      this.#seen = this.length;
      this.#quiet = 0;
    }
    if (++this.#quiet < quietRounds && ++this.#rounds < mostRounds && this.length > 0) {
      queueMicrotask(this.#round);
      return;
    }
    this.#scheduled = false;
    this.flush();
  };

  constructor(sink: ByteSink, encoder: HpackEncoder) {
    this.#sink = sink;
    this.#encoder = encoder;
  }

  /** True while no more data should be added; frames of control always fit. */
  get isFull(): boolean {
    return this.#waiting !== null || this.length >= fullBytes;
  }
  get isBlocked(): boolean {
    return this.#waiting !== null;
  }
  /** Bytes that wait for the peer. */
  get waitingBytes(): number {
    return this.length + (this.#waiting?.length ?? 0);
  }

  reserve(bytes: number): void {
    const needed = this.length + bytes;
    if (needed <= this.buffer.length) return;
    const larger =
      this.#spare !== null && needed <= streamBytes
        ? this.#spare
        : Buffer.allocUnsafeSlow(Math.max(needed, this.buffer.length * 2, needed > smallBytes ? streamBytes : 0));
    if (larger === this.#spare) this.#spare = null;
    larger.set(this.buffer.subarray(0, this.length));
    this.buffer = larger;
  }

  /** Throws for headers that HTTP/2 forbids, and has written nothing then. */
  headers(id: number, list: HeaderList, endStream: boolean, defaults?: HeaderList): void {
    const start = this.length;
    this.#header(0, frameType.headers, 0, id);
    try {
      this.#encoder.encode(list, this, defaults);
    } catch (error) {
      this.length = start;
      throw error;
    }
    const size = this.length - start - frameHeaderBytes;
    const end = endStream ? flag.endStream : 0;
    if (size <= this.maxFrame) {
      this.#patch(start, size, frameType.headers, end | flag.endHeaders, id);
      return;
    }
    const block = Buffer.from(this.buffer.subarray(start + frameHeaderBytes, this.length));
    this.length = start;
    for (let at = 0; at < size; at += this.maxFrame) {
      const piece = block.subarray(at, at + this.maxFrame);
      const last = at + this.maxFrame >= size ? flag.endHeaders : 0;
      if (at === 0) this.#header(piece.length, frameType.headers, end | last, id);
      else this.#header(piece.length, frameType.continuation, last, id);
      this.append(piece);
    }
  }

  /** The start of a DATA frame; its bytes, so many, are appended behind it. */
  data(id: number, size: number, endStream: boolean): void {
    this.#header(size, frameType.data, endStream ? flag.endStream : 0, id);
  }

  settings(values: readonly (readonly [id: number, value: number])[]): void {
    this.#header(values.length * 6, frameType.settings, 0, 0);
    for (const [id, value] of values) {
      this.reserve(6);
      this.buffer.writeUInt16BE(id, this.length);
      this.buffer.writeUInt32BE(value, this.length + 2);
      this.length += 6;
    }
  }
  settingsAck(): void {
    this.#header(0, frameType.settings, flag.ack, 0);
  }
  pingAck(payload: Uint8Array): void {
    this.#header(8, frameType.ping, flag.ack, 0);
    this.append(payload);
  }
  reset(id: number, code: number): void {
    this.#header(4, frameType.reset, 0, id);
    this.#number(code);
  }
  windowUpdate(id: number, increment: number): void {
    this.#header(4, frameType.windowUpdate, 0, id);
    this.#number(increment);
  }
  goaway(lastId: number, code: number): void {
    this.#header(8, frameType.goaway, 0, 0);
    this.#number(lastId);
    this.#number(code);
  }
  text(bytes: string): void {
    this.reserve(bytes.length);
    this.length += this.buffer.write(bytes, this.length, "latin1");
    this.#schedule();
  }

  /** Hands over what is there now. */
  flush(): void {
    if (this.#waiting !== null || this.length === 0 || this.#closed) return;
    const all = this.buffer.subarray(0, this.length);
    const taken = this.#sink(all);
    this.length = 0;
    if (taken < all.length) {
      this.#waiting = all.subarray(Math.max(0, taken));
      this.#waitingIn = this.buffer;
      this.buffer = this.#spare ?? Buffer.allocUnsafeSlow(initialBytes);
      this.#spare = null;
    }
    this.#giveBack(all.length);
  }

  /** There is room again; answers whether nothing waits any more. */
  drained(): boolean {
    const waiting = this.#waiting;
    if (waiting !== null && !this.#closed) {
      const taken = Math.max(0, this.#sink(waiting));
      this.#waiting = taken < waiting.length ? waiting.subarray(taken) : null;
      if (this.#waiting !== null) return false;
      if (this.#waitingIn?.length === streamBytes) this.#spare = this.#waitingIn;
      this.#waitingIn = null;
    }
    this.flush();
    return this.#waiting === null;
  }

  close(): void {
    this.#closed = true;
    this.#waiting = null;
    this.#waitingIn = null;
    this.#spare = null;
    this.length = 0;
  }

  /** Large buffers stay while a stream runs. */
  #giveBack(flushed: number): void {
    if (flushed > initialBytes) {
      this.#small = 0;
      return;
    }
    if (++this.#small < smallFlushes) return;
    this.#small = 0;
    this.#spare = null;
    if (this.buffer.length > initialBytes) this.buffer = Buffer.allocUnsafeSlow(initialBytes);
  }

  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    this.#rounds = 0;
    this.#quiet = 0;
    this.#seen = 0;
    queueMicrotask(this.#round);
  }

  #header(size: number, type: number, flags: number, id: number): void {
    this.reserve(frameHeaderBytes + 8);
    this.length += frameHeaderBytes;
    this.#patch(this.length - frameHeaderBytes, size, type, flags, id);
    this.#schedule();
  }

  #patch(at: number, size: number, type: number, flags: number, id: number): void {
    const { buffer } = this;
    buffer[at] = size >>> 16;
    buffer[at + 1] = size >>> 8;
    buffer[at + 2] = size;
    buffer[at + 3] = type;
    buffer[at + 4] = flags;
    buffer[at + 5] = id >>> 24;
    buffer[at + 6] = id >>> 16;
    buffer[at + 7] = id >>> 8;
    buffer[at + 8] = id;
  }

  #number(value: number): void {
    this.reserve(4);
    this.buffer.writeUInt32BE(value, this.length);
    this.length += 4;
  }

  append(bytes: Uint8Array): void {
    this.reserve(bytes.length);
    this.buffer.set(bytes, this.length);
    this.length += bytes.length;
  }
}

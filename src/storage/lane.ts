/** Places of the positions among the words in front of the data, each on a cache line of its own. */
const HEAD = 0;
const TAIL = 16;
const TOLD = 32;
const DATA_WORDS = 48;
const DATA = DATA_WORDS * 4;
/** In place of a record's size: the next record is at the start of the data. */
const WRAP = -1;

/** Bytes of a record in the lane: its size in front, padded to whole words. */
const spaceOf = (size: number): number => 4 + ((size + 3) & ~3);

/**
 * The sending end of a lane: records go in their order through memory that two threads share, without a copy or a message for
 * each. One thread sends, one receives.
 */
export class LaneSender {
  /** All of the memory; places are offsets in it. */
  readonly bytes: Uint8Array;
  readonly view: DataView;
  readonly #words: Int32Array;
  readonly #end: number;
  /** Behind what was put; the receiver knows it only after `send`. */
  #tail = DATA;
  #place = DATA;

  constructor(memory: SharedArrayBuffer) {
    this.bytes = new Uint8Array(memory);
    this.view = new DataView(memory);
    this.#words = new Int32Array(memory);
    this.#end = memory.byteLength & ~3;
    Atomics.store(this.#words, HEAD, DATA);
    Atomics.store(this.#words, TAIL, DATA);
  }

  /** Where a record of at most `size` bytes can be written; -1 while there is no room. */
  reserve(size: number): number {
    const head = Atomics.load(this.#words, HEAD);
    const space = spaceOf(size);
    const tail = this.#tail;
    // The tail never meets the head from behind: that would look like an empty lane.
    if (tail < head) return tail + space < head ? this.#at(tail) : -1;
    if (tail + space < this.#end || (tail + space === this.#end && head > DATA)) return this.#at(tail);
    if (DATA + space >= head) return -1;
    this.#words[tail >> 2] = WRAP;
    return this.#at(DATA);
  }

  /** The record at the reserved place is complete. */
  put(size: number): void {
    this.#words[this.#place >> 2] = size;
    const tail = this.#place + spaceOf(size);
    this.#tail = tail === this.#end ? DATA : tail;
  }

  /** Hands over all that was put. True: the receiver must be told, it may have looked before. */
  send(): boolean {
    Atomics.store(this.#words, TAIL, this.#tail);
    return Atomics.exchange(this.#words, TOLD, 1) === 0;
  }

  #at(place: number): number {
    this.#place = place;
    return place + 4;
  }
}

/** The receiving end of a lane. */
export class LaneReceiver {
  readonly bytes: Uint8Array;
  readonly view: DataView;
  readonly #words: Int32Array;
  readonly #end: number;
  #at = DATA;

  constructor(memory: SharedArrayBuffer) {
    this.bytes = new Uint8Array(memory);
    this.view = new DataView(memory);
    this.#words = new Int32Array(memory);
    this.#end = memory.byteLength & ~3;
  }

  /** To be called before looking for records: what is sent from now on is told again. */
  listen(): void {
    Atomics.store(this.#words, TOLD, 0);
  }

  /** Place of the next record; -1 when there is none. */
  peek(): number {
    if (this.#at === Atomics.load(this.#words, TAIL)) return -1;
    if (this.#words[this.#at >> 2] === WRAP) this.#at = DATA;
    return this.#at + 4;
  }

  /** Bytes of the record that `peek` has found. */
  get size(): number {
    return this.#words[this.#at >> 2] as number;
  }

  /** Goes on to the record behind; the answer is for `release`. */
  advance(): number {
    const next = this.#at + spaceOf(this.size);
    this.#at = next === this.#end ? DATA : next;
    return this.#at;
  }

  /** The memory of all records in front of this position may be used again. */
  release(position: number): void {
    Atomics.store(this.#words, HEAD, position);
  }
}

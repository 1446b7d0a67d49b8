import { errorCode, Http2Fault } from "./frame.ts";
import { staticTable } from "./hpack-static.ts";
import type { HuffmanTable } from "./huffman.ts";

const entryOverhead = 32;

function fault(message: string): Http2Fault {
  return new Http2Fault(errorCode.compression, message);
}

/** Called for each header of a block, in order. */
export type HeaderVisitor = (name: string, value: string) => void;

/** Reads header blocks of one direction of a connection (RFC 7541). Text is Latin-1. */
export class HpackDecoder {
  readonly #huffman: HuffmanTable;
  readonly #limit: number;
  /** The newest entry is the last. */
  #names: string[] = [];
  #values: string[] = [];
  #first = 0;
  #size = 0;
  #capacity: number;
  #block: Buffer = Buffer.alloc(0);
  #at = 0;
  #end = 0;
  #scratch: Buffer = Buffer.alloc(0);

  /** `limit` is the largest table that was offered to the peer. */
  constructor(huffman: HuffmanTable, limit = 4096) {
    this.#huffman = huffman;
    this.#limit = limit;
    this.#capacity = limit;
  }

  /** Throws an Http2Fault for a block that is broken; the connection is of no use then. */
  decode(block: Buffer, from: number, to: number, visit: HeaderVisitor): void {
    this.#block = block;
    this.#at = from;
    this.#end = to;
    let mayResize = true;
    while (this.#at < to) {
      const first = block[this.#at] as number;
      if (first >= 0x80) {
        const index = this.#integer(7);
        visit(this.#nameAt(index), this.#valueAt(index));
      } else if (first >= 0x40) {
        const index = this.#integer(6);
        const name = index === 0 ? this.#text() : this.#nameAt(index);
        const value = this.#text();
        this.#add(name, value);
        visit(name, value);
      } else if (first >= 0x20) {
        if (!mayResize) throw fault("the table is resized inside a header block");
        this.#resize(this.#integer(5));
        continue;
      } else {
        const index = this.#integer(4);
        const name = index === 0 ? this.#text() : this.#nameAt(index);
        visit(name, this.#text());
      }
      mayResize = false;
    }
  }

  #integer(bits: number): number {
    const mask = (1 << bits) - 1;
    let value = (this.#block[this.#at++] as number) & mask;
    if (value < mask) return value;
    for (let shift = 0; shift <= 21; shift += 7) {
      if (this.#at >= this.#end) throw fault("a header block ends within a number");
      const byte = this.#block[this.#at++] as number;
      value += (byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
    throw fault("a number in a header block is too large");
  }

  #text(): string {
    if (this.#at >= this.#end) throw fault("a header block ends before its text");
    const isHuffman = (this.#block[this.#at] as number) >= 0x80;
    const length = this.#integer(7);
    const from = this.#at;
    const to = from + length;
    if (to > this.#end) throw fault("a header block ends within its text");
    this.#at = to;
    return isHuffman ? this.#unpack(from, to) : this.#block.toString("latin1", from, to);
  }

  #unpack(from: number, to: number): string {
    const { next, symbol, accepting } = this.#huffman;
    // The shortest code has five bits.
    const most = Math.ceil(((to - from) * 8) / 5);
    if (this.#scratch.length < most) this.#scratch = Buffer.allocUnsafeSlow(Math.max(most, 256));
    const out = this.#scratch;
    let length = 0;
    let state = 0;
    for (let at = from; at < to; at++) {
      const byte = this.#block[at] as number;
      for (let shift = 4; shift >= 0; shift -= 4) {
        const step = state * 16 + ((byte >>> shift) & 15);
        const done = symbol[step] as number;
        if (done >= 0) out[length++] = done;
        state = next[step] as number;
        if (state < 0) throw fault("packed text contains the end mark");
      }
    }
    if (accepting[state] === 0) throw fault("packed text ends within a code");
    return out.toString("latin1", 0, length);
  }

  #slot(index: number): number {
    const slot = this.#names.length - (index - staticTable.length);
    if (index === 0 || slot < this.#first) throw fault(`there is no header with index ${index}`);
    return slot;
  }
  #nameAt(index: number): string {
    return staticTable[index - 1]?.[0] ?? (this.#names[this.#slot(index)] as string);
  }
  #valueAt(index: number): string {
    return staticTable[index - 1]?.[1] ?? (this.#values[this.#slot(index)] as string);
  }

  #add(name: string, value: string): void {
    this.#size += name.length + value.length + entryOverhead;
    this.#names.push(name);
    this.#values.push(value);
    this.#evict();
  }

  #resize(capacity: number): void {
    if (capacity > this.#limit) throw fault("the peer wants a larger table than it was offered");
    this.#capacity = capacity;
    this.#evict();
  }

  #evict(): void {
    while (this.#size > this.#capacity) {
      const slot = this.#first++;
      this.#size -= (this.#names[slot] as string).length + (this.#values[slot] as string).length + entryOverhead;
      this.#names[slot] = "";
      this.#values[slot] = "";
    }
    // The front is given back from time to time, not with each entry.
    if (this.#first < 256) return;
    this.#names = this.#names.slice(this.#first);
    this.#values = this.#values.slice(this.#first);
    this.#first = 0;
  }
}

const utf8 = new TextEncoder();
/** Up to here a loop beats the encoder. */
const shortText = 80;

/** Bytes that `varint` takes for a value below 2^32. */
export function varintSize(value: number): number {
  let size = 1;
  for (let rest = value >>> 7; rest > 0; rest >>>= 7) size++;
  return size;
}

/** Writes protobuf fields into one growing buffer, behind `reserved` bytes that the caller fills later. Default values are left to the caller. */
export class ProtoWriter {
  #bytes: Uint8Array<ArrayBuffer>;
  #at: number;

  constructor(capacity: number, reserved = 0) {
    this.#bytes = new Uint8Array(capacity + reserved);
    this.#at = reserved;
  }

  /** All that was written, the reserved bytes included. */
  finish(): Uint8Array<ArrayBuffer> {
    return this.#bytes.subarray(0, this.#at);
  }

  /** A number of up to 2^53, not negative. */
  varint(field: number, value: number): void {
    this.#room(20);
    this.#varint(field << 3);
    this.#varint(value);
  }

  /** Four bytes, the lowest first. */
  fixed32(field: number, value: number): void {
    this.#room(15);
    this.#varint(field * 8 + 5);
    this.#little(value, 4);
  }

  /** Eight bytes: a number below 2^32 in each half. */
  fixed64(field: number, high: number, low: number): void {
    this.#room(20);
    this.#varint(field * 8 + 1);
    this.#little(low, 4);
    this.#little(high, 4);
  }

  string(field: number, text: string): void {
    const most = text.length * 3;
    this.#room(most + 15);
    this.#varint((field << 3) | 2);
    const start = this.#at + 1;
    let written = text.length <= shortText ? this.#ascii(text, start) : -1;
    if (written < 0) written = utf8.encodeInto(text, this.#bytes.subarray(start, start + most)).written;
    this.#at = start + written;
    this.#length(start, written);
  }

  bytes(field: number, value: Uint8Array): void {
    this.#room(value.length + 15);
    this.#varint((field << 3) | 2);
    this.#varint(value.length);
    this.#bytes.set(value, this.#at);
    this.#at += value.length;
  }

  /** Begins a message field of so many bytes, which follow. */
  message(field: number, size: number): void {
    this.#room(20);
    this.#varint((field << 3) | 2);
    this.#varint(size);
  }

  /** Opens a message field; what is written until `close` with the answer belongs to it. */
  open(field: number): number {
    this.#room(15);
    this.#varint((field << 3) | 2);
    return ++this.#at;
  }

  close(start: number): void {
    this.#length(start, this.#at - start);
  }

  /** Writes text of ASCII alone; -1: it has other characters. */
  #ascii(text: string, start: number): number {
    const bytes = this.#bytes;
    const { length } = text;
    for (let at = 0; at < length; at++) {
      const code = text.charCodeAt(at);
      if (code > 0x7f) return -1;
      bytes[start + at] = code;
    }
    return length;
  }

  /** Puts a length in front of what was written from `start` on; one byte was left for it. */
  #length(start: number, length: number): void {
    if (length < 0x80) {
      this.#bytes[start - 1] = length;
      return;
    }
    let size = 1;
    for (let rest = length >>> 7; rest > 0; rest >>>= 7) size++;
    this.#room(size);
    this.#bytes.copyWithin(start - 1 + size, start, this.#at);
    this.#at = start - 1;
    this.#varint(length);
    this.#at += length;
  }

  #little(value: number, size: number): void {
    for (let rest = value, count = 0; count < size; count++, rest = Math.floor(rest / 0x100)) {
      this.#bytes[this.#at++] = rest % 0x100;
    }
  }

  #varint(value: number): void {
    let rest = value;
    while (rest >= 0x80) {
      this.#bytes[this.#at++] = (rest % 0x80) | 0x80;
      rest = Math.floor(rest / 0x80);
    }
    this.#bytes[this.#at++] = rest;
  }

  #room(size: number): void {
    if (this.#at + size <= this.#bytes.length) return;
    const larger = new Uint8Array(Math.max(this.#bytes.length * 2, this.#at + size));
    larger.set(this.#bytes.subarray(0, this.#at));
    this.#bytes = larger;
  }
}

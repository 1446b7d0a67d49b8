const utf8 = new TextDecoder("utf-8", { ignoreBOM: true });
/** Below this many bytes a loop beats the decoder. */
const shortText = 24;

/** The bytes are not a protobuf message. */
export class ProtoFault extends Error {
  constructor() {
    super("cannot parse invalid wire-format data");
    this.name = "ProtoFault";
  }
}

/** Reads protobuf fields one after the other. Every method throws ProtoFault on bytes that are none. */
export class ProtoReader {
  readonly #bytes: Uint8Array;
  #at: number;
  readonly #end: number;
  #wire = 0;

  constructor(bytes: Uint8Array, from = 0, to = bytes.length) {
    this.#bytes = bytes;
    this.#at = from;
    this.#end = to;
  }

  /** Number of the next field; 0 at the end. Its value has to be read or skipped. */
  next(): number {
    if (this.#at >= this.#end) return 0;
    const tag = this.#varint();
    this.#wire = tag & 7;
    const field = Math.floor(tag / 8);
    if (field === 0) throw new ProtoFault();
    return field;
  }

  varint(): number {
    if (this.#wire !== 0) throw new ProtoFault();
    return this.#varint();
  }

  bytes(): Uint8Array {
    const [from, to] = this.#span();
    return this.#bytes.subarray(from, to);
  }

  string(): string {
    const [from, to] = this.#span();
    if (to - from > shortText) return utf8.decode(this.#bytes.subarray(from, to));
    let text = "";
    for (let at = from; at < to; at++) {
      const byte = this.#bytes[at] as number;
      if (byte > 0x7f) return utf8.decode(this.#bytes.subarray(from, to));
      text += String.fromCharCode(byte);
    }
    return text;
  }

  message(): ProtoReader {
    const [from, to] = this.#span();
    return new ProtoReader(this.#bytes, from, to);
  }

  skip(): void {
    if (this.#wire === 0) this.#varint();
    else if (this.#wire === 2) this.#span();
    else if (this.#wire === 1) this.#advance(8);
    else if (this.#wire === 5) this.#advance(4);
    else throw new ProtoFault();
  }

  #span(): [number, number] {
    if (this.#wire !== 2) throw new ProtoFault();
    const length = this.#varint();
    const from = this.#at;
    this.#advance(length);
    return [from, this.#at];
  }

  #advance(size: number): void {
    if (size > this.#end - this.#at) throw new ProtoFault();
    this.#at += size;
  }

  /** Numbers beyond 2^53 lose their last digits, and a negative one becomes a large one: no field here has such values. */
  #varint(): number {
    let value = 0;
    let scale = 1;
    for (let count = 0; count < 10; count++) {
      if (this.#at >= this.#end) throw new ProtoFault();
      const byte = this.#bytes[this.#at++] as number;
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) return value;
      scale *= 0x80;
    }
    throw new ProtoFault();
  }
}

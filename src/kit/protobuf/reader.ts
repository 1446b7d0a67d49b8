const utf8 = new TextDecoder("utf-8", { ignoreBOM: true });
/** More text than headers have is not decoded before somebody asks. */
const mostText = 16_384;

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
  /** Where the last span that was read began; it ends where the next field does. */
  #from = 0;
  /** The bytes from `#textFrom` on as text with a character for each, where they were read in one go. */
  #text: string | undefined;
  #textFrom = 0;

  /** `to` may lie behind the bytes that are there, if what is read does not: `bytes` then answers those. */
  constructor(bytes: Uint8Array, from = 0, to = bytes.length) {
    this.#bytes = bytes;
    this.#at = from;
    this.#end = to;
  }

  /** There are no more fields. */
  get isAtEnd(): boolean {
    return this.#at >= this.#end;
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
    this.#span();
    return this.#bytes.subarray(this.#from, this.#at);
  }

  string(): string {
    this.#span();
    if (this.#text === undefined) return utf8.decode(this.#bytes.subarray(this.#from, this.#at));
    return this.#text.slice(this.#from - this.#textFrom, this.#at - this.#textFrom);
  }

  message(): ProtoReader {
    this.#span();
    const inner = new ProtoReader(this.#bytes, this.#from, this.#at);
    inner.#text = this.#text;
    inner.#textFrom = this.#textFrom;
    return inner;
  }

  /** A message of many short texts: all its bytes are decoded in one go, a third of the work of one by one. */
  texts(): ProtoReader {
    const inner = this.message();
    if (this.#at - this.#from > mostText) return inner;
    const text = utf8.decode(this.#bytes.subarray(this.#from, this.#at));
    // As many characters as bytes: each byte stands for itself, or is broken wherever it stands.
    if (text.length !== this.#at - this.#from) return inner;
    inner.#text = text;
    inner.#textFrom = this.#from;
    return inner;
  }

  skip(): void {
    if (this.#wire === 0) this.#varint();
    else if (this.#wire === 2) this.#span();
    else if (this.#wire === 1) this.#advance(8);
    else if (this.#wire === 5) this.#advance(4);
    else throw new ProtoFault();
  }

  #span(): void {
    if (this.#wire !== 2) throw new ProtoFault();
    const length = this.#varint();
    this.#from = this.#at;
    this.#advance(length);
  }

  #advance(size: number): void {
    if (size > this.#end - this.#at) throw new ProtoFault();
    this.#at += size;
  }

  /** Numbers beyond 2^53 lose their last digits, and a negative one becomes a large one: no field here has such values. */
  #varint(): number {
    if (this.#at >= this.#end) throw new ProtoFault();
    const first = this.#bytes[this.#at] as number;
    if (first < 0x80) {
      this.#at++;
      return first;
    }
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

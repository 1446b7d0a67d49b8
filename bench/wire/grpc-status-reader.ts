const plainName = new TextEncoder().encode("grpc-status");
// The same name in the Huffman code of RFC 7541, appendix B.
const packedName = new Uint8Array([0x9a, 0xca, 0xc8, 0xb2, 0x12, 0x34, 0xda, 0x8f]);
const packedZero = 0x07;

/** How many codes of each bit length the Huffman code of RFC 7541 has; it is canonical, so lengths alone delimit symbols. */
export const codesOfLength = [
  0, 0, 0, 0, 0, 10, 26, 32, 6, 0, 5, 3, 2, 6, 2, 3, 0, 0, 0, 3, 8, 13, 26, 29, 12, 4, 15, 19, 29, 0, 4,
];

// Lengths of the names of the static table of RFC 7541, appendix A.
const staticNameSizes = [
  0, 10, 7, 7, 5, 5, 7, 7, 7, 7, 7, 7, 7, 7, 7, 14, 15, 15, 13, 6, 27, 3, 5, 13, 13, 19, 16, 16, 14, 16, 13, 12, 6, 4,
  4, 6, 7, 4, 4, 8, 17, 13, 8, 19, 13, 4, 8, 12, 18, 19, 5, 7, 7, 11, 6, 10, 25, 17, 10, 4, 3, 16,
];
const staticEntries = 61;

/** Symbols in a Huffman-coded text. */
const countPacked = (bytes: Uint8Array, from: number, size: number): number => {
  let symbols = 0;
  let code = 0;
  let first = 0;
  let length = 0;
  for (let at = from; at < from + size; at++) {
    for (let bit = 7; bit >= 0; bit--) {
      code = (code << 1) | (((bytes[at] as number) >> bit) & 1);
      first <<= 1;
      const codes = codesOfLength[++length] ?? 0;
      if (code - first < codes) {
        symbols++;
        code = first = length = 0;
      } else first += codes;
    }
  }
  return symbols;
};

const equals = (bytes: Uint8Array, from: number, size: number, wanted: Uint8Array): boolean => {
  if (size !== wanted.length) return false;
  for (let i = 0; i < size; i++) if (bytes[from + i] !== wanted[i]) return false;
  return true;
};

interface Entry {
  readonly nameSize: number;
  readonly size: number;
  readonly isStatus: boolean;
  /** The status when `isStatus`, else -1. */
  readonly status: number;
}

/**
 * Finds `grpc-status` in the header blocks of one connection. It follows the dynamic table by sizes alone, because some
 * peers use it although they were told that it has no room.
 */
export class GrpcStatusReader {
  readonly #table: Entry[] = [];
  #capacity = 4096;
  #used = 0;
  #bytes: Uint8Array = new Uint8Array(0);
  #at = 0;

  /** 0 for success, another number for a failure (99 when its digits are packed), -1 when the block has no status. */
  read(bytes: Uint8Array, start: number, end: number): number {
    this.#bytes = bytes;
    this.#at = start;
    let status = -1;
    while (this.#at < end) {
      const first = bytes[this.#at] as number;
      if (first & 0x80) {
        const index = this.#integer(7);
        if (index > staticEntries && this.#entry(index).isStatus) status = this.#entry(index).status;
      } else if ((first & 0xe0) === 0x20) {
        this.#capacity = this.#integer(5);
        this.#evict(0);
      } else {
        const entry = this.#literal((first & 0x40) !== 0);
        if (entry.isStatus) status = entry.status;
      }
    }
    return status;
  }

  #literal(indexed: boolean): Entry {
    const index = this.#integer(indexed ? 6 : 4);
    let isStatus = false;
    let nameSize = staticNameSizes[index] ?? 0;
    if (index > staticEntries) ({ isStatus, nameSize } = this.#entry(index));
    else if (index === 0) {
      const name = this.#text();
      isStatus = equals(this.#bytes, name.from, name.size, name.packed ? packedName : plainName);
      nameSize = name.plainSize();
    }
    const value = this.#text();
    const status = isStatus ? this.#status(value.from, value.size, value.packed) : -1;
    const size = indexed ? nameSize + value.plainSize() + 32 : 0;
    const entry = { nameSize, size, isStatus, status };
    if (indexed) {
      this.#evict(size);
      if (size <= this.#capacity) {
        this.#table.unshift(entry);
        this.#used += size;
      }
    }
    return entry;
  }

  #evict(room: number): void {
    while (this.#used + room > this.#capacity && this.#table.length > 0) this.#used -= this.#table.pop()?.size ?? 0;
  }

  #entry(index: number): Entry {
    const entry = this.#table[index - staticEntries - 1];
    if (entry === undefined) throw new Error(`Reading a header block failed: there is no table entry ${index}`);
    return entry;
  }

  #text() {
    const bytes = this.#bytes;
    const packed = ((bytes[this.#at] as number) & 0x80) !== 0;
    const size = this.#integer(7);
    const from = this.#at;
    this.#at += size;
    return { from, size, packed, plainSize: () => (packed ? countPacked(bytes, from, size) : size) };
  }

  #status(from: number, size: number, packed: boolean): number {
    if (packed) return size === 1 && this.#bytes[from] === packedZero ? 0 : 99;
    let status = 0;
    for (let at = from; at < from + size; at++) status = status * 10 + (this.#bytes[at] as number) - 48;
    return status;
  }

  #integer(prefixBits: number): number {
    const limit = (1 << prefixBits) - 1;
    let value = (this.#bytes[this.#at++] as number) & limit;
    if (value < limit) return value;
    for (let shift = 0; ; shift += 7) {
      const byte = this.#bytes[this.#at++] as number;
      value += (byte & 127) * 2 ** shift;
      if ((byte & 128) === 0) return value;
    }
  }
}

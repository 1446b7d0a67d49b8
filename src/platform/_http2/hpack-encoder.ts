import type { HeaderList } from "../types.ts";
import { staticTable } from "./hpack-static.ts";

const entryOverhead = 32;
const largestIndexed = 256;
const mostCapacity = 4096;

/** Headers whose values come again on a connection; all others are written out each time. */
const steady = new Set([
  ":authority",
  ":method",
  ":path",
  ":scheme",
  ":status",
  "accept",
  "accept-encoding",
  "content-type",
  "dapr-api-token",
  "dapr-app-id",
  "dapr-callee-app-id",
  "dapr-caller-app-id",
  "dapr-caller-namespace",
  "grpc-accept-encoding",
  "grpc-encoding",
  "grpc-status",
  "te",
  "user-agent",
]);
/** Headers that come with most calls and with a new value each time: one value is kept, so that the name need not be written again. */
const nameOnly = new Set(["grpc-timeout", "grpc-trace-bin", "traceparent"]);
const neverIndexed = new Set(["authorization", "cookie", "dapr-api-token", "set-cookie"]);
const ofConnection = new Set([
  "connection",
  "http2-settings",
  "keep-alive",
  "proxy-connection",
  "transfer-encoding",
  "upgrade",
]);
const token = /^:?[!#$%&'*+\-.^_`|~0-9a-z]+$/;
const forbidden = /[\0\r\n]|[^\0-\xff]/;

interface NameEntry {
  readonly name: string;
  /** Index of the name in the static table; 0 when it has none. */
  readonly index: number;
  readonly isSteady: boolean;
  readonly isNameOnly: boolean;
  readonly isSecret: boolean;
  /** Static index, or the negative count at which it entered the dynamic table. */
  readonly values: Map<string, number>;
}

interface Indexed {
  readonly entry: NameEntry;
  readonly value: string;
  readonly size: number;
}

/** Where blocks are written: grows to hold `bytes` more and answers the position. */
export interface BlockTarget {
  reserve(bytes: number): void;
  buffer: Buffer;
  length: number;
}

/** Writes header blocks of one direction of a connection (RFC 7541), without packing text: peers are near. */
export class HpackEncoder {
  readonly #names = new Map<string, NameEntry>();
  readonly #table: Indexed[] = [];
  #first = 0;
  #size = 0;
  #capacity = mostCapacity;
  #announce = false;

  constructor() {
    staticTable.forEach(([name, value], at) => {
      this.#entryOf(name, at + 1).values.set(value, at + 1);
    });
  }

  /** The peer's SETTINGS_HEADER_TABLE_SIZE. */
  limit(bytes: number): void {
    const capacity = Math.min(bytes, mostCapacity);
    if (capacity === this.#capacity) return;
    this.#capacity = capacity;
    this.#announce = true;
    this.#evict(0);
  }

  /**
   * Throws, and writes nothing of use, for headers that HTTP/2 forbids: a check comes before the first byte. `defaults` are pseudo
   * headers for those that the list lacks.
   */
  encode(headers: HeaderList, into: BlockTarget, defaults?: HeaderList): void {
    // Pseudo headers come first, whatever the order of the list.
    let hasLate = false;
    let seenPlain = false;
    for (const name in headers) {
      this.#check(name, headers[name] as string | readonly string[]);
      if (name.charCodeAt(0) !== 58) seenPlain = true;
      else if (seenPlain) hasLate = true;
    }
    if (this.#announce) {
      this.#announce = false;
      into.reserve(8);
      writeInteger(into, 0x20, 5, this.#capacity);
    }
    for (const name in defaults) {
      if (headers[name] !== undefined || (name === ":authority" && headers["host"] !== undefined)) continue;
      this.#write(name, defaults[name] as string, into);
    }
    if (!hasLate) this.#writeAll(headers, into, undefined);
    else {
      this.#writeAll(headers, into, true);
      this.#writeAll(headers, into, false);
    }
  }

  #writeAll(headers: HeaderList, into: BlockTarget, pseudo: boolean | undefined): void {
    for (const name in headers) {
      if (pseudo !== undefined && (name.charCodeAt(0) === 58) !== pseudo) continue;
      const value = headers[name] as string | readonly string[];
      if (typeof value === "string") this.#write(name, value, into);
      else for (const one of value) this.#write(name, one, into);
    }
  }

  #check(name: string, value: string | readonly string[]): void {
    const entry = this.#names.get(name);
    if (entry === undefined) {
      const lower = name.toLowerCase();
      if (!token.test(lower)) throw new TypeError(`header name "${name}" is no token`);
      if (ofConnection.has(lower)) throw new TypeError(`header "${name}" belongs to connections of HTTP/1.1`);
    }
    if (name === "te" && value !== "trailers") throw new TypeError(`header "te" may say "trailers" only`);
    if (typeof value === "string") {
      if (entry?.values.has(value) !== true && forbidden.test(value))
        throw new TypeError(`the value of header "${name}" contains a line break, NUL or what is not Latin-1`);
    } else for (const one of value) this.#check(name, one);
  }

  #entryOf(name: string, index = 0): NameEntry {
    const known = this.#names.get(name);
    if (known !== undefined) return known;
    const lower = name.toLowerCase();
    const entry: NameEntry =
      lower === name
        ? {
            name,
            index,
            isSteady: steady.has(name),
            isNameOnly: nameOnly.has(name),
            isSecret: neverIndexed.has(name),
            values: new Map(),
          }
        : this.#entryOf(lower);
    // Names that apps make up are not kept for ever.
    if (this.#names.size < 512) this.#names.set(name, entry);
    return entry;
  }

  #write(name: string, value: string, into: BlockTarget): void {
    const entry = this.#entryOf(name);
    const found = entry.values.get(value);
    into.reserve(entry.name.length + value.length * 2 + 24);
    if (found !== undefined) {
      writeInteger(into, 0x80, 7, this.#indexOf(found));
      return;
    }
    const size = entry.name.length + value.length + entryOverhead;
    const isWanted = entry.isSteady || (entry.isNameOnly && entry.values.size === 0);
    const keep = isWanted && value.length <= largestIndexed && size <= this.#capacity;
    const nameIndex = entry.index > 0 ? entry.index : this.#nameIndex(entry);
    if (keep) writeInteger(into, 0x40, 6, nameIndex);
    else writeInteger(into, entry.isSecret ? 0x10 : 0, 4, nameIndex);
    if (nameIndex === 0) writeText(into, entry.name);
    writeText(into, value);
    if (keep) this.#remember({ entry, value, size });
  }

  /** Of a value in `values`. */
  #indexOf(found: number): number {
    return found > 0 ? found : staticTable.length + this.#newest() + found + 1;
  }

  /** Of any value under a name that the static table does not have; 0 without one. */
  #nameIndex({ values }: NameEntry): number {
    if (values.size > 0) for (const found of values.values()) return this.#indexOf(found);
    return 0;
  }

  /** How many entries ever entered the table. */
  #newest(): number {
    return this.#dropped + this.#table.length;
  }
  #dropped = 0;

  #remember(one: Indexed): void {
    this.#evict(one.size);
    this.#table.push(one);
    this.#size += one.size;
    one.entry.values.set(one.value, -this.#newest());
  }

  #evict(room: number): void {
    while (this.#size + room > this.#capacity && this.#first < this.#table.length) {
      const old = this.#table[this.#first++] as Indexed;
      this.#size -= old.size;
      old.entry.values.delete(old.value);
    }
    if (this.#first < 64) return;
    this.#dropped += this.#first;
    this.#table.splice(0, this.#first);
    this.#first = 0;
  }
}

function writeInteger(into: BlockTarget, prefix: number, bits: number, value: number): void {
  const mask = (1 << bits) - 1;
  const { buffer } = into;
  if (value < mask) {
    buffer[into.length++] = prefix | value;
    return;
  }
  buffer[into.length++] = prefix | mask;
  let rest = value - mask;
  for (; rest > 0x7f; rest >>>= 7) buffer[into.length++] = (rest & 0x7f) | 0x80;
  buffer[into.length++] = rest;
}

function writeText(into: BlockTarget, text: string): void {
  writeInteger(into, 0, 7, text.length);
  const { buffer } = into;
  let at = into.length;
  if (text.length > 48) at += buffer.write(text, at, "latin1");
  else for (let i = 0; i < text.length; i++) buffer[at++] = text.charCodeAt(i);
  into.length = at;
}

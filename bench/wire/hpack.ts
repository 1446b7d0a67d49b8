const utf8 = new TextEncoder();
const plainName = utf8.encode("grpc-status");
// The same name in the Huffman code of RFC 7541, appendix B.
const packedName = new Uint8Array([0x9a, 0xca, 0xc8, 0xb2, 0x12, 0x34, 0xda, 0x8f]);
const packedZero = 0x07;

const encodeInteger = (prefixBits: number, first: number, value: number): number[] => {
  const limit = (1 << prefixBits) - 1;
  if (value < limit) return [first | value];
  const out = [first | limit];
  let rest = value - limit;
  for (; rest >= 128; rest = Math.floor(rest / 128)) out.push((rest & 127) | 128);
  out.push(rest);
  return out;
};

const encodeText = (text: string): number[] => {
  const bytes = utf8.encode(text);
  return [...encodeInteger(7, 0, bytes.length), ...bytes];
};

const staticNames: Record<string, number> = { ":authority": 1, ":path": 4, "content-type": 31, "user-agent": 58 };
const staticPairs: Record<string, number> = { ":method POST": 3, ":scheme http": 6, ":status 200": 8 };

/** A header block of static entries and literals that are never indexed. */
export const encodeHeaders = (headers: readonly (readonly [name: string, value: string])[]): Uint8Array => {
  const out: number[] = [];
  for (const [name, value] of headers) {
    const pair = staticPairs[`${name} ${value}`];
    if (pair !== undefined) out.push(0x80 | pair);
    else {
      out.push(...encodeInteger(4, 0, staticNames[name] ?? 0));
      if (staticNames[name] === undefined) out.push(...encodeText(name));
      out.push(...encodeText(value));
    }
  }
  return new Uint8Array(out);
};

/** Outcome of a header block: 0 is grpc-status 0, a positive number another status, -1 no status in it. */
export const scanGrpcStatus = (bytes: Uint8Array, start: number, end: number): number => {
  let at = start;
  const integer = (prefixBits: number): number => {
    const limit = (1 << prefixBits) - 1;
    let value = (bytes[at++] as number) & limit;
    if (value < limit) return value;
    for (let shift = 0; ; shift += 7) {
      const byte = bytes[at++] as number;
      value += (byte & 127) * 2 ** shift;
      if ((byte & 128) === 0) return value;
    }
  };
  const equals = (wanted: Uint8Array, from: number, size: number): boolean => {
    if (size !== wanted.length) return false;
    for (let i = 0; i < size; i++) if (bytes[from + i] !== wanted[i]) return false;
    return true;
  };
  let status = -1;
  while (at < end) {
    const first = bytes[at] as number;
    if (first & 0x80) {
      if (integer(7) > 61) throw new Error("Reading a header block failed: the peer uses a dynamic table of size 0");
      continue;
    }
    if ((first & 0xe0) === 0x20) {
      integer(5);
      continue;
    }
    const index = integer(first & 0x40 ? 6 : 4);
    if (index > 61) throw new Error("Reading a header block failed: the peer uses a dynamic table of size 0");
    let named = false;
    if (index === 0) {
      const packed = ((bytes[at] as number) & 0x80) !== 0;
      const size = integer(7);
      named = equals(packed ? packedName : plainName, at, size);
      at += size;
    }
    const packed = ((bytes[at] as number) & 0x80) !== 0;
    const size = integer(7);
    if (named)
      status = size === 1 && bytes[at] === (packed ? packedZero : 48) ? 0 : packed ? 99 : plainNumber(bytes, at, size);
    at += size;
  }
  return status;
};

const plainNumber = (bytes: Uint8Array, from: number, size: number): number => {
  let value = 0;
  for (let at = from; at < from + size; at++) value = value * 10 + (bytes[at] as number) - 48;
  return value;
};

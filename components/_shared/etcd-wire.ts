import { concatBytes, encodeUtf8 } from "../../src/kit/bytes.ts";

/** A field of a message: its number and a whole number, a text, bytes, or an inner message's bytes. Undefined is left out. */
export type WireField = readonly [number: number, value: number | bigint | string | Uint8Array | undefined];
/** A field as it was read; a varint beyond 2^53 is a bigint. */
export type ReadField = readonly [number: number, value: number | bigint | Uint8Array];

function varint(value: number | bigint): number[] {
  const bytes: number[] = [];
  let rest = BigInt.asUintN(64, BigInt(value));
  while (rest > 127n) {
    bytes.push(Number(rest & 127n) | 128);
    rest >>= 7n;
  }
  bytes.push(Number(rest));
  return bytes;
}

/** A protobuf message of the given fields, in their order. */
export function encodeMessage(fields: readonly WireField[]): Uint8Array<ArrayBuffer> {
  const parts: Uint8Array[] = [];
  for (const [number, value] of fields) {
    if (value === undefined) continue;
    if (typeof value === "number" || typeof value === "bigint") {
      parts.push(Uint8Array.from([...varint(number << 3), ...varint(value)]));
      continue;
    }
    const bytes = typeof value === "string" ? encodeUtf8(value) : value;
    parts.push(Uint8Array.from([...varint((number << 3) | 2), ...varint(bytes.length)]), bytes);
  }
  return concatBytes(parts);
}

/** The fields of a protobuf message in their order; fixed-width ones are skipped. Throws an Error for broken bytes. */
export function decodeMessage(bytes: Uint8Array): ReadField[] {
  const fields: ReadField[] = [];
  let at = 0;
  const readVarint = (): number | bigint => {
    let low = 0;
    let big = 0n;
    for (let index = 0; index < 10; index++) {
      const byte = bytes[at++];
      if (byte === undefined) throw new Error("proto: unexpected end of a message");
      if (index < 7) low += (byte & 127) * 2 ** (7 * index);
      else big |= BigInt(byte & 127) << BigInt(7 * index);
      if (byte < 128) {
        if (big === 0n) return low;
        const value = BigInt.asIntN(64, big + BigInt(low));
        return value >= 0n && value <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(value) : value;
      }
    }
    throw new Error("proto: a number is too long");
  };
  const skip = (length: number): Uint8Array => {
    if (!(length >= 0 && at + length <= bytes.length)) throw new Error("proto: unexpected end of a message");
    at += length;
    return bytes.subarray(at - length, at);
  };
  while (at < bytes.length) {
    const tag = Number(readVarint());
    const number = Math.floor(tag / 8);
    switch (tag % 8) {
      case 0:
        fields.push([number, readVarint()]);
        break;
      case 1:
        skip(8);
        break;
      case 2:
        fields.push([number, skip(Number(readVarint()))]);
        break;
      case 5:
        skip(4);
        break;
      default:
        throw new Error(`proto: cannot read a field of kind ${tag % 8}`);
    }
  }
  return fields;
}

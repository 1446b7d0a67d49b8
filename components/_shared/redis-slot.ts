import { encodeUtf8 } from "../../src/kit/bytes.ts";

/** CRC-16 of XMODEM: polynomial 0x1021, starts at 0. */
function crc16(bytes: Uint8Array): number {
  let crc = 0;
  for (const byte of bytes) {
    crc ^= byte << 8;
    for (let bit = 0; bit < 8; bit++) crc = crc & 0x8000 ? ((crc << 1) ^ 0x1021) & 0xffff : (crc << 1) & 0xffff;
  }
  return crc;
}

/** The hash slot (0 to 16383) of a key in a Redis Cluster; text in the first pair of braces alone decides, if there is some. */
export function redisSlot(key: string): number {
  const open = key.indexOf("{");
  const close = open < 0 ? -1 : key.indexOf("}", open + 1);
  const part = close > open + 1 ? key.slice(open + 1, close) : key;
  return crc16(encodeUtf8(part)) & 16_383;
}

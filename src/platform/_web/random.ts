import type { Random } from "../../kit/random.ts";

/** The largest request `getRandomValues` serves in one call. */
const largestDraw = 65_536;

/** Randomness from Web Crypto; `fraction` is not for secrets. */
export function createSystemRandom(): Random {
  return {
    bytes(length) {
      const bytes = new Uint8Array(length);
      for (let at = 0; at < length; at += largestDraw) crypto.getRandomValues(bytes.subarray(at, at + largestDraw));
      return bytes;
    },
    uuid: () => crypto.randomUUID(),
    fraction: () => Math.random(),
  };
}

/** Kinds of frames (RFC 6455, 5.2). */
export const opcodes = Object.freeze({ continuation: 0, text: 1, binary: 2, close: 8, ping: 9, pong: 10 });

/** The most that a control frame carries. */
export const controlBytes = 125;

/** One whole frame. `mask` is four random bytes where a client sends it, absent where a server does. */
export function encodeFrame(opcode: number, payload: Uint8Array, mask?: Uint8Array): Uint8Array {
  const { length } = payload;
  const lengthBytes = length < 126 ? 0 : length < 65_536 ? 2 : 8;
  const start = 2 + lengthBytes + (mask === undefined ? 0 : 4);
  const frame = new Uint8Array(start + length);
  frame[0] = 0x80 | opcode;
  const marked = mask === undefined ? 0 : 0x80;
  if (lengthBytes === 0) frame[1] = marked | length;
  else {
    frame[1] = marked | (lengthBytes === 2 ? 126 : 127);
    const view = new DataView(frame.buffer);
    if (lengthBytes === 2) view.setUint16(2, length);
    else view.setBigUint64(2, BigInt(length));
  }
  frame.set(payload, start);
  if (mask !== undefined) {
    frame.set(mask, start - 4);
    applyMask(frame.subarray(start), mask, 0);
  }
  return frame;
}

/** Masks or unmasks bytes in place; `from` is how many bytes of the same payload went before. */
export function applyMask(bytes: Uint8Array, mask: Uint8Array, from: number): void {
  const [a = 0, b = 0, c = 0, d = 0] = [0, 1, 2, 3].map((at) => mask[(from + at) & 3]);
  let at = 0;
  for (; at + 4 <= bytes.length; at += 4) {
    bytes[at] = (bytes[at] as number) ^ a;
    bytes[at + 1] = (bytes[at + 1] as number) ^ b;
    bytes[at + 2] = (bytes[at + 2] as number) ^ c;
    bytes[at + 3] = (bytes[at + 3] as number) ^ d;
  }
  for (; at < bytes.length; at++) bytes[at] = (bytes[at] as number) ^ (mask[(from + at) & 3] as number);
}

/** The payload of a close frame: nothing for 1005 (no code), else the code and as much of the reason as fits. */
export function closePayload(code: number, reason: string): Uint8Array {
  if (code === 1005) return new Uint8Array(0);
  const payload = new Uint8Array(controlBytes);
  new DataView(payload.buffer).setUint16(0, code);
  const { written } = new TextEncoder().encodeInto(reason, payload.subarray(2));
  return payload.subarray(0, 2 + written);
}

/** True for close codes that may be sent (RFC 6455, 7.4, and its registry). */
export function isCloseCode(code: number): boolean {
  if (code >= 3000) return code < 5000;
  return code >= 1000 && code <= 1014 && code !== 1004 && code !== 1005 && code !== 1006;
}

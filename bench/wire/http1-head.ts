const lengthName = new TextEncoder().encode("content-length:");
const codingName = new TextEncoder().encode("transfer-encoding:");

/** Where the body begins and how it is framed: `length` is -1 for chunked and -2 when the head names no framing. */
export interface Http1Head {
  end: number;
  length: number;
}

const startsWith = (bytes: Uint8Array, at: number, name: Uint8Array): boolean => {
  for (let i = 0; i < name.length; i++) if (((bytes[at + i] as number) | 0x20) !== name[i]) return false;
  return true;
};

const readNumber = (bytes: Uint8Array, from: number): number => {
  let at = from;
  while (bytes[at] === 32) at++;
  let value = 0;
  for (let digit = (bytes[at] as number) - 48; digit >= 0 && digit <= 9; digit = (bytes[++at] as number) - 48) {
    value = value * 10 + digit;
  }
  return value;
};

/** Finds the end and the framing of a message head; false when the blank line has not arrived. Fills `head`. */
export const scanHead = (bytes: Uint8Array, start: number, end: number, head: Http1Head): boolean => {
  head.length = -2;
  let line = start;
  for (let at = start; at < end; at++) {
    if (bytes[at] !== 10) continue;
    const size = at - line;
    if (size <= 1) {
      head.end = at + 1;
      return true;
    }
    const first = (bytes[line] as number) | 0x20;
    if (first === 0x63 && size > 16 && startsWith(bytes, line, lengthName)) head.length = readNumber(bytes, line + 15);
    else if (first === 0x74 && size > 18 && startsWith(bytes, line, codingName)) head.length = -1;
    line = at + 1;
  }
  return false;
};

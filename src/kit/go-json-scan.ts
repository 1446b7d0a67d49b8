const maxDepth = 10_000;
const tab = 0x09;
const newline = 0x0a;
const carriageReturn = 0x0d;
const space = 0x20;
const quote = 0x22;
const comma = 0x2c;
const minus = 0x2d;
const dot = 0x2e;
const zero = 0x30;
const nine = 0x39;
const colon = 0x3a;
const openBracket = 0x5b;
const backslash = 0x5c;
const closeBracket = 0x5d;
const openBrace = 0x7b;
const closeBrace = 0x7d;

/** Where and why scanning stopped; never leaves this file. */
class Stop extends Error {}

/**
 * Looks at a JSON text byte by byte, as slowly as it takes. Answers the length of the first value (with the space
 * before it) when that is sound, or the message with which Go's decoder refuses the text. With `whole` nothing but space
 * may follow, and the wording is that of Go's Unmarshal.
 */
export function explainGoJson(bytes: Uint8Array, whole = false): number | string {
  const scan = new Scan(bytes);
  try {
    const length = scan.first();
    if (whole) scan.end();
    return length;
  } catch (error) {
    if (error instanceof Stop) {
      return whole && error.message.endsWith("EOF") ? "unexpected end of JSON input" : error.message;
    }
    throw error;
  }
}

class Scan {
  readonly #bytes: Uint8Array;
  #at = 0;
  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  first(): number {
    this.#skipSpace();
    if (this.#at >= this.#bytes.length) throw new Stop("EOF");
    this.#value();
    return this.#at;
  }

  end(): void {
    this.#skipSpace();
    const byte = this.#bytes[this.#at];
    if (byte !== undefined) this.#fail(byte, "after top-level value");
  }

  /** One value; containers are kept on a list, so that depth costs no call stack. */
  #value(): void {
    const open: number[] = [];
    for (;;) {
      const byte = this.#peek();
      if (byte === openBrace || byte === openBracket) {
        this.#at++;
        if (open.push(byte) > maxDepth) throw new Stop("exceeded max depth");
        if (!this.#startsEmpty(byte)) continue;
        open.pop();
      } else this.#scalar(byte);
      if (this.#closeFinished(open)) return;
    }
  }

  /** True when the container that just opened is empty and now closed; an object's first key is read otherwise. */
  #startsEmpty(opened: number): boolean {
    const byte = this.#peek();
    if (opened === openBracket) {
      if (byte !== closeBracket) return false;
      this.#at++;
      return true;
    }
    if (byte === closeBrace) {
      this.#at++;
      return true;
    }
    this.#key();
    return false;
  }

  /** After a value: goes on to the next element, or closes containers; true when none is open any more. */
  #closeFinished(open: number[]): boolean {
    for (;;) {
      const container = open.at(-1);
      if (container === undefined) return true;
      const byte = this.#peek();
      const inObject = container === openBrace;
      this.#at++;
      if (byte === comma) {
        if (inObject) this.#key();
        return false;
      }
      if (byte !== (inObject ? closeBrace : closeBracket)) {
        this.#fail(byte, inObject ? "after object key:value pair" : "after array element");
      }
      open.pop();
    }
  }

  #key(): void {
    const byte = this.#peek();
    if (byte !== quote) this.#fail(byte, "looking for beginning of object key string");
    this.#string();
    const next = this.#peek();
    if (next !== colon) this.#fail(next, "after object key");
    this.#at++;
  }

  #scalar(byte: number): void {
    if (byte === quote) this.#string();
    else if (byte === minus || isDigit(byte)) this.#number();
    else if (byte === 0x74) this.#literal("true");
    else if (byte === 0x66) this.#literal("false");
    else if (byte === 0x6e) this.#literal("null");
    else this.#fail(byte, "looking for beginning of value");
  }

  #literal(word: string): void {
    for (let index = 0; index < word.length; index++) {
      const byte = this.#now();
      const expected = word.charAt(index);
      if (byte !== expected.charCodeAt(0)) this.#fail(byte, `in literal ${word} (expecting '${expected}')`);
      this.#at++;
    }
  }

  #string(): void {
    this.#at++;
    for (;;) {
      const byte = this.#now();
      this.#at++;
      if (byte === quote) return;
      if (byte < space) this.#fail(byte, "in string literal");
      if (byte === backslash) this.#escape();
    }
  }

  #escape(): void {
    const byte = this.#now();
    this.#at++;
    if ('bfnrt\\/"'.includes(String.fromCharCode(byte))) return;
    if (byte !== 0x75) this.#fail(byte, "in string escape code");
    for (let count = 0; count < 4; count++) {
      const digit = this.#now();
      if (!/[0-9a-fA-F]/.test(String.fromCharCode(digit))) this.#fail(digit, "in \\u hexadecimal character escape");
      this.#at++;
    }
  }

  #number(): void {
    if (this.#bytes[this.#at] === minus) {
      this.#at++;
      if (!isDigit(this.#now())) this.#fail(this.#now(), "in numeric literal");
    }
    if (this.#bytes[this.#at] === zero) this.#at++;
    else this.#digits();
    if (this.#bytes[this.#at] === dot) {
      this.#at++;
      if (!isDigit(this.#now())) this.#fail(this.#now(), "after decimal point in numeric literal");
      this.#digits();
    }
    const exponent = this.#bytes[this.#at];
    if (exponent !== 0x65 && exponent !== 0x45) return;
    this.#at++;
    const sign = this.#now();
    if (sign === minus || sign === 0x2b) this.#at++;
    if (!isDigit(this.#now())) this.#fail(this.#now(), "in exponent of numeric literal");
    this.#digits();
  }

  #digits(): void {
    while (isDigit(this.#bytes[this.#at] ?? 0)) this.#at++;
  }

  #skipSpace(): void {
    for (;;) {
      const byte = this.#bytes[this.#at];
      if (byte !== space && byte !== tab && byte !== newline && byte !== carriageReturn) return;
      this.#at++;
    }
  }

  /** The next byte that is no space. */
  #peek(): number {
    this.#skipSpace();
    return this.#now();
  }

  #now(): number {
    const byte = this.#bytes[this.#at];
    if (byte === undefined) throw new Stop("unexpected EOF");
    return byte;
  }

  #fail(byte: number, where: string): never {
    throw new Stop(`invalid character ${quoted(byte)} ${where}`);
  }
}

function isDigit(byte: number): boolean {
  return byte >= zero && byte <= nine;
}

const named: Readonly<Record<number, string>> = {
  7: "\\a",
  8: "\\b",
  9: "\\t",
  10: "\\n",
  11: "\\v",
  12: "\\f",
  13: "\\r",
  39: "\\'",
  92: "\\\\",
};

/** A byte in single quotes as Go prints it in these messages: a byte is taken for a Latin-1 character. */
function quoted(byte: number): string {
  const short = named[byte];
  if (short !== undefined) return `'${short}'`;
  if (byte < space || byte === 0x7f) return `'\\x${byte.toString(16).padStart(2, "0")}'`;
  if ((byte >= 0x80 && byte <= 0xa0) || byte === 0xad) return `'\\u00${byte.toString(16)}'`;
  return `'${String.fromCharCode(byte)}'`;
}

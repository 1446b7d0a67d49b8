import { decodeUtf8 } from "../../kit/bytes.ts";
import { decodeGoJson, encodeGoJson } from "../../kit/go-json.ts";
import { explainGoJson } from "../../kit/go-json-scan.ts";

/** Numbers that a double may print in another way than they were written: long ones, exponents, a last zero after the point, minus zero, small fractions. */
const risky = /[\d.]{16}|\d[eE]|\.\d*0(?!\d)|-0(?![.\d])|0\.0{6}/;
const stringOrNumber = /"(?:[^"\\]|\\.)*"|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/g;

/** A control character that the text does not escape, so that it can mark numbers. */
function freeMark(text: string): string | undefined {
  for (let code = 1; code < 32; code++) {
    const sign = `\\u${code.toString(16).padStart(4, "0")}`;
    if (JSON.stringify(String.fromCharCode(code)) === `"${sign}"` && !text.toLowerCase().includes(sign)) return sign;
  }
  return undefined;
}

/** A JSON value whose numbers print as they were written. */
export interface ExactJson {
  /** The decoded value; numbers are texts with a mark where doubles would not do. */
  readonly value: unknown;
  /** JSON text of the value or a part of it: keys sorted, Go's escapes, numbers exact. */
  write(part: unknown): string;
}

/**
 * Decodes the first JSON value of a text and keeps its numbers exact. Throws GoJsonError in the words of Go's decoder.
 */
export function decodeExactJson(bytes: Uint8Array): ExactJson {
  let text = decodeUtf8(bytes);
  let plain: unknown;
  try {
    plain = JSON.parse(text);
  } catch {
    // It has its own words for what is wrong, and takes what stands in front of a tail.
    plain = decodeGoJson(bytes);
  }
  const mark = risky.test(text) ? freeMark(text) : undefined;
  if (mark === undefined) return { value: plain, write: (part) => encodeGoJson(part, { sortKeys: true }) };
  const marked = (from: string): unknown =>
    JSON.parse(from.replace(stringOrNumber, (found) => (found.startsWith('"') ? found : `"${mark}${found}"`)));
  let value: unknown;
  try {
    value = marked(text);
  } catch {
    // Something stands behind the value.
    const length = explainGoJson(bytes);
    if (typeof length === "number") text = decodeUtf8(bytes.subarray(0, length));
    value = marked(text);
  }
  const numbers = new RegExp(`"\\${mark}([^"]*)"`, "g");
  return { value, write: (part) => encodeGoJson(part, { sortKeys: true }).replace(numbers, "$1") };
}

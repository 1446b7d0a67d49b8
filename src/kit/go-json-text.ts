import { decodeUtf8 } from "./bytes.ts";
import { GoJsonError } from "./go-json.ts";
import { explainGoJson } from "./go-json-scan.ts";
import { goQuote } from "./go-quote.ts";

function quotedByte(byte: number): string {
  const character = String.fromCharCode(byte);
  if (character === '"') return `'"'`;
  return character === "'" ? "'\\''" : `'${goQuote(character).slice(1, -1)}'`;
}

function refusal(bytes: Uint8Array): GoJsonError {
  const found = explainGoJson(bytes);
  if (typeof found === "string") return new GoJsonError(found.endsWith("EOF") ? "unexpected end of JSON input" : found);
  const stray = bytes.subarray(found).find((byte) => !" \t\r\n".includes(String.fromCharCode(byte)));
  if (stray === undefined) return new GoJsonError("exceeded max depth");
  return new GoJsonError(`invalid character ${quotedByte(stray)} after top-level value`);
}

/**
 * Decodes bytes that are one JSON value and nothing else, as Go's Unmarshal does. Throws GoJsonError with its wording
 * (`unexpected end of JSON input`, `invalid character 'x' after top-level value`, …).
 */
export function decodeGoJsonText(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(decodeUtf8(bytes)) as unknown;
  } catch {
    throw refusal(bytes);
  }
}

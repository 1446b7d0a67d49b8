import { explainGoJson } from "./go-json-scan.ts";

/** Options of `encodeGoJson`. */
export interface GoJsonOptions {
  /** Keys of every object in order, as Go writes its maps. */
  readonly sortKeys?: boolean;
  /** False leaves `<`, `>` and `&` as they are. */
  readonly escapeHtml?: boolean;
}

const escapes: Readonly<Record<string, string>> = {
  "<": "\\u003c",
  ">": "\\u003e",
  "&": "\\u0026",
  "\u2028": "\\u2028",
  "\u2029": "\\u2029",
};
const hasHtml = /[<>&\u2028\u2029]/;
const hasLines = /[\u2028\u2029]/;
/** An escape of JSON.stringify; a lone surrogate among them becomes U+FFFD, as which Go's decoder has read it. */
const anyEscape = /\\(?:u[dD][89a-fA-F][0-9a-fA-F]{2}|.)/g;

/**
 * JSON text as Go's encoding/json writes it, without a newline at the end. Undefined members are left out. With
 * `sortKeys` a number beyond a double and nesting without end throw GoJsonError, as Go's decoder would have done.
 */
export function encodeGoJson(value: unknown, options?: GoJsonOptions): string {
  const text = options?.sortKeys === true ? writeInOrder(value) : JSON.stringify(value);
  return escapeGoJson(text ?? "null", options?.escapeHtml ?? true);
}

/** Applies Go's escapes to finished JSON text, as Go does to raw messages that it embeds. */
export function escapeGoJson(text: string, html = true): string {
  let result = text;
  if (result.includes("\\ud")) result = result.replace(anyEscape, (found) => (found.length > 2 ? "\ufffd" : found));
  if (!(html ? hasHtml : hasLines).test(result)) return result;
  return result.replace(html ? /[<>&\u2028\u2029]/g : /[\u2028\u2029]/g, (found) => escapes[found] ?? found);
}

/** The text of a value with sorted keys: by the native writer where an object can hold its keys in that order. */
function writeInOrder(value: unknown): string | undefined {
  try {
    const ordered = inOrder(value);
    return ordered === unordered ? writeSorted(value) : JSON.stringify(ordered);
  } catch (cause) {
    // portable: how deep the stack goes differs; Go stops at 10,000 levels, which none of these texts has in earnest
    throw cause instanceof RangeError ? new GoJsonError("exceeded max depth") : cause;
  }
}

const unordered = Symbol("unordered");

/** The value itself or a copy with sorted keys; `unordered` where only a text can show it as Go would write it. */
function inOrder(value: unknown): unknown {
  if (typeof value === "number") return Number.isFinite(value) && !Object.is(value, -0) ? value : unordered;
  if (typeof value !== "object" || value === null) return value;
  if (Array.isArray(value)) {
    let copy: unknown[] | undefined;
    for (let index = 0; index < value.length; index++) {
      const item = inOrder(value[index]);
      if (item === unordered) return unordered;
      if (item !== value[index]) (copy ??= value.slice())[index] = item;
    }
    return copy ?? value;
  }
  return objectInOrder(value as Record<string, unknown>);
}

function objectInOrder(from: Record<string, unknown>): unknown {
  const keys = Object.keys(from);
  let isSorted = true;
  for (let index = 0; index < keys.length; index++) {
    const key = keys[index]!;
    if (oddKey.test(key)) return unordered;
    if (index > 0 && key < keys[index - 1]!) isSorted = false;
  }
  let copy: Record<string, unknown> | undefined = isSorted ? undefined : {};
  for (const key of isSorted ? keys : keys.sort()) {
    const member = inOrder(from[key]);
    if (member === unordered) return unordered;
    if (member !== from[key]) copy ??= { ...from };
    if (copy !== undefined) copy[key] = member;
  }
  return copy ?? from;
}

/** Keys that objects put first, that mean their prototype, or that sort otherwise in UTF-16. */
const oddKey = /^\d|^__proto__$|[\ud800-\udfff]/;

function writeSorted(value: unknown): string | undefined {
  if (typeof value === "number") return writeNumber(value);
  if (typeof value !== "object" || value === null) return JSON.stringify(value);
  let text = "";
  if (Array.isArray(value)) {
    for (const item of value) text += `${text === "" ? "" : ","}${writeSorted(item) ?? "null"}`;
    return `[${text}]`;
  }
  for (const key of sortedKeys(value)) {
    const member = writeSorted((value as Record<string, unknown>)[key]);
    if (member !== undefined) text += `${text === "" ? "" : ","}${JSON.stringify(key)}:${member}`;
  }
  return `{${text}}`;
}

function writeNumber(value: number): string {
  if (!Number.isFinite(value)) throw new GoJsonError("json: cannot unmarshal number into Go value of type float64");
  return Object.is(value, -0) ? "-0" : String(value);
}

const surrogate = /[\ud800-\udfff]/;

/** Keys in the order of their UTF-8 bytes, which is that of code points and not always that of UTF-16 units. */
function sortedKeys(value: object): string[] {
  const keys = Object.keys(value).sort();
  return keys.some((key) => surrogate.test(key)) ? keys.sort(compareCodePoints) : keys;
}

function compareCodePoints(left: string, right: string): number {
  const length = Math.min(left.length, right.length);
  for (let index = 0; index < length; index++) {
    if (left[index] === right[index]) continue;
    const isPair = [left, right].map((text) => surrogate.test(text[index]!));
    if (isPair[0] !== isPair[1]) return isPair[0] ? 1 : -1;
    return left[index]! < right[index]! ? -1 : 1;
  }
  return left.length - right.length;
}

/** A JSON text that Go's decoder refuses, or a value of the wrong kind, with Go's wording as the message. */
export class GoJsonError extends Error {
  constructor(message: string) {
    super(message);
    this.name = "GoJsonError";
  }
}

const utf8 = new TextDecoder("utf-8", { ignoreBOM: true });

/**
 * Decodes the first JSON value of a body as a Go decoder does: text after it is ignored.
 * Throws GoJsonError with Go's wording (`EOF`, `unexpected EOF`, `invalid character 'x' …`).
 */
export function decodeGoJson(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(utf8.decode(bytes)) as unknown;
  } catch {
    const found = explainGoJson(bytes);
    if (typeof found === "string") throw new GoJsonError(found);
    return JSON.parse(utf8.decode(bytes.subarray(0, found))) as unknown;
  }
}

/**
 * Decodes a whole JSON text as Go's Unmarshal does: anything but space after the value is an error, and a text that ends
 * early reads `unexpected end of JSON input`. Throws GoJsonError.
 */
export function decodeGoJsonText(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(utf8.decode(bytes)) as unknown;
  } catch {
    const found = explainGoJson(bytes, true);
    throw new GoJsonError(typeof found === "string" ? found : "unexpected end of JSON input");
  }
}

/** Go's name of the kind of a decoded value, as its type errors use it. */
export function goKind(value: unknown): "array" | "bool" | "null" | "number" | "object" | "string" {
  if (value === null || value === undefined) return "null";
  if (Array.isArray(value)) return "array";
  if (typeof value === "boolean") return "bool";
  if (typeof value === "number") return "number";
  return typeof value === "string" ? "string" : "object";
}

/**
 * The error of a value that does not fit a Go type, for example of `type` `string`.
 * `field` names the struct field (`SetRequest.metadata`); without it the value itself was expected to be of the type.
 */
export function goTypeError(value: unknown, type: string, field?: string): GoJsonError {
  const into = field === undefined ? "Go value" : `Go struct field ${field}`;
  return new GoJsonError(`json: cannot unmarshal ${goKind(value)} into ${into} of type ${type}`);
}

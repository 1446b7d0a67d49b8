import * as v from "valibot";
import { parseDuration } from "../kit/duration.ts";
import { dynamicText } from "./yaml/scalar.ts";

const separator = "; ";
/** A file that is no YAML at all may be one long text. */
const mostShown = 60;

function kindOf(value: unknown): string {
  if (value === null || value === undefined) return "nothing";
  if (Array.isArray(value)) return "a list";
  if (typeof value === "object") return "a block of fields";
  if (typeof value === "string") {
    const shown = value.length > mostShown ? `${value.slice(0, mostShown)}…` : value;
    return `the text ${JSON.stringify(shown)}`;
  }
  if (typeof value === "boolean") return String(value);
  return `the number ${value}`;
}

/** The message of a wrong value, with the fix behind it. */
export function fault(what: string, fix: string): (issue: { readonly input: unknown }) => string {
  return (issue) => `must be ${what}, not ${kindOf(issue.input)}${separator}${fix}`;
}

/** Parts the message and the fix of a fault. */
export function splitFault(text: string): { readonly message: string; readonly fix: string } {
  const at = text.indexOf(separator);
  return at < 0 ? { message: text, fix: "" } : { message: text.slice(0, at), fix: text.slice(at + separator.length) };
}

const isScalar = (value: unknown): value is string | number | bigint | boolean =>
  ["string", "number", "bigint", "boolean"].includes(typeof value);
const isBool = (value: unknown): value is boolean => typeof value === "boolean";
const isInteger = (value: unknown): value is number => Number.isInteger(value);

function duration(text: string): number | undefined {
  try {
    return parseDuration(text);
  } catch {
    return undefined;
  }
}

const textSchema = v.pipe(
  v.custom<string | number | bigint | boolean>(isScalar, fault("text", "write it in quotes")),
  v.transform(String),
);
// compat: the YAML 1.2 reader of configuration files still takes these words where a flag is wanted.
const flagWords: Readonly<Record<string, boolean>> = { y: true, yes: true, on: true, n: false, no: false, off: false };
const flagSchema = v.pipe(
  v.custom<boolean | string>(
    (value) => isBool(value) || (typeof value === "string" && Object.hasOwn(flagWords, value.toLowerCase())),
    fault("true or false", "write true or false without quotes"),
  ),
  v.transform((value) => (typeof value === "string" ? (flagWords[value.toLowerCase()] ?? false) : value)),
);
const integerSchema = v.custom<number>(isInteger, fault("a whole number", "write it without quotes"));
const durationSchema = v.pipe(
  v.custom<string>(
    (value) => typeof value === "string" && (value === "" || duration(value) !== undefined),
    fault("a duration", "write for example 20s, 1m30s or 500ms"),
  ),
  v.transform((text) => (text === "" ? undefined : duration(text))),
);

// The most frequent fields are one schema each: they are immutable, and a start builds hundreds of fields.
const emptyText = v.optional(textSchema, "");
const noText = v.optional(textSchema);
const falseFlag = v.optional(flagSchema, false);
const noFlag = v.optional(flagSchema);
const zero = v.optional(integerSchema, 0);
const anything = v.optional(v.unknown());

/** The fields that resource schemas are made of. Each is optional; an absent one gets the fallback. */
export const field = Object.freeze({
  text: (fallback = "") => (fallback === "" ? emptyText : v.optional(textSchema, fallback)),
  maybeText: () => noText,
  flag: (fallback = false) => (fallback ? v.optional(flagSchema, fallback) : falseFlag),
  maybeFlag: () => noFlag,
  integer: (fallback = 0) => (fallback === 0 ? zero : v.optional(integerSchema, fallback)),
  maybeInteger: () => v.optional(integerSchema),
  /** Go duration; milliseconds. */
  maybeDuration: () => v.optional(durationSchema),
  texts: () => list(field.text()),
  /** Any JSON value as the text that components get; undefined when there is none. */
  dynamic: () => v.optional(v.pipe(v.unknown(), v.transform(dynamicText))),
  /** Any JSON value, kept as it is. */
  free: () => anything,
  textMap: () => mapOf(field.text()),
});

/** A list of the given items; absent is empty. */
export function list<S extends v.GenericSchema>(item: S) {
  return v.optional(v.array(item, fault("a list", "begin each entry with a dash")), []);
}

/** Fields by free names; absent is empty. */
export function mapOf<S extends v.GenericSchema>(value: S) {
  return v.optional(v.record(v.string(), value, fault("a block of fields", "indent the fields below it")), {});
}

/** A block of known fields; absent counts as an empty one. */
export function block<E extends v.ObjectEntries>(entries: E) {
  return v.optional(v.object(entries, fault("a block of fields", "indent the fields below it")), {} as never);
}

/** A block of known fields that may be absent. */
export function maybeBlock<E extends v.ObjectEntries>(entries: E) {
  return v.optional(v.object(entries, fault("a block of fields", "indent the fields below it")));
}

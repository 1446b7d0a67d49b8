/**
 * Which rules plain words follow: `resource` files are YAML 1.1 (`yes` is true), `configuration` files 1.2; `text` leaves every word as it
 * is written, for schemas that read numbers and flags from text.
 */
export type Dialect = "resource" | "configuration" | "text";

export type Scalar = string | number | bigint | boolean | null;

const nulls = new Set(["", "~", "null", "Null", "NULL"]);
const truths: Record<string, boolean> = {
  true: true,
  True: true,
  TRUE: true,
  false: false,
  False: false,
  FALSE: false,
};
const oldTruths: Record<string, boolean> = Object.fromEntries([
  ...["y", "Y", "yes", "Yes", "YES", "on", "On", "ON"].map((word) => [word, true]),
  ...["n", "N", "no", "No", "NO", "off", "Off", "OFF"].map((word) => [word, false]),
]);
const integer = /^([+-]?)(0[xX][0-9a-fA-F]+|0[bB][01]+|0[oO]?[0-7]+|0|[1-9]\d*)$/;
const float = /^[-+]?(\.\d+|\d+(\.\d*)?)([eE][-+]?\d+)?$/;

/** What a plain (unquoted) YAML word stands for. compat: the two Go YAML libraries that upstream reads its files with. */
export function resolvePlain(text: string, dialect: Dialect): Scalar {
  if (nulls.has(text)) return null;
  if (dialect === "text") return text;
  if (Object.hasOwn(truths, text)) return truths[text] ?? null;
  if (dialect === "resource" && Object.hasOwn(oldTruths, text)) return oldTruths[text] ?? null;
  const digits = text.replaceAll("_", "");
  if (!/^[-+.\d]/.test(text)) return text;
  const match = integer.exec(digits);
  if (match) {
    const [, sign, body = "0"] = match;
    const value = BigInt(/^0\d/.test(body) ? `0o${body.slice(1)}` : body) * (sign === "-" ? -1n : 1n);
    if (value > 0xffff_ffff_ffff_ffffn || value < -0x8000_0000_0000_0000n) return Number(value);
    return value <= BigInt(Number.MAX_SAFE_INTEGER) && value >= BigInt(Number.MIN_SAFE_INTEGER) ? Number(value) : value;
  }
  if (float.test(text.startsWith(".") ? text : digits)) {
    const value = Number(digits);
    return Number.isFinite(value) ? value : text;
  }
  return text;
}

function toJson(value: unknown): string {
  if (typeof value === "bigint") return value.toString();
  if (Array.isArray(value)) return `[${value.map(toJson).join(",")}]`;
  if (typeof value === "object" && value !== null) {
    const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
    return `{${entries.map(([key, inner]) => `${JSON.stringify(key)}:${toJson(inner)}`).join(",")}}`;
  }
  return JSON.stringify(value) ?? "null";
}

/** A dynamic value as the text that components get: text as it is, all else as JSON. compat: pkg/apis/common/namevalue.go */
export function dynamicText(value: unknown): string {
  return typeof value === "string" ? value : toJson(value);
}

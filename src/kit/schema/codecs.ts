import { parseDurationOrSeconds } from "../duration.ts";
import { parseQuantity } from "../quantity.ts";
import { isTruthy } from "../truthy.ts";
import type { Field, FieldKind } from "./metadata.ts";

interface Definition {
  readonly kind: FieldKind;
  readonly isRequired: boolean;
  readonly missing: string | undefined;
  readonly fallback: unknown;
  readonly aliases: readonly string[];
  readonly text: string;
  readonly choices: readonly string[];
  readonly parse: (raw: string) => unknown;
}

// The definition is untyped inside: each step narrows or widens `T` of the answer, never the stored parser.
function build<T>(definition: Definition): Field<T> {
  return Object.freeze({
    ...definition,
    fallback: definition.fallback as T | undefined,
    parse: definition.parse as (raw: string) => T,
    required: (missing?: string) => build<NonNullable<T>>({ ...definition, isRequired: true, missing }),
    default: (value: NonNullable<T>) => build<NonNullable<T>>({ ...definition, fallback: value }),
    alias: (...names: string[]) => build<T>({ ...definition, aliases: [...definition.aliases, ...names] }),
    help: (text: string) => build<T>({ ...definition, text }),
  });
}

function codec<T>(kind: FieldKind, parse: (raw: string) => T, choices: readonly string[] = []): Field<T | undefined> {
  return build({
    kind,
    isRequired: false,
    missing: undefined,
    fallback: undefined,
    aliases: [],
    text: "",
    choices,
    parse,
  });
}

function parseInteger(raw: string): number {
  const value = /^[+-]?\d+$/.test(raw.trim()) ? Number(raw) : Number.NaN;
  if (!Number.isSafeInteger(value)) throw new Error(`${JSON.stringify(raw)} is not a whole number`);
  return value;
}

function parseNumber(raw: string): number {
  const value = raw.trim() === "" ? Number.NaN : Number(raw);
  if (!Number.isFinite(value)) throw new Error(`${JSON.stringify(raw)} is not a number`);
  return value;
}

function parseMilliseconds(raw: string): number {
  try {
    return parseDurationOrSeconds(raw.trim());
  } catch (cause) {
    throw new Error(`${JSON.stringify(raw)} is not a duration, write for example 20s, 1m30s or a number of seconds`, {
      cause,
    });
  }
}

function parseJson(raw: string): unknown {
  try {
    return JSON.parse(raw);
  } catch (cause) {
    throw new Error(`${JSON.stringify(raw)} is not JSON`, { cause });
  }
}

function oneOf<C extends string>(choices: readonly C[]): (raw: string) => C {
  return (raw) => {
    const wanted = raw.trim().toLowerCase();
    const found = choices.find((choice) => choice.toLowerCase() === wanted);
    if (found === undefined) throw new Error(`${JSON.stringify(raw)} is none of ${choices.join(", ")}`);
    return found;
  };
}

/** The kinds of metadata fields. Each starts optional; `required`, `default`, `alias` and `help` give a changed copy. */
export const m = Object.freeze({
  text: (): Field<string | undefined> => codec("text", (raw) => raw),
  /** Text that must not be shown. */
  secret: (): Field<string | undefined> => codec("secret", (raw) => raw),
  /** `true t yes y on 1` in any case are true, everything else is false. */
  flag: (): Field<boolean | undefined> => codec("flag", isTruthy),
  integer: (): Field<number | undefined> => codec("integer", parseInteger),
  number: (): Field<number | undefined> => codec("number", parseNumber),
  /** A Go duration or a number of seconds; decodes to seconds. */
  seconds: (): Field<number | undefined> => codec("seconds", (raw) => parseMilliseconds(raw) / 1000),
  /** A Go duration or a number of seconds; decodes to milliseconds. */
  duration: (): Field<number | undefined> => codec("duration", parseMilliseconds),
  /** A quantity such as `4Mi`; decodes to bytes. */
  bytes: (): Field<number | undefined> => codec("bytes", (raw) => parseQuantity(raw.trim())),
  /** One of the given words, in any case; decodes to the given spelling. */
  choice: <const C extends string>(...choices: C[]): Field<C | undefined> => codec("choice", oneOf(choices), choices),
  /** Words between commas, trimmed. */
  list: (): Field<readonly string[] | undefined> =>
    codec("list", (raw) => (raw.trim() === "" ? [] : raw.split(",").map((word) => word.trim()))),
  json: (): Field<unknown> => codec("json", parseJson),
});

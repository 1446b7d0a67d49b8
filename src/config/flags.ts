import { parseDuration } from "../kit/duration.ts";
import { suggest } from "../kit/suggest.ts";
import { ConfigError } from "./config-error.ts";

/** One flag of a command line. `T` is the type of its value. */
export interface Flag<T> {
  readonly kind: "text" | "flag" | "integer" | "count" | "duration" | "list";
  readonly fallback: T;
  readonly help: string;
  /** One letter that stands for the flag behind a single dash. */
  readonly short?: string;
  /** Says what to use instead; the flag keeps working and gives a notice. */
  readonly deprecated?: string;
  readonly hidden?: boolean;
  /** `previous` is the value of an earlier occurrence. Throws an Error with the reason. */
  parse(raw: string, previous: T | undefined): T;
}
export type FlagTable = Readonly<Record<string, Flag<unknown>>>;
export type FlagValues<T extends FlagTable> = {
  readonly [K in keyof T]: T[K] extends Flag<infer V> ? V : never;
};

type Extra = Pick<Flag<unknown>, "short" | "deprecated" | "hidden">;

const trueWords = new Set(["1", "t", "T", "TRUE", "true", "True"]);
const falseWords = new Set(["0", "f", "F", "FALSE", "false", "False"]);
const integerShape = /^[+-]?(0[xX][0-9a-fA-F_]+|0[bB][01_]+|0[oO]?[0-7_]+|[1-9][0-9_]*|0)$/;

function parseBool(raw: string): boolean {
  if (trueWords.has(raw)) return true;
  if (falseWords.has(raw)) return false;
  throw new Error(`strconv.ParseBool: parsing ${JSON.stringify(raw)}: invalid syntax`);
}

function parseWhole(raw: string, call: string, pattern: RegExp): number {
  if (!pattern.test(raw)) throw new Error(`strconv.${call}: parsing ${JSON.stringify(raw)}: invalid syntax`);
  const negative = raw.startsWith("-");
  const digits = raw.replace(/^[+-]/, "").replaceAll("_", "");
  const value = Number(/^0[0-7]+$/.test(digits) ? `0o${digits.slice(1)}` : digits);
  if (!Number.isSafeInteger(value)) {
    throw new Error(`strconv.${call}: parsing ${JSON.stringify(raw)}: value out of range`);
  }
  return negative && value !== 0 ? -value : value;
}

/** Fields of one CSV line; quotes hold commas, a doubled quote is one. */
function splitList(raw: string): string[] {
  if (raw === "") return [];
  const fields: string[] = [];
  const field = /(?:"((?:[^"]|"")*)"|([^",]*))(,|$)/y;
  for (let more = true; more; ) {
    const match = field.exec(raw);
    if (!match) throw new Error(`cannot split ${JSON.stringify(raw)} at its commas: a quote is not closed`);
    fields.push(match[1] === undefined ? (match[2] ?? "") : match[1].replaceAll('""', '"'));
    more = match[3] === ",";
  }
  return fields;
}

/** Makes flags of each kind; the command line's table is made of them. */
export const flag = Object.freeze({
  text: (fallback: string, help: string, extra: Extra = {}): Flag<string> => ({
    kind: "text",
    fallback,
    help,
    ...extra,
    parse: (raw) => raw,
  }),
  /** Given without a value it is true. */
  bool: (fallback: boolean, help: string, extra: Extra = {}): Flag<boolean> => ({
    kind: "flag",
    fallback,
    help,
    ...extra,
    parse: parseBool,
  }),
  integer: (fallback: number, help: string, extra: Extra = {}): Flag<number> => ({
    kind: "integer",
    fallback,
    help,
    ...extra,
    parse: (raw) => parseWhole(raw, "ParseInt", integerShape),
  }),
  /** An integer that is not negative. */
  count: (fallback: number, help: string, extra: Extra = {}): Flag<number> => ({
    kind: "count",
    fallback,
    help,
    ...extra,
    parse: (raw) => parseWhole(raw, "ParseUint", /^(?![+-])/.test(raw) ? integerShape : /^$/),
  }),
  /** A Go duration; milliseconds. */
  duration: (fallback: number, help: string, extra: Extra = {}): Flag<number> => ({
    kind: "duration",
    fallback,
    help,
    ...extra,
    parse: parseDuration,
  }),
  /** Values between commas, also from several occurrences. */
  list: (help: string, extra: Extra = {}): Flag<readonly string[]> => ({
    kind: "list",
    fallback: [],
    help,
    ...extra,
    parse: (raw, previous) => [...(previous ?? []), ...splitList(raw)],
  }),
});

export interface ParseFlags {
  /** `-app-id x` means `--app-id x`; there are no one-letter flags then. */
  readonly singleDash?: boolean;
  /** What an unknown flag does: end with an error (as a rule), or stay among the arguments. */
  readonly unknown?: "error" | "keep";
  /** An unknown flag's error names the one that was probably meant. */
  readonly suggest?: boolean;
}
export interface ParsedFlags<T extends FlagTable> {
  readonly values: FlagValues<T>;
  /** Names of the flags that were given. */
  readonly changed: ReadonlySet<keyof T & string>;
  /** Arguments before `--` that are no flags. */
  readonly rest: readonly string[];
  /** Arguments behind `--`; undefined without it. */
  readonly command: readonly string[] | undefined;
  /** Lines about deprecated flags, for stderr. */
  readonly notices: readonly string[];
  readonly wantsHelp: boolean;
}

/** Reads a command line in the way of Go's pflag. Throws ConfigError "usage" in its words. */
export function parseFlags<T extends FlagTable>(
  table: T,
  args: readonly string[],
  options: ParseFlags = {},
): ParsedFlags<T> {
  const values: Record<string, unknown> = {};
  for (const [name, one] of Object.entries(table)) values[name] = one.fallback;
  const changed = new Set<string>();
  const rest: string[] = [];
  const notices: string[] = [];
  const byShort = new Map(
    Object.entries(table).flatMap(([name, one]) => (one.short ? [[one.short, name] as const] : [])),
  );
  let command: readonly string[] | undefined;
  let wantsHelp = false;

  const set = (name: string, one: Flag<unknown>, raw: string): void => {
    try {
      values[name] = one.parse(raw, changed.has(name) ? values[name] : undefined);
    } catch (cause) {
      const why = cause instanceof Error ? cause.message : String(cause);
      throw new ConfigError("usage", `invalid argument ${JSON.stringify(raw)} for "--${name}" flag: ${why}`, { cause });
    }
    if (!changed.has(name) && one.deprecated) notices.push(`Flag --${name} has been deprecated, ${one.deprecated}`);
    changed.add(name);
  };

  const meant = (given: string): string => {
    const shown = Object.entries(table).filter(([, one]) => !one.hidden && !one.deprecated);
    const near = options.suggest ? suggest(given, ["help", ...shown.map(([name]) => name)]) : undefined;
    return near === undefined ? "" : `, did you mean --${near}?`;
  };
  /** compat: pflag takes one-letter flags together (`-ab`) and with their value behind them (`-p3000`). */
  const setShorts = (letters: string): boolean => {
    for (let at = 0; at < letters.length; at += 1) {
      const name = byShort.get(letters.charAt(at));
      const one = name === undefined ? undefined : table[name];
      if (name === undefined || one === undefined) return false;
      if (one.kind === "flag") set(name, one, "true");
      else {
        set(name, one, letters.slice(at + 1));
        return true;
      }
    }
    return true;
  };

  const all = options.singleDash ? args.map((arg) => (/^-[^-]./s.test(arg) ? `-${arg}` : arg)) : args;
  for (let at = 0; at < all.length; at += 1) {
    const arg = all[at] ?? "";
    if (arg === "--") {
      command = all.slice(at + 1);
      break;
    }
    if (!arg.startsWith("-") || arg === "-") {
      rest.push(arg);
      continue;
    }
    const isLong = arg.startsWith("--");
    const equals = arg.indexOf("=");
    const given = equals < 0 ? arg.slice(isLong ? 2 : 1) : arg.slice(isLong ? 2 : 1, equals);
    if (isLong && /^[-=]?$|^[-=]/.test(arg.slice(2))) throw new ConfigError("usage", `bad flag syntax: ${arg}`);
    const name = isLong ? given : byShort.get(given);
    const one = name === undefined ? undefined : Object.hasOwn(table, name) ? table[name] : undefined;
    if (name === undefined || one === undefined) {
      if (!isLong && arg.length > 2 && equals < 0 && setShorts(arg.slice(1))) continue;
      if (given === "help" || (!isLong && given === "h")) wantsHelp = true;
      else if (options.unknown === "keep") rest.push(arg);
      else if (isLong) throw new ConfigError("usage", `unknown flag: --${given}${meant(given)}`);
      else throw new ConfigError("usage", `unknown shorthand flag: '${given.charAt(0)}' in ${arg}`);
      continue;
    }
    if (equals >= 0) set(name, one, arg.slice(equals + 1));
    else if (one.kind === "flag") set(name, one, "true");
    else if (at + 1 < all.length) set(name, one, all[++at] ?? "");
    else throw new ConfigError("usage", `flag needs an argument: ${arg}`);
  }
  return {
    values: values as FlagValues<T>,
    changed: changed as Set<keyof T & string>,
    rest,
    command,
    notices,
    wantsHelp,
  };
}

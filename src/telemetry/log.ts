import type { Clock } from "../kit/clock.ts";
import { encodeGoJson } from "../kit/go-json.ts";
import { goQuote } from "../kit/go-quote.ts";
import type { Log, LogFields, LogLevel } from "./ports.ts";

/** Where and how lines are written. `write` gets whole lines with their newline. */
export interface LogOptions {
  readonly write: (line: string) => void;
  readonly level: LogLevel;
  readonly json: boolean;
  /** Empty: the field is left out. */
  readonly appId: string;
  /** Host name. */
  readonly instance: string;
  readonly version: string;
  readonly clock: Clock;
}

const ranks: Readonly<Record<LogLevel, number>> = { debug: 0, info: 1, warn: 2, error: 3, fatal: 4 };
/** Names of the levels as they are written. */
const words: Readonly<Record<LogLevel, string>> = {
  debug: "debug",
  info: "info",
  warn: "warning",
  error: "error",
  fatal: "fatal",
};
const reserved: ReadonlySet<string> = new Set(["time", "level", "msg"]);
const unquoted = /^[A-Za-z0-9\-._/@^+]*$/;

/** A log whose lines upstream's tools understand, at first with the scope `dapr.runtime`. */
export function createLog(options: LogOptions): Log {
  const write = options.json ? jsonLine : textLine;

  function scoped(scope: string): Log {
    const fixed: Record<string, string> = {
      instance: options.instance,
      scope,
      type: "log",
      ver: options.version,
    };
    if (options.appId !== "") fixed["app_id"] = options.appId;
    const rest = restText(fixed);
    const lowest = ranks[options.level];

    function line(level: LogLevel, message: string, fields: LogFields | undefined): void {
      if (ranks[level] < lowest) return;
      const time = rfc3339(options.clock.now());
      options.write(write(time, words[level], message, fixed, rest, fields));
    }
    return {
      debug: (message, fields) => line("debug", message, fields),
      info: (message, fields) => line("info", message, fields),
      warn: (message, fields) => line("warn", message, fields),
      error: (message, fields) => line("error", message, fields),
      fatal: (message, fields) => line("fatal", message, fields),
      scope: scoped,
      level: options.level,
    };
  }
  return scoped("dapr.runtime");
}

type Line = (
  time: string,
  level: string,
  message: string,
  fixed: Readonly<Record<string, string>>,
  rest: string,
  fields: LogFields | undefined,
) => string;

const textLine: Line = (time, level, message, fixed, rest, fields) => {
  const start = `time="${time}" level=${level}${message === "" ? "" : ` msg=${textValue(message)}`}`;
  return `${start}${fields === undefined ? rest : restText({ ...fixed, ...renamed(fields) })}\n`;
};

const jsonLine: Line = (time, level, message, fixed, _rest, fields) => {
  const all = { ...fixed, ...(fields === undefined ? {} : renamed(fields)), time, level, msg: message };
  return `${encodeGoJson(all, { sortKeys: true })}\n`;
};

/** The fields behind the message, in order, each with a space in front. */
function restText(fields: LogFields): string {
  let text = "";
  for (const key of Object.keys(fields).sort()) text += ` ${key}=${textValue(String(fields[key]))}`;
  return text;
}

function textValue(value: string): string {
  return unquoted.test(value) ? value : goQuote(value);
}

/** compat: a field named like one of the line's own gets a prefix. */
function renamed(fields: LogFields): LogFields {
  if (!Object.keys(fields).some((key) => reserved.has(key))) return fields;
  return Object.fromEntries(
    Object.entries(fields).map(([key, value]) => [reserved.has(key) ? `fields.${key}` : key, value]),
  );
}

/** A time as Go's RFC3339Nano writes it: fractions without zeros at their end. */
function rfc3339(ms: number): string {
  const text = new Date(ms).toISOString();
  return text.replace(/\.?0+Z$/, "Z");
}

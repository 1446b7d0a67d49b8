import { expandSchedule } from "./cron-fields.ts";
import { parseDuration } from "./duration.ts";
import { goQuote } from "./go-quote.ts";

/** When something recurs. */
export interface Schedule {
  /** The next time after `after`, both in epoch milliseconds; undefined when there is none. */
  next(after: number): number | undefined;
}

const every = "@every ";

function checkZone(zone: string): void {
  try {
    new Intl.DateTimeFormat("en", { timeZone: zone });
  } catch (cause) {
    throw new Error(`provided bad location ${zone}: unknown time zone ${zone}`, { cause });
  }
}

/** An interval from each firing to the next; less than a millisecond counts as one. */
function interval(text: string): Schedule {
  let ms: number;
  try {
    ms = parseDuration(text.slice(every.length));
  } catch (cause) {
    throw new Error(`failed to parse duration ${text}: ${cause instanceof Error ? cause.message : String(cause)}`, {
      cause,
    });
  }
  if (ms <= 0) throw new Error(`duration must be positive: ${goQuote(text)}`);
  return { next: (after) => after + Math.max(1, ms) };
}

/**
 * Reads a cron expression: five fields, or six with seconds in front; `@daily` and its kin; `@every 1h30m`; `TZ=Europe/Paris `
 * or `CRON_TZ=… ` in front for another zone than the host's. Of day-of-month and day-of-week one suffices when both are given.
 * Times that a change of the clocks leaves out are left out, those that it repeats come twice. Rejects with an Error that says
 * what is wrong.
 */
export async function parseSchedule(text: string): Promise<Schedule> {
  if (text === "") throw new Error("empty spec string");
  let expression = text;
  let timezone: string | undefined;
  const prefix = /^(?:CRON_)?TZ=(\S*)\s+/.exec(text);
  if (prefix !== null) {
    timezone = prefix[1] === "" ? "UTC" : prefix[1]!;
    checkZone(timezone);
    expression = text.slice(prefix[0].length);
  }
  expression = expression.trim();
  if (expression.startsWith(every)) return interval(expression);
  const pattern = expandSchedule(expression);
  const { Cron } = await import("croner");
  const cron = new Cron(pattern, { mode: "6-part", paused: true, ...(timezone !== undefined && { timezone }) });
  return { next: (after) => cron.nextRun(new Date(after))?.getTime() };
}

import type { CallRecord } from "./calls.ts";

/** An id as the app wrote it down. */
export interface Written {
  readonly id: string;
  readonly at: number;
}

/** Lines of the app's file. */
export function readWritten(text: string): Written[] {
  return text
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => {
      const [id = "", at = ""] = line.split(" ");
      return { id, at: Number(at) };
    });
}

/** When retries were logged, in milliseconds since the Unix epoch. */
export function readRetries(log: string): number[] {
  return log
    .split("\n")
    .filter((line) => line.includes("Retrying in"))
    .map((line) => Date.parse(/time="([^"]+)"/.exec(line)?.[1] ?? ""))
    .filter((at) => !Number.isNaN(at));
}

/** Log lines and the app's clock readings may be this far from the moments they tell of. */
const slackMs = 250;

/** What is wrong with a run; empty: nothing. */
export function judgeCalls(
  calls: readonly CallRecord[],
  written: readonly Written[],
  retries: readonly number[],
): string[] {
  const faults: string[] = [];
  const times = new Map<string, number[]>();
  for (const { id, at } of written) times.set(id, [...(times.get(id) ?? []), at]);
  for (const call of calls) {
    const seen = times.get(call.id) ?? [];
    const what = `${call.id} (${call.kind}, ${call.outcome}: ${call.detail})`;
    if (call.outcome === "hung") faults.push(`${what} hung`);
    if (call.outcome === "wrong") faults.push(`${what}: an answer that is not the app's`);
    if (call.outcome === "ok" && seen.length === 0) faults.push(`${what} was answered, but never reached the app`);
    // The retry may arrive before the try that it repeats: a relay held that one back.
    const last = Math.max(...seen) + slackMs;
    const logged = retries.filter((retry) => retry >= call.started - slackMs && retry <= last).length;
    if (logged < seen.length - 1)
      faults.push(`${what} reached the app ${seen.length} times, and ${logged} retries were logged meanwhile`);
  }
  return faults;
}

/** Least-squares slope of figures over time, per minute. */
export function slopePerMinute(samples: readonly { readonly at: number; readonly value: number }[]): number {
  const count = samples.length;
  if (count < 2) return 0;
  const middle = samples.reduce((sum, { at }) => sum + at, 0) / count;
  const mean = samples.reduce((sum, { value }) => sum + value, 0) / count;
  let above = 0;
  let below = 0;
  for (const { at, value } of samples) {
    above += (at - middle) * (value - mean);
    below += (at - middle) ** 2;
  }
  return (above / below) * 60_000;
}

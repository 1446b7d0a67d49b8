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

/** How often the sidecar logged that it calls again, by the id of the call, which is the end of the method that such a line names. */
export function readRetries(log: string): ReadonlyMap<string, number> {
  const retries = new Map<string, number>();
  for (const [, id = ""] of log.matchAll(/operation endpoint\[[^\]]*\/([^\]/]+)\]\. Retrying in/g))
    retries.set(id, (retries.get(id) ?? 0) + 1);
  return retries;
}

/** What is wrong with a run; empty: nothing. */
export function judgeCalls(
  calls: readonly CallRecord[],
  written: readonly Written[],
  retries: ReadonlyMap<string, number>,
): string[] {
  const faults: string[] = [];
  const times = new Map<string, number>();
  for (const { id } of written) times.set(id, (times.get(id) ?? 0) + 1);
  for (const call of calls) {
    const seen = times.get(call.id) ?? 0;
    const what = `${call.id} (${call.kind}, ${call.outcome}: ${call.detail})`;
    if (call.outcome === "hung") faults.push(`${what} hung`);
    if (call.outcome === "wrong") faults.push(`${what}: an answer that is not the app's`);
    if (call.outcome === "ok" && seen === 0) faults.push(`${what} was answered, but never reached the app`);
    const logged = retries.get(call.id) ?? 0;
    if (logged < seen - 1)
      faults.push(`${what} reached the app ${seen} times, and ${logged} retries of it were logged`);
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

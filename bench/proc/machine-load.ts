import { readFileSync } from "node:fs";
import { cpus } from "node:os";

const readTicks = () => {
  const fields = (readFileSync("/proc/stat", "latin1").split("\n")[0] as string).split(/\s+/).slice(1, 9).map(Number);
  const idle = (fields[3] as number) + (fields[4] as number);
  return { all: fields.reduce((sum, ticks) => sum + ticks, 0), idle, stolen: fields[7] as number };
};

/** Starts counting; the function it gives tells which share of the machine's time since went to other machines of the same host. */
export const countStolen = (): (() => number) => {
  const before = readTicks();
  return () => {
    const after = readTicks();
    return (after.stolen - before.stolen) / Math.max(1, after.all - before.all);
  };
};

const ticksPerSecond = 100;

/** CPU seconds of a process and of its children that have ended. */
const readWithEndedChildren = (pid: number | "self"): number => {
  const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return fields.slice(11, 15).reduce((sum, ticks) => sum + Number(ticks), 0) / ticksPerSecond;
};

/** Starts counting; the function it gives tells how many cores other processes used since: not this one, its ended children or `own`. */
export const countForeignCores = (own: readonly number[]): (() => number) => {
  const read = () => {
    const ticks = readTicks();
    const ours = own.reduce((sum, pid) => sum + readWithEndedChildren(pid), readWithEndedChildren("self"));
    return { busy: (ticks.all - ticks.idle) / ticksPerSecond, ours, at: Bun.nanoseconds() };
  };
  const before = read();
  return () => {
    const after = read();
    const seconds = (after.at - before.at) / 1e9;
    return Math.max(0, (after.busy - before.busy - (after.ours - before.ours)) / seconds);
  };
};

/** How many cores the whole machine used over the given seconds. */
export const measureBusyCores = async (seconds: number): Promise<number> => {
  const before = readTicks();
  await Bun.sleep(seconds * 1000);
  const after = readTicks();
  const all = after.all - before.all;
  return all === 0 ? 0 : (1 - (after.idle - before.idle) / all) * cpus().length;
};

/** Waits until the machine has used less than a tenth of a core for a second; gives what it used last. */
export const waitForQuiet = async (limitSeconds: number): Promise<number> => {
  const until = Bun.nanoseconds() + limitSeconds * 1e9;
  for (;;) {
    const busy = await measureBusyCores(1);
    if (busy < 0.1 || Bun.nanoseconds() > until) return busy;
  }
};

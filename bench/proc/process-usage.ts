import { readdirSync, readFileSync } from "node:fs";

const ticksPerSecond = 100;

/** CPU time in seconds, with its threads, and resident memory in MB (2^20) of a process; zeros once it is gone. */
export const readProcess = (pid: number): { cpuSeconds: number; rssMb: number } => {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
    // The name in parentheses may hold spaces; the fields after it start with the state, which is field 3.
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    const cpuSeconds = (Number(fields[11]) + Number(fields[12])) / ticksPerSecond;
    return { cpuSeconds, rssMb: readKilobytes(`/proc/${pid}/status`, "VmRSS") / 1024 };
  } catch {
    return { cpuSeconds: 0, rssMb: 0 };
  }
};

/** The most resident memory that a process has ever had, in MB (2^20). */
export const readPeakMb = (pid: number): number => readKilobytes(`/proc/${pid}/status`, "VmHWM") / 1024;

/** Proportional set size of a process in MB (2^20): shared pages are divided among those that map them. */
export const readPssMb = (pid: number): number => readKilobytes(`/proc/${pid}/smaps_rollup`, "Pss") / 1024;

/** The process and everything it started, directly or not. */
export const processTree = (root: number): number[] => {
  const childrenOf = new Map<number, number[]>();
  for (const name of readdirSync("/proc")) {
    if (!/^\d+$/.test(name)) continue;
    try {
      const stat = readFileSync(`/proc/${name}/stat`, "latin1");
      const parent = Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[1]);
      childrenOf.set(parent, [...(childrenOf.get(parent) ?? []), Number(name)]);
    } catch {
      // it ended between the listing and the reading
    }
  }
  const tree = [root];
  for (let at = 0; at < tree.length; at++) tree.push(...(childrenOf.get(tree[at] as number) ?? []));
  return tree;
};

const readKilobytes = (file: string, name: string): number => {
  const line = readFileSync(file, "latin1")
    .split("\n")
    .find((text) => text.startsWith(`${name}:`));
  if (line === undefined) throw new Error(`Reading ${name} from ${file} failed`);
  return Number(line.split(/\s+/)[1]);
};

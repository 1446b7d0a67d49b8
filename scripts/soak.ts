import { existsSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { root, run, tool } from "./shell.ts";
import { runSoak } from "./soak/run.ts";

const help = `Calls two apps through relays that cut, stall and half-close connections, while apps and a sidecar are restarted; then
compares what the client saw with what the apps wrote down, and looks at memory, handles and connections. Linux only.

  npm run soak -- [--seed N] [--minutes 10] [--rate 40] [--keep]

  --seed N      draws the same moments as a run that printed N
  --minutes N   how long it goes on; memory is judged from 5 minutes on
  --rate N      calls each second
  --keep        leaves its folder, with all logs, behind
`;

function numberOf(name: string, text: string): number {
  const value = Number(text);
  if (!(value >= 0)) throw new Error(`--${name} must be a number, it is "${text}"`);
  return value;
}

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      seed: { type: "string" },
      minutes: { type: "string", default: "10" },
      rate: { type: "string", default: "40" },
      keep: { type: "boolean", default: false },
      help: { type: "boolean", default: false },
    },
  });
  if (values.help) {
    console.log(help);
    return 0;
  }
  const seed = numberOf("seed", values.seed ?? String((Date.now() % 1_000_000) + 1));
  const seconds = numberOf("minutes", values.minutes) * 60;
  const executable = process.env["PILLION_EXECUTABLE"] ?? join(root, "dist/pillion");
  if (!existsSync(executable)) {
    console.log("building the executable");
    const built = await run(tool("bun"), ["scripts/build.ts"], { quiet: true });
    if (built.code !== 0) throw new Error(`cannot build the executable:\n${built.output}`);
  }
  const folder = await mkdtemp(join(tmpdir(), "pillion-soak-"));
  console.log(`seed ${seed}, ${seconds} s${values.keep ? `, in ${folder}` : ""}`);
  try {
    const say = (line: string): void => console.log(line);
    const rate = numberOf("rate", values.rate);
    const verdict = await runSoak({ executable, folder, seed, seconds, rate, say });
    const { calls, memory, faults } = verdict;
    console.log(`calls: ${calls.ok} answered, ${calls.failed} failed, ${calls.hung} hung, ${calls.wrong} wrong`);
    console.log(
      `the apps wrote down ${verdict.written} of them, ${verdict.twice} again after ${verdict.retries} logged retries`,
    );
    console.log(`harm: ${verdict.harm}; ${verdict.restarts} restarts`);
    for (const { name, slope, before, after } of memory) {
      const rss = `${before.rssMb.toFixed(0)} → ${after.rssMb.toFixed(0)} MB`;
      const held = `${before.handles} → ${after.handles} handles, ${before.sockets} → ${after.sockets} sockets`;
      console.log(`${name}: ${slope.toFixed(2)} MB a minute, ${rss}, ${held}`);
    }
    for (const fault of faults.slice(0, 20)) console.log(fault);
    console.log(faults.length === 0 ? "passed" : `FAILED: ${faults.length} faults`);
    return faults.length === 0 ? 0 : 1;
  } finally {
    if (!values.keep) await rm(folder, { recursive: true, force: true });
  }
}

process.exitCode = await main();

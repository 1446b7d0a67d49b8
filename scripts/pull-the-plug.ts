import { existsSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { pullThePlug } from "./pull-the-plug/run.ts";
import { root, run, tool } from "./shell.ts";

const help = `Kills the only process ten times while 1,000 orders go through two services, and counts what was shipped.

  npm run pull-the-plug -- [--seed N] [--break=ack-first] [--keep]

  --seed N            draws the same moments as a run that printed N
  --break=ack-first   the services acknowledge before they work: the run must fail
  --keep              leaves its folder behind
`;

const orders = 1000;
const kills = 10;

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      seed: { type: "string" },
      break: { type: "string" },
      keep: { type: "boolean", default: false },
      help: { type: "boolean", default: false },
    },
  });
  if (values.help) {
    console.log(help);
    return 0;
  }
  if (values.break !== undefined && values.break !== "ack-first")
    throw new Error(`unknown way to break it "${values.break}", known: ack-first`);
  const seed = Number(values.seed ?? (Date.now() % 1_000_000) + 1);
  if (!Number.isSafeInteger(seed) || seed < 0) throw new Error(`--seed must be a whole number, it is "${values.seed}"`);
  const executable = process.env["PILLION_EXECUTABLE"] ?? join(root, "dist/pillion");
  if (!existsSync(executable)) {
    console.log("building the executable");
    const built = await run(tool("bun"), ["scripts/build.ts"], { quiet: true });
    if (built.code !== 0) throw new Error(`cannot build the executable:\n${built.output}`);
  }
  const folder = await mkdtemp(join(tmpdir(), "pull-the-plug-"));
  const started = performance.now();
  console.log(`seed ${seed} (--seed ${seed} draws the same moments)`);
  try {
    const handling = values.break === undefined ? "exactly-once" : "ack-first";
    const say = (line: string): void => console.log(line);
    const verdict = await pullThePlug({ command: [executable], folder, seed, handling, orders, kills, say });
    const seconds = ((performance.now() - started) / 1000).toFixed(1);
    const { shipped, lost, twice, faults, repeated } = verdict;
    const some = (names: readonly string[]): string =>
      names.length === 0 ? "none" : `${names.length} (${names.slice(0, 5).join(", ")}${names.length > 5 ? ", …" : ""})`;
    console.log(`${shipped} of ${orders} shipped, lost: ${some(lost)}, twice: ${some(twice)}; ${seconds} s`);
    console.log(`${repeated} times an app began again what a kill had cut off`);
    for (const fault of faults.slice(0, 10)) console.log(fault);
    const isGood = shipped === orders && lost.length + twice.length + faults.length === 0;
    console.log(isGood ? "passed" : "FAILED");
    return isGood ? 0 : 1;
  } finally {
    if (values.keep) console.log(`kept ${folder}`);
    else await rm(folder, { recursive: true, force: true });
  }
}

process.exitCode = await main();

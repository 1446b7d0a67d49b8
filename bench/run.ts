import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { cpus, tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { startEcho } from "./harness/echo-app.ts";
import type { Bench } from "./harness/measure.ts";
import { renderTable } from "./harness/report.ts";
import { findSubjects } from "./harness/subject.ts";
import { judge, type Row } from "./harness/verdict.ts";
import { measures } from "./measures/catalog.ts";
import { countForeignCores, waitForQuiet } from "./proc/machine-load.ts";

const help = `Usage: bun bench/run.ts [MEASURE or GROUP…] [options]
Groups: footprint, load
Measures: ${measures.map((measure) => measure.name).join(", ")}
  --pillion PATH    the binary under measure                     [dist/pillion]
  --rounds N        interleaved rounds, of which the median counts          [3]
  --duration S      counted seconds of each load run                        [5]
  --warmup S        seconds before that                                     [2]
  --settle S        idle seconds before memory is read                      [5]
  --quiet S         wait at most so long for an idle machine               [10]
  --patience N      times that a turn is taken again when the host took
                    more than a tenth of the machine from it          [2]
  --json FILE       also write every sample
Environment: DAPRD_PATH adds upstream's daprd as a column.
Exit code: 0 when every limit holds, 1 otherwise; limits against daprd count only where it runs.`;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    pillion: { type: "string", default: "dist/pillion" },
    rounds: { type: "string", default: "3" },
    duration: { type: "string", default: "5" },
    warmup: { type: "string", default: "2" },
    settle: { type: "string", default: "5" },
    quiet: { type: "string", default: "10" },
    patience: { type: "string", default: "2" },
    json: { type: "string" },
    help: { type: "boolean", default: false },
  },
});
if (values.help) {
  console.log(help);
  process.exit(0);
}
const unknown = positionals.filter(
  (name) => !measures.some((measure) => measure.name === name || measure.group === name),
);
if (unknown.length > 0) {
  console.error(`There is no measure "${unknown.join('", "')}"\n${help}`);
  process.exit(2);
}
const chosen =
  positionals.length === 0
    ? measures
    : measures.filter(({ name, group }) => positionals.includes(name) || positionals.includes(group));
function refuse(message: string): never {
  console.error(message);
  process.exit(2);
}

function count(name: "rounds" | "duration" | "warmup" | "settle" | "quiet" | "patience", least: number): number {
  const value = Number(values[name]);
  if (values[name] !== "" && Number.isFinite(value) && value >= least) return value;
  return refuse(`--${name} wants a number from ${least} on, not "${values[name]}"`);
}

const daprd = process.env["DAPRD_PATH"];
if (daprd && !existsSync(daprd)) refuse(`DAPRD_PATH names "${daprd}", where there is no file`);
const subjects = findSubjects(resolve(values.pillion), daprd);
if (!subjects.some((subject) => subject.name === "pillion"))
  refuse(`There is no binary "${values.pillion}": build it with "npm run build", or name another with --pillion`);

const rounds = Math.ceil(count("rounds", 1));
const duration = count("duration", 1);
const warmup = count("warmup", 0);
const settle = count("settle", 0);
const quiet = count("quiet", 0);
const foreignCoresLimit = 0.15;
const scratch = mkdtempSync(join(tmpdir(), "pillion-bench-"));
const echo = await startEcho(1024);
let folders = 0;
const bench: Bench = {
  subjects,
  echo,
  rounds,
  duration,
  warmup,
  settle,
  patience: Math.floor(count("patience", 0)),
  folder: (name) => join(scratch, `${name}-${folders++}`),
  say: (line) => console.error(`  ${line}`),
};

const machine = `${cpus().length} cores, ${cpus()[0]?.model.trim()}`;
const busy = await waitForQuiet(quiet);
console.log(`# Measures\n\n${machine}; ${bench.rounds} interleaved rounds, ${bench.duration} s each, medians.`);
console.log(
  `Before the run the machine used ${busy.toFixed(2)} cores${busy < 0.1 ? "" : ": **not idle, figures are unreliable**"}.`,
);

const rows: Row[] = [];
try {
  for (const measure of chosen) {
    console.error(measure.title);
    const foreign = countForeignCores([echo.pid]);
    const judged = (await measure.run(bench)).map(judge);
    rows.push(...judged);
    console.log(`\n## ${measure.title}\n\n${measure.setup}\n\n${renderTable(judged)}`);
    const others = foreign();
    const warning = others < foreignCoresLimit ? "" : ": **figures are unreliable**";
    console.log(`\nOther processes used ${others.toFixed(2)} cores meanwhile${warning}.`);
  }
} finally {
  await echo.stop();
  rmSync(scratch, { recursive: true, force: true });
}
if (values.json !== undefined) await Bun.write(values.json, `${JSON.stringify(rows, null, 2)}\n`);
const judgedRows = rows.filter((row) => row.verdict !== "–");
const failed = judgedRows.filter((row) => row.verdict !== "holds");
console.log(`\n${judgedRows.length - failed.length} of ${judgedRows.length} limits hold.`);
process.exit(failed.length === 0 ? 0 : 1);

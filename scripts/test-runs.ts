import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Finished, root, run, tool } from "./shell.ts";
import { countTests, readFailures, readStrayErrors, type TestFailure } from "./test-report.ts";

/** What one runtime's test run gave. */
export interface TestRun {
  readonly runtime: string;
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
  readonly seconds: number;
  /** What the runner wrote, when something failed. */
  readonly output: string;
  readonly failures: readonly TestFailure[];
}

export type TestRuntime = "bun" | "deno" | "node";

/** Files that run at the same time: each is its own process or worker, so that none sees what another leaves. */
const together = 2;

/** A runner that takes longer hangs: it is ended and counts as failed. */
const limitSeconds = 720;

/** How much of what a runner wrote tells why it died. */
const lastLines = 120;

function commandOf(
  runtime: TestRuntime,
  files: readonly string[],
  jobs: number,
  report: string,
): readonly [string, readonly string[]] {
  if (runtime === "bun") {
    const parallel = jobs > 1 ? `--parallel=${jobs}` : "--isolate";
    const flags = ["--timeout=120000", "--only-failures", parallel, "--reporter=junit", `--reporter-outfile=${report}`];
    return [process.execPath, ["test", ...flags, ...files.map((file) => `./${file}`)]];
  }
  if (runtime === "deno") {
    const parallel = jobs > 1 ? ["--parallel"] : [];
    return [
      tool("deno"),
      ["test", "-A", "--no-check", "--quiet", "--reporter=pretty", ...parallel, `--junit-path=${report}`, ...files],
    ];
  }
  const toScreen = ["--test-reporter=spec", "--test-reporter-destination=stdout"];
  const toFile = ["--test-reporter=junit", `--test-reporter-destination=${report}`];
  const flags = ["--disable-warning=ExperimentalWarning", "--test-timeout=240000", `--test-concurrency=${jobs}`];
  return [tool("node"), ["--test", ...flags, ...toScreen, ...toFile, ...files]];
}

/** All that is known of a runner that ended badly although its report names no failed test: how it ended, its last words. */
export function deathNote(runtime: TestRuntime, { code, signal, seconds, isLate, output }: Finished): string {
  const end = signal === undefined ? `ended with exit code ${code}` : `was killed by ${signal}`;
  const why = isLate ? `, because it took longer than ${limitSeconds} s` : "";
  const lines = output.trimEnd().split("\n").slice(-lastLines);
  const words = lines.join("\n") === "" ? "It wrote nothing." : `It wrote at last:\n${lines.join("\n")}`;
  return `${runtime} ${end} after ${seconds.toFixed(0)} s${why}, and its report names no failed test. ${words}\n`;
}

/** Where runners name a file from the machine's root, the name that it has here. */
const inTree = (failure: TestFailure): TestFailure => ({
  ...failure,
  where: failure.where.replace(/^\/+/, "/").replace(`${root}/`, "").replace(/^\.\//, ""),
});

/**
 * Whether a runtime died of a fault of its own. portable: the HTTP/2 library inside Deno, which some of the tests'
 * own clients and servers use, reads streams that are gone and the process ends with SIGSEGV. JavaScript cannot end a process so,
 * and no test is named.
 */
export function isOwnFault(runtime: TestRuntime, { signal, isLate }: Pick<Finished, "signal" | "isLate">): boolean {
  return runtime === "deno" && signal === "SIGSEGV" && !isLate;
}

/** The first line of what a runner left, which tells how it ended, and the last ones. */
function lastWords(output: string): string[] {
  const [first = "", ...rest] = output.trimEnd().split("\n");
  return [first, ...rest.slice(-12)];
}

async function runPart(
  runtime: TestRuntime,
  files: readonly string[],
  jobs: number,
  env: Record<string, string>,
): Promise<TestRun> {
  const folder = mkdtempSync(join(tmpdir(), "pillion-tests-"));
  try {
    const report = join(folder, "report.xml");
    const [program, args] = commandOf(runtime, files, jobs, report);
    let finished = await run(program, args, { quiet: true, env, limitSeconds });
    if (isOwnFault(runtime, finished)) {
      // Its report is lost with it, so all of it counts anew; a second time it is a failure.
      console.log(`${deathNote(runtime, finished).split("\n", 1)[0]}\nIt runs once more.`);
      rmSync(report, { force: true });
      finished = await run(program, args, { quiet: true, env, limitSeconds });
    }
    const text = existsSync(report) ? readFileSync(report, "utf8") : "";
    const counts = countTests(text);
    const { seconds } = finished;
    if (finished.code === 0) return { runtime, ...counts, seconds, output: "", failures: [] };
    const hasDied = counts.failed === 0;
    const output = hasDied ? deathNote(runtime, finished) : finished.output;
    const failures = [...readFailures(text), ...readStrayErrors(finished.output)].map(inTree);
    if (failures.length === 0) failures.push({ where: "", name: "the runner", error: lastWords(output) });
    return { runtime, ...counts, failed: hasDied ? 1 : counts.failed, seconds, output, failures };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

const add = (left: TestRun, right: TestRun): TestRun => ({
  runtime: left.runtime,
  passed: left.passed + right.passed,
  failed: left.failed + right.failed,
  skipped: left.skipped + right.skipped,
  seconds: left.seconds + right.seconds,
  output: left.output + right.output,
  failures: [...left.failures, ...right.failures],
});

/**
 * Runs test files under one runtime and counts their outcomes, a few files at the same time and then those of `alone` one
 * after the other. A runner that dies without a report counts as one failure.
 */
export async function runTests(
  runtime: TestRuntime,
  files: readonly string[],
  options: { readonly alone?: (file: string) => boolean; readonly env?: Record<string, string> } = {},
): Promise<TestRun> {
  const { alone = () => false } = options;
  const env = { NO_COLOR: "1", DENO_JOBS: String(together), ...options.env };
  let result: TestRun = { runtime, passed: 0, failed: 0, skipped: 0, seconds: 0, output: "", failures: [] };
  for (const jobs of [together, 1]) {
    const part = files.filter((file) => alone(file) === (jobs === 1));
    if (part.length === 0) continue;
    result = add(result, await runPart(runtime, part, jobs, env));
  }
  return result;
}

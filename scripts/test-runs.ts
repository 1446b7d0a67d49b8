import { type Finished, run, tool } from "./shell.ts";

/** What one runtime's test run gave. */
export interface TestRun {
  readonly runtime: string;
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
  readonly seconds: number;
  /** What the runner wrote, when something failed. */
  readonly output: string;
}

export type TestRuntime = "bun" | "deno" | "node";

/** Files that run at the same time: each is its own process or worker, so that none sees what another leaves. */
const together = 2;

/** A runner that takes longer hangs: it is ended and counts as failed. */
const limitSeconds = 480;

const count = (text: string, pattern: RegExp): number => {
  let total = 0;
  for (const match of text.matchAll(pattern)) total += Number(match[1]);
  return total;
};

/** The closing lines of each runner. */
const patterns = {
  bun: [/^\s*(\d+) pass$/gm, /^\s*(\d+) fail$/gm, /^\s*(\d+) skip$/gm],
  deno: [/(\d+) passed(?: \(\d+ steps?\))? \|/g, /\| (\d+) failed/g, /\| (\d+) ignored/g],
  node: [/^ℹ pass (\d+)$/gm, /^ℹ (?:fail|cancelled) (\d+)$/gm, /^ℹ skipped (\d+)$/gm],
} as const;

function commandOf(runtime: TestRuntime, files: readonly string[], jobs: number): readonly [string, string[]] {
  if (runtime === "bun") {
    const parallel = jobs > 1 ? [`--parallel=${jobs}`] : ["--isolate"];
    const paths = files.map((file) => `./${file}`);
    return [process.execPath, ["test", "--timeout=120000", "--only-failures", ...parallel, ...paths]];
  }
  if (runtime === "deno") {
    const parallel = jobs > 1 ? ["--parallel"] : [];
    return [tool("deno"), ["test", "-A", "--no-check", "--quiet", ...parallel, ...files]];
  }
  const flags = ["--test-reporter=spec", "--disable-warning=ExperimentalWarning", "--test-timeout=240000"];
  return [tool("node"), ["--test", `--test-concurrency=${jobs}`, ...flags, ...files]];
}

function read(runtime: TestRuntime, { output, code, seconds, isLate }: Finished): TestRun {
  const [passed, failed, skipped] = patterns[runtime];
  const failures = count(output, failed);
  return {
    runtime,
    passed: count(output, passed),
    failed: failures === 0 && code !== 0 ? 1 : failures,
    skipped: count(output, skipped),
    seconds,
    output: code === 0 ? "" : `${output}${isLate ? `\n${runtime} was ended after ${limitSeconds} s` : ""}`,
  };
}

const add = (left: TestRun, right: TestRun): TestRun => ({
  runtime: left.runtime,
  passed: left.passed + right.passed,
  failed: left.failed + right.failed,
  skipped: left.skipped + right.skipped,
  seconds: left.seconds + right.seconds,
  output: left.output + right.output,
});

/**
 * Runs test files under one runtime and reads its closing lines, a few files at the same time and then those of `alone` one
 * after the other. A runner that dies without closing lines counts as one failure.
 */
export async function runTests(
  runtime: TestRuntime,
  files: readonly string[],
  options: { readonly alone?: (file: string) => boolean; readonly env?: Record<string, string> } = {},
): Promise<TestRun> {
  const { alone = () => false } = options;
  const env = { NO_COLOR: "1", FORCE_COLOR: "0", DENO_JOBS: String(together), ...options.env };
  let result: TestRun = { runtime, passed: 0, failed: 0, skipped: 0, seconds: 0, output: "" };
  for (const jobs of [together, 1]) {
    const part = files.filter((file) => alone(file) === (jobs === 1));
    if (part.length === 0) continue;
    const [program, args] = commandOf(runtime, part, jobs);
    result = add(result, read(runtime, await run(program, args, { quiet: true, env, limitSeconds })));
  }
  return result;
}

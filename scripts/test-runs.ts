import { run, tool } from "./shell.ts";

/** What one runtime's test run gave. */
export interface TestRun {
  readonly runtime: string;
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
  readonly seconds: number;
  readonly output: string;
}

const number = (text: string, pattern: RegExp): number => {
  let total = 0;
  for (const match of text.matchAll(pattern)) total += Number(match[1]);
  return total;
};

/** Runs test files under one runtime and reads its closing lines. A runner that dies without them counts as one failure. */
export async function runTests(runtime: "bun" | "deno" | "node", files: readonly string[]): Promise<TestRun> {
  const env = { NO_COLOR: "1", FORCE_COLOR: "0" };
  const command = {
    bun: [process.execPath, ["test", "--timeout=120000", ...files.map((file) => `./${file}`)]],
    deno: [tool("deno"), ["test", "-A", "--no-check", "--quiet", ...files]],
    node: [tool("node"), ["--test", "--test-reporter=spec", "--disable-warning=ExperimentalWarning", ...files]],
  } as const;
  const [program, args] = command[runtime];
  const { output, code, seconds } = await run(program, args, { quiet: true, env });
  const counts = {
    bun: [/^\s*(\d+) pass$/gm, /^\s*(\d+) fail$/gm, /^\s*(\d+) skip$/gm],
    deno: [/(\d+) passed(?: \(\d+ steps?\))? \|/g, /\| (\d+) failed/g, /\| (\d+) ignored/g],
    node: [/^ℹ pass (\d+)$/gm, /^ℹ fail (\d+)$/gm, /^ℹ skipped (\d+)$/gm],
  } as const;
  const [passed, failed, skipped] = counts[runtime];
  const failures = number(output, failed);
  return {
    runtime,
    passed: number(output, passed),
    failed: failures === 0 && code !== 0 ? 1 : failures,
    skipped: number(output, skipped),
    seconds,
    output,
  };
}

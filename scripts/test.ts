import { readdirSync } from "node:fs";
import { join, relative } from "node:path";
import { type Backend, type BackendName, requiresBackends, startBackend } from "./backends.ts";
import { build } from "./build.ts";
import { root, run } from "./shell.ts";
import { type TestFailure, tellFailures } from "./test-report.ts";
import { runTests, type TestRun, type TestRuntime } from "./test-runs.ts";

/**
 * Runs every test: the gate, then unit, conformance, wire and platform suites on Bun, Deno and Node, then the end-to-end
 * tests on the compiled executable (README's first command is one of them), and the sample from source on Deno and Node. Words on the command
 * line choose parts. Fails when anything failed, when a runtime passes fewer than 95 % of Bun's tests, or, where CI is
 * "true", when a server that tests need is missing; its last lines name what failed.
 */
const started = performance.now();
const share = 0.95;
const parts = ["check", "bun", "deno", "node", "e2e", "sample"];

/** Files that measure time or rates: nothing else runs beside them. */
const timed = new Set([
  "src/storage/faults.test.ts",
  "test/platform/http2-defects.test.ts",
  "test/runtime/virtual-hour.test.ts",
]);
const isEndToEnd = (path: string): boolean => path.startsWith(join("test", "e2e"));

function testFiles(folder: string, skip: (path: string) => boolean = () => false): string[] {
  const found: string[] = [];
  for (const entry of readdirSync(join(root, folder), { withFileTypes: true, recursive: true })) {
    if (!entry.isFile() || !entry.name.endsWith(".test.ts")) continue;
    const path = relative(root, join(entry.parentPath, entry.name));
    if (!skip(path)) found.push(path);
  }
  return found.sort();
}

const only = process.argv.slice(2);
const unknown = only.filter((part) => !parts.includes(part));
if (unknown.length > 0) {
  console.error(`unknown part "${unknown.join('", "')}", known: ${parts.join(", ")}`);
  process.exit(2);
}
const wants = (...some: string[]): boolean => only.length === 0 || some.some((part) => only.includes(part));
const table: { readonly part: string; readonly run: TestRun }[] = [];
const missing: string[] = [];
/** What failed without being a test. */
const refusals: { readonly suite: string; readonly failures: readonly TestFailure[] }[] = [];
let failed = false;

function report(part: string, result: TestRun): void {
  table.push({ part, run: result });
  const { passed, failed: failures, skipped, seconds } = result;
  console.log(`${part}: ${passed} passed, ${failures} failed, ${skipped} skipped (${seconds.toFixed(0)} s)`);
  if (result.output !== "") console.log(result.output.split("\n").slice(-400).join("\n"));
}

/** Servers that tests run against: one of each for all runtimes; every file uses keys of its own. */
async function startBackends(): Promise<{ readonly env: Record<string, string>; readonly running: Backend[] }> {
  const env: Record<string, string> = {};
  const running: Backend[] = [];
  for (const name of ["redis", "etcd", "nats", "mosquitto"] satisfies BackendName[]) {
    const variable = `PILLION_TEST_${name.toUpperCase()}`;
    if (process.env[variable]) continue;
    const backend = await startBackend(name);
    if (backend === undefined) missing.push(name);
    else {
      env[variable] = backend.address;
      running.push(backend);
    }
  }
  return { env, running };
}

async function runSample(runtime: string): Promise<TestRun> {
  const args = ["scripts/quickstart.ts", "--runtime", runtime];
  const { code, output, seconds } = await run(process.execPath, args, { quiet: true, limitSeconds: 300 });
  if (code === 0) return { runtime: "sample", passed: 1, failed: 0, skipped: 0, seconds, output: "", failures: [] };
  const error = output.trimEnd().split("\n").slice(-10);
  const failures = [{ where: "scripts/quickstart.ts", name: `ended with exit code ${code}`, error }];
  return { runtime: "sample", passed: 0, failed: 1, skipped: 0, seconds, output, failures };
}

if (wants("check")) {
  const gate = await run(process.execPath, ["scripts/check.ts", "--no-tests"]);
  failed ||= gate.code !== 0;
  if (gate.code !== 0) {
    const error = gate.output.trimEnd().split("\n").slice(-10);
    refusals.push({
      suite: "check",
      failures: [{ where: "scripts/check.ts", name: `ended with exit code ${gate.code}`, error }],
    });
  }
}
if (wants("e2e")) console.log(`built ${await build(undefined, join(root, "dist", "pillion"))}`);

const { env, running } = wants("bun", "deno", "node", "e2e") ? await startBackends() : { env: {}, running: [] };
try {
  const folders = ["src", "components", "scripts", "bench", "test"];
  const everywhere = folders.flatMap((folder) => testFiles(folder, isEndToEnd));
  for (const runtime of ["bun", "deno", "node"] satisfies TestRuntime[]) {
    if (!wants(runtime)) continue;
    report(`all suites on ${runtime}`, await runTests(runtime, everywhere, { alone: (file) => timed.has(file), env }));
  }
  if (wants("e2e")) {
    // They start many processes and measure some of them: one file at a time.
    report("end to end, compiled executable", await runTests("bun", testFiles("test/e2e"), { alone: () => true, env }));
  }
} finally {
  for (const backend of running) await backend.stop();
}
if (wants("sample")) {
  for (const runtime of ["deno", "node"]) report(`sample on ${runtime}`, await runSample(runtime));
}

console.log(`\n| tests | passed | failed | skipped | seconds |\n| --- | ---: | ---: | ---: | ---: |`);
for (const { part, run: result } of table) {
  console.log(`| ${part} | ${result.passed} | ${result.failed} | ${result.skipped} | ${result.seconds.toFixed(0)} |`);
}
const reference = table.find(({ part }) => part === "all suites on bun")?.run.passed ?? 0;
for (const { part, run: result } of table) {
  if (!part.startsWith("all suites") || result.passed >= reference * share) continue;
  failed = true;
  console.log(`${part}: fewer than ${share * 100} % of Bun's ${reference} tests passed`);
}
if (missing.length > 0) {
  failed ||= requiresBackends();
  console.log(`not run here, because they are not installed: ${missing.join(", ")}`);
}
const total = (field: "passed" | "failed" | "skipped"): number =>
  table.reduce((sum, { run: result }) => sum + result[field], 0);
failed ||= total("failed") > 0;
const suites = [...refusals, ...table.map(({ part, run: { failures } }) => ({ suite: part, failures }))];
const told = tellFailures(suites);
if (told.length > 0) console.log(`\n${told.join("\n")}`);
const outcome = failed ? "FAILED" : "ok";
const seconds = ((performance.now() - started) / 1000).toFixed(0);
console.log(
  `\n${outcome}: ${total("passed")} passed, ${total("failed")} failed, ${total("skipped")} skipped, in ${seconds} s`,
);
process.exit(failed ? 1 : 0);

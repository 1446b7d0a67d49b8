import { readdirSync } from "node:fs";
import { join, relative } from "node:path";
import { build } from "./build.ts";
import { root, run } from "./shell.ts";
import { runTests, type TestRun } from "./test-runs.ts";

/**
 * Runs every test: the gate, then unit, conformance, wire and platform suites on Bun, Deno and Node, then the end-to-end
 * tests on the compiled executable. Fails when anything failed, or when a runtime passes fewer than 95 % of Bun's tests.
 */
const started = performance.now();
const share = 0.95;

function testFiles(folder: string, skip: (path: string) => boolean = () => false): string[] {
  const found: string[] = [];
  for (const entry of readdirSync(join(root, folder), { withFileTypes: true, recursive: true })) {
    if (!entry.isFile() || !entry.name.endsWith(".test.ts")) continue;
    const path = relative(root, join(entry.parentPath, entry.name));
    if (!skip(path)) found.push(path);
  }
  return found.sort();
}

function show(title: string, result: TestRun): void {
  const { passed, failed, skipped, seconds } = result;
  console.log(`${title}: ${passed} passed, ${failed} failed, ${skipped} skipped (${seconds.toFixed(0)} s)`);
  if (failed > 0) console.log(result.output.split("\n").slice(-400).join("\n"));
}

const only = process.argv.slice(2);
const wants = (part: string): boolean => only.length === 0 || only.includes(part);
const table: { part: string; run: TestRun }[] = [];
let failed = false;

if (wants("check")) {
  const gate = await run(process.execPath, ["scripts/check.ts", "--no-tests"]);
  failed ||= gate.code !== 0;
}
if (wants("build") || wants("e2e")) {
  console.log(`built ${await build(undefined, join(root, "dist", "pillion"))}`);
}

const isEndToEnd = (path: string): boolean => path.startsWith("test/e2e/");
const everywhere = ["src", "components", "scripts", "bench", "test"].flatMap((folder) => testFiles(folder, isEndToEnd));
for (const runtime of ["bun", "deno", "node"] as const) {
  if (!wants(runtime)) continue;
  const result = await runTests(runtime, everywhere);
  table.push({ part: `all suites on ${runtime}`, run: result });
  show(runtime, result);
}
if (wants("e2e")) {
  const result = await runTests("bun", testFiles("test/e2e"));
  table.push({ part: "end to end, compiled executable", run: result });
  show("end to end", result);
}

console.log(`\n| tests | passed | failed | skipped | seconds |\n| --- | ---: | ---: | ---: | ---: |`);
for (const { part, run: result } of table) {
  console.log(`| ${part} | ${result.passed} | ${result.failed} | ${result.skipped} | ${result.seconds.toFixed(0)} |`);
}
const reference = table.find(({ run: result }) => result.runtime === "bun")?.run.passed ?? 0;
for (const { part, run: result } of table) {
  if (!part.startsWith("all suites") || result.passed >= reference * share) continue;
  failed = true;
  console.log(`${part}: fewer than ${share * 100} % of Bun's ${reference} tests passed`);
}
const total = (field: "passed" | "failed" | "skipped"): number =>
  table.reduce((sum, { run: result }) => sum + result[field], 0);
failed ||= total("failed") > 0;
console.log(`\n${((performance.now() - started) / 1000).toFixed(0)} s`);
console.log(`${total("passed")} passed, ${total("failed")} failed, ${total("skipped")} skipped`);
process.exit(failed ? 1 : 0);

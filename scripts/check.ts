import { type Finished, root, run, tool } from "./shell.ts";
import { checkCycles, checkLayers } from "./structure/check-layers.ts";
import { checkSizes, checkText } from "./structure/check-text.ts";
import { readSourceTree } from "./structure/source-tree.ts";

/** The gate before every commit: format and lint, types, structure, generated files, unit tests. */
const started = performance.now();
let failed = false;

function report(name: string, result: Finished): void {
  console.log(`${result.code === 0 ? "ok  " : "FAIL"} ${name} (${result.seconds.toFixed(1)} s)`);
  if (result.code !== 0) {
    failed = true;
    console.log(result.output);
  }
}

const product = readSourceTree(root, ["src", "components"]);
const everything = [...product, ...readSourceTree(root, ["scripts", "test", "bench"])];
const sizes = checkSizes(everything);
const faults = [...checkLayers(product), ...checkCycles(everything), ...sizes.faults, ...checkText(everything)];
for (const warning of sizes.warnings) console.log(`note ${warning}`);
for (const fault of faults) console.log(`FAIL ${fault}`);
failed = faults.length > 0;

const full = process.argv.includes("--fix") ? ["check", "--write"] : ["check"];
const jobs: [string, Promise<Finished>][] = [
  ["format and lint", run(tool("biome"), [...full, "--max-diagnostics=50"], { quiet: true })],
  ["types", run(tool("tsc"), ["-p", "."], { quiet: true })],
  ["generated files", run(process.execPath, ["scripts/generate.ts", "--check"], { quiet: true })],
];
for (const [name, job] of jobs) report(name, await job);
if (!process.argv.includes("--no-tests")) {
  report(
    "unit tests",
    await run(process.execPath, ["test", "--timeout=120000", "--only-failures", "src", "components", "scripts"], {
      quiet: true,
    }),
  );
}
console.log(`${failed ? "FAIL" : "ok  "} check, ${((performance.now() - started) / 1000).toFixed(1)} s`);
process.exit(failed ? 1 : 0);

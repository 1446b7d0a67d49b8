import { mkdirSync, readFileSync, statSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { parseArgs } from "node:util";
import { root, run } from "./shell.ts";

/** Targets whose runtime package exists. Only those that a test has run are called tested. */
export const targets: Readonly<Record<string, { readonly runtime: string; readonly tested: boolean }>> = {
  "linux-x64": { runtime: "@oven/bun-linux-x64", tested: true },
  "linux-x64-baseline": { runtime: "@oven/bun-linux-x64-baseline", tested: false },
  "linux-x64-musl": { runtime: "@oven/bun-linux-x64-musl", tested: false },
  "linux-arm64": { runtime: "@oven/bun-linux-aarch64", tested: false },
  "linux-arm64-musl": { runtime: "@oven/bun-linux-aarch64-musl", tested: false },
  "darwin-x64": { runtime: "@oven/bun-darwin-x64", tested: false },
  "darwin-arm64": { runtime: "@oven/bun-darwin-aarch64", tested: false },
  "windows-x64": { runtime: "@oven/bun-windows-x64", tested: false },
};

/** Entry points: the main program first; the storage writer is a second entry because it runs in a thread. */
export const entries = ["src/entry/main.ts", "src/storage/writer-thread.ts"];

function runtimeOf(target: string): string {
  const row = targets[target];
  if (row === undefined) throw new Error(`unknown target "${target}", known: ${Object.keys(targets).join(", ")}`);
  const require = createRequire(join(root, "package.json"));
  try {
    const folder = dirname(require.resolve(`${row.runtime}/package.json`));
    return join(folder, "bin", target.startsWith("windows") ? "bun.exe" : "bun");
  } catch {
    throw new Error(
      `the runtime of "${target}" is not installed: run "npm install --no-save --force ${row.runtime}@${bunVersion()}" and build again`,
    );
  }
}

function bunVersion(): string {
  const manifest = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as {
    devDependencies: Record<string, string>;
  };
  return manifest.devDependencies["bun"] ?? "";
}

/** Builds one executable and answers its path. */
export async function build(target: string | undefined, outfile: string): Promise<string> {
  mkdirSync(dirname(outfile), { recursive: true });
  const args = ["build", "--compile", "--minify", "--bytecode", "--splitting", "--format=esm", "--target=bun"];
  // The binary is the program: nothing in the folder it is started from may change how it runs.
  args.push("--no-compile-autoload-dotenv", "--no-compile-autoload-bunfig");
  if (target !== undefined) args.push(`--compile-executable-path=${runtimeOf(target)}`);
  const result = await run(process.execPath, [...args, ...entries, `--outfile=${outfile}`], { quiet: true });
  if (result.code !== 0) throw new Error(`could not build "${outfile}":\n${result.output}`);
  return outfile;
}

if (import.meta.main) {
  const { values } = parseArgs({
    options: { target: { type: "string", multiple: true }, outfile: { type: "string" } },
  });
  for (const target of values.target ?? [undefined]) {
    const name = target === undefined ? "pillion" : `pillion-${target}${target.startsWith("windows") ? ".exe" : ""}`;
    const started = performance.now();
    const path = await build(target, values.outfile ?? join(root, "dist", name));
    const megabytes = (statSync(path).size / 1e6).toFixed(0);
    const untested = target !== undefined && targets[target]?.tested === false ? " (built, not run)" : "";
    console.log(`${path}  ${megabytes} MB  ${((performance.now() - started) / 1000).toFixed(1)} s${untested}`);
  }
}

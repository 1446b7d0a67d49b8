import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
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
  "windows-arm64": { runtime: "@oven/bun-windows-aarch64", tested: false },
};

/** Entry points: the main program first; the storage writer is a second entry because it runs in a thread. */
export const entries = ["src/entry/main.ts", "src/storage/writer-thread.ts"];

/** The runtime that a target's executable begins with. npm fetches those of other machines into `dist/runtimes` once. */
async function runtimeOf(target: string): Promise<string> {
  const row = targets[target];
  if (row === undefined) throw new Error(`unknown target "${target}", known: ${Object.keys(targets).join(", ")}`);
  const folder = join(root, "dist/runtimes", `${target}-${bunVersion()}`);
  const program = join(folder, "package/bin", target.startsWith("windows") ? "bun.exe" : "bun");
  if (existsSync(program)) return program;
  mkdirSync(folder, { recursive: true });
  const name = `${row.runtime}@${bunVersion()}`;
  const npm = process.platform === "win32" ? "npm.cmd" : "npm";
  const packed = await run(npm, ["pack", "--silent", "--pack-destination", folder, name], { quiet: true });
  const archive = readdirSync(folder).find((file) => file.endsWith(".tgz"));
  if (packed.code !== 0 || archive === undefined) throw new Error(`could not fetch "${name}":\n${packed.output}`);
  const unpacked = await run("tar", ["-xzf", join(folder, archive), "-C", folder], { quiet: true });
  rmSync(join(folder, archive));
  if (unpacked.code !== 0 || !existsSync(program)) throw new Error(`could not unpack "${name}":\n${unpacked.output}`);
  return program;
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
  const args = ["build", "--compile", "--minify", "--bytecode", "--splitting", "--format=esm"];
  // The binary is the program: nothing in the folder it is started from may change how it runs.
  args.push("--no-compile-autoload-dotenv", "--no-compile-autoload-bunfig");
  args.push(target === undefined ? "--target=bun" : `--target=bun-${target}`);
  if (target !== undefined) args.push(`--compile-executable-path=${await runtimeOf(target)}`);
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

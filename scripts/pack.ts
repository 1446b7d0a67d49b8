import { copyFileSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { entries } from "./build.ts";
import { root, run } from "./shell.ts";

/** Where the npm package's program is written; `files` and `bin` of package.json name it. */
const folder = join(root, "dist", "npm");

interface Manifest {
  readonly name: string;
  readonly version: string;
  readonly license?: string;
  readonly optionalDependencies: Readonly<Record<string, string>>;
}

const readManifest = (path: string): Manifest => JSON.parse(readFileSync(path, "utf8")) as Manifest;

/** Folders of the packages whose files the bundle holds. */
function bundledPackages(metafile: string): string[] {
  const { inputs } = JSON.parse(readFileSync(metafile, "utf8")) as { inputs: Record<string, unknown> };
  const found = new Set<string>();
  for (const input of Object.keys(inputs)) {
    const match = /^(?:.*\/)?node_modules\/(?:@[^/]+\/)?[^/]+/.exec(input);
    if (match !== null) found.add(match[0]);
  }
  return [...found].sort();
}

/** The licences of bundled packages ask to go with every copy. */
function licences(packages: readonly string[]): string {
  const texts = packages.map((path) => {
    const { name, version, license } = readManifest(join(root, path, "package.json"));
    const file = ["LICENSE", "LICENSE.md", "LICENSE.txt", "LICENCE", "license"].find((one) =>
      existsSync(join(root, path, one)),
    );
    const text = file === undefined ? "" : `\n\n${readFileSync(join(root, path, file), "utf8").trim()}`;
    return `${name} ${version} (${license ?? "see its text"})${text}\n`;
  });
  return `Packages whose code is part of this program.\n\n${texts.join(`\n${"-".repeat(80)}\n\n`)}`;
}

/** Bundles the program and writes everything the npm package holds beside package.json, README and LICENSE. */
export async function pack(): Promise<string> {
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(join(folder, "storage"), { recursive: true });
  const metafile = join(folder, "meta.json");
  const args = ["build", "--target=bun", "--splitting", "--minify", "--format=esm", "--root=.", `--outdir=${folder}`];
  args.push("--chunk-naming=src/chunks/[name]-[hash].[ext]", `--metafile=${metafile}`, ...entries);
  const result = await run(process.execPath, args, { quiet: true });
  if (result.code !== 0) throw new Error(`could not bundle "${folder}":\n${result.output}`);
  // Every bundled file lies two folders deep, as the platform's sources do, so that this is where the thread is looked for.
  writeFileSync(join(folder, "storage/writer-thread.ts"), 'import "../src/storage/writer-thread.js";\n');
  writeFileSync(join(folder, "bunfig.toml"), "");
  const { optionalDependencies } = readManifest(join(root, "package.json"));
  const [version] = Object.values(optionalDependencies);
  writeFileSync(join(folder, "runtime.json"), `${JSON.stringify({ version })}\n`);
  writeFileSync(join(folder, "LICENSES.txt"), licences(bundledPackages(metafile)));
  rmSync(metafile);
  copyFileSync(join(dirname(new URL(import.meta.url).pathname), "launcher.mjs"), join(folder, "pillion.mjs"));
  return folder;
}

if (import.meta.main) console.error(`bundled ${await pack()}`);

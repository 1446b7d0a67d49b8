import { execFile } from "node:child_process";
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, relative, resolve, sep } from "node:path";
import { promisify } from "node:util";

const root = resolve(import.meta.dirname, "..");
const protoDir = join(root, "src", "proto");
const genDir = join(root, "src", "gen");
const run = promisify(execFile);

/**
 * Generates `src/gen` from `src/proto` and resolves to the files that changed, relative to the repository.
 * With `check` nothing is written: the files are those that are missing, stale or left over.
 * Rejects with the compiler's output when a `.proto` file is wrong.
 */
export async function generateProto({ check = false }: { check?: boolean } = {}): Promise<string[]> {
  const before = await readTree(genDir);
  if (!check) {
    await buf(protoDir);
    return changes(before, await readTree(genDir));
  }
  const temp = await mkdtemp(join(tmpdir(), "gen-proto-"));
  try {
    // The plugin's `out` is relative to the base directory given with `--output`: <temp>/proto/../gen.
    await buf(join(temp, "proto"));
    return changes(before, await readTree(join(temp, "gen")));
  } finally {
    await rm(temp, { recursive: true, force: true });
  }
}

async function buf(output: string): Promise<void> {
  const command = join(root, "node_modules", ".bin", "buf");
  try {
    await run(command, ["generate", "--output", output], { cwd: protoDir });
  } catch (error) {
    const { stderr = "" } = error as { stderr?: string };
    throw new Error(`cannot generate src/gen: ${stderr.trim() || String(error)}`, { cause: error });
  }
}

async function readTree(dir: string): Promise<Map<string, string>> {
  const entries = await readdir(dir, { recursive: true, withFileTypes: true }).catch(() => []);
  const files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  const texts = await Promise.all(files.map((file) => readFile(file, "utf8")));
  return new Map(files.map((file, i) => [relative(dir, file).split(sep).join("/"), texts[i] ?? ""]));
}

function changes(before: Map<string, string>, after: Map<string, string>): string[] {
  const names = new Set([...before.keys(), ...after.keys()]);
  return [...names]
    .filter((name) => before.get(name) !== after.get(name))
    .sort()
    .map((name) => `src/gen/${name}`);
}

if (import.meta.main) {
  const check = process.argv.includes("--check");
  const files = await generateProto({ check });
  for (const file of files) console.log(`${check ? "stale" : "wrote"} ${file}`);
  if (check && files.length > 0) {
    console.error("src/gen does not match src/proto: run `bun scripts/gen-proto.ts`");
    process.exitCode = 1;
  }
}

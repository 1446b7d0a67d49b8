// Runs a script of this project with Bun on a machine that has only Node 20 and npm: installs the
// dependencies first when they are missing or older than the lock file.
import { spawnSync } from "node:child_process";
import { existsSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");
const marker = join(root, "node_modules/.package-lock.json");
const lock = join(root, "package-lock.json");

function run(command, args) {
  const result = spawnSync(command, args, { cwd: root, stdio: "inherit", shell: process.platform === "win32" });
  if (result.error) {
    console.error(`could not run "${command}": ${result.error.message}`);
    process.exit(1);
  }
  return result.status ?? 1;
}

const [name, ...rest] = process.argv.slice(2);
const script = { quickstart: "scripts/quickstart.ts", test: "scripts/test.ts" }[name ?? ""];
if (script === undefined) {
  console.error(`unknown script "${name ?? ""}", known: quickstart, test`);
  process.exit(2);
}
if (!existsSync(marker) || statSync(marker).mtimeMs < statSync(lock).mtimeMs) {
  const status = run("npm", ["ci", "--no-audit", "--no-fund"]);
  if (status !== 0) process.exit(status);
}
process.exit(run(join(root, "node_modules/.bin", process.platform === "win32" ? "bun.exe" : "bun"), [script, ...rest]));

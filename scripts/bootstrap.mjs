// Runs a script of this project with Bun on a machine that has only Node 20 and npm: installs the
// dependencies first when they are missing or were installed from another lock file.
import { spawnSync } from "node:child_process";
import { copyFileSync, existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");
const lock = join(root, "package-lock.json");
/** The lock file that the installed packages came from. */
const installed = join(root, "node_modules/.installed-from.json");

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
if (!existsSync(installed) || readFileSync(installed, "utf8") !== readFileSync(lock, "utf8")) {
  // What is there may be in use: it is changed, not removed first.
  const how = existsSync(join(root, "node_modules")) ? ["install", "--no-save"] : ["ci"];
  const status = run("npm", [...how, "--no-audit", "--no-fund"]);
  if (status !== 0) process.exit(status);
  copyFileSync(lock, installed);
}
process.exit(run(join(root, "node_modules/.bin", process.platform === "win32" ? "bun.exe" : "bun"), [script, ...rest]));

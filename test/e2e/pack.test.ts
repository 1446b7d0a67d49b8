import assert from "node:assert/strict";
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { delimiter, dirname, join } from "node:path";
import { before, describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { freePorts } from "../../scripts/free-ports.ts";
import { temporaryFolder } from "../harness/temporary-folder.ts";

const root = join(dirname(fileURLToPath(import.meta.url)), "../..");

/** The machine's own Node and npm: this checkout's tools are not to be found. */
const path = (process.env["PATH"] ?? "")
  .split(delimiter)
  .filter((folder) => !folder.includes("node_modules"))
  .join(delimiter);
const env: NodeJS.ProcessEnv = {
  ...Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^npm_|^BUN_|^NODE_/.test(name))),
  PATH: path,
  npm_config_audit: "false",
  npm_config_fund: "false",
  npm_config_prefer_offline: "true",
  npm_config_update_notifier: "false",
};

function npm(cwd: string, ...args: string[]): string {
  const { status, stdout, stderr } = spawnSync("npm", args, { cwd, env, encoding: "utf8", timeout: 110_000 });
  assert.equal(status, 0, `npm ${args.join(" ")}:\n${stdout}${stderr}`);
  return stdout;
}

const app = `
const url = "http://127.0.0.1:" + process.env.DAPR_HTTP_PORT + "/v1.0/state/statestore";
const saved = await fetch(url, { method: "POST", body: JSON.stringify([{ key: "k", value: { n: 1 } }]) });
const read = await fetch(url + "/k");
let input = "";
for await (const chunk of process.stdin) input += chunk;
console.log("app:", saved.status, read.status, await read.text(), process.env.FROM_DOTENV ?? "clean", input.trim());
process.exit(7);
`;

async function isGone(pid: number): Promise<boolean> {
  for (let tries = 0; tries < 500; tries++) {
    try {
      process.kill(pid, 0);
    } catch {
      return true;
    }
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  return false;
}

function take(child: ChildProcess): () => string {
  let output = "";
  for (const stream of [child.stdout, child.stderr]) stream?.on("data", (chunk) => (output += String(chunk)));
  return () => output;
}

describe("the npm package, installed from its tarball into an empty folder", () => {
  const folder = temporaryFolder().path;
  const home = join(folder, "home");
  const launcher = join(home, "node_modules/pillion/dist/npm/pillion.mjs");

  before(
    () => {
      mkdirSync(home);
      // The tarball is made with this checkout's tools, as on the machine of who publishes it.
      const packed = spawnSync("npm", ["pack", "--silent", "--pack-destination", folder], {
        cwd: root,
        encoding: "utf8",
      });
      assert.equal(packed.status, 0, packed.stderr);
      const [tarball = ""] = readdirSync(folder).filter((name) => name.endsWith(".tgz"));
      npm(home, "install", join(folder, tarball));
      const version = spawnSync("node", ["--version"], { env, encoding: "utf8" }).stdout.trim();
      console.log(`the package runs on Node ${version}`);
    },
    { timeout: 120_000 },
  );

  test("brings the runtime alone", () => {
    assert.deepEqual(
      readdirSync(join(home, "node_modules"))
        .filter((name) => !name.startsWith("."))
        .sort(),
      ["@oven", "pillion"],
    );
    assert.equal(readdirSync(join(home, "node_modules/@oven")).length, 1);
    assert.ok(readFileSync(join(home, "node_modules/pillion/dist/npm/LICENSES.txt"), "utf8").includes("valibot"));
  });

  test("npx pillion version", () => {
    const { version } = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as { version: string };
    const result = spawnSync("npx", ["--no", "pillion", "version"], { cwd: home, env, encoding: "utf8" });
    assert.ok(result.stdout.includes(version), result.stdout + result.stderr);
  });

  test("npx pillion run: state, standard input, exit code, nothing read from the folder", async () => {
    writeFileSync(join(home, "app.mjs"), app);
    writeFileSync(join(home, ".env"), "FROM_DOTENV=dirty\n");
    writeFileSync(join(home, "bunfig.toml"), 'preload = ["./missing.ts"]\n');
    const args = ["--no", "pillion", "run", "--app-id", "packed", "--data-dir", join(folder, "data")];
    const child = spawn("npx", [...args, "--", "node", "app.mjs"], { cwd: home, env });
    const output = take(child);
    child.stdin.end("typed words\n");
    const code = await new Promise((resolve) => child.once("close", resolve));
    assert.match(output(), /app: 204 200 \{"n":1\} clean typed words/);
    assert.equal(code, 7, output());
  });

  test("a signal ends it in order; kill -9 leaves nothing behind", async () => {
    for (const signal of ["SIGTERM", "SIGKILL"] as const) {
      const [port = 0] = await freePorts(1);
      const args = ["run", "--app-id", "packed", "--data-dir", join(folder, "data"), "--dapr-http-port", String(port)];
      const command = ["--", "node", "-e", "console.log('pid', process.pid); setInterval(() => {}, 1e6)"];
      const child = spawn("node", [launcher, ...args, ...command], {
        cwd: home,
        env,
        stdio: ["ignore", "pipe", "pipe"],
      });
      const output = take(child);
      const exited = new Promise((resolve) => child.once("exit", resolve));
      let pid = 0;
      for (let tries = 0; tries < 1500 && pid === 0; tries++) {
        await new Promise((resolve) => setTimeout(resolve, 20));
        pid = Number(/pid (\d+)\n/.exec(output())?.[1] ?? 0);
      }
      assert.notEqual(pid, 0, output());
      child.kill(signal);
      const code = await exited;
      assert.equal(signal === "SIGTERM" ? typeof code : code, signal === "SIGTERM" ? "number" : null);
      assert.ok(await isGone(pid), `the app outlived ${signal}`);
      await assert.rejects(fetch(`http://127.0.0.1:${port}/v1.0/healthz`), "the runtime still listens");
    }
  });
});

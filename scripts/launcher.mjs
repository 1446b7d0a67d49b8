#!/usr/bin/env node
// The command `pillion` of the npm package, on Node 20 and later: runs the bundled program beside this file on the
// runtime that npm chose for this machine. Where Node can, it becomes that runtime; elsewhere it stays between.
import { spawn } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { constants } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const here = dirname(fileURLToPath(import.meta.url));
const require = createRequire(import.meta.url);
const isWindows = process.platform === "win32";

/** Packages that could hold the runtime of this machine, the wanted one first. */
function runtimePackages() {
  const system = isWindows ? "windows" : process.platform;
  const name = `@oven/bun-${system}-${process.arch === "arm64" ? "aarch64" : process.arch}`;
  if (system !== "linux") return [`${name}-baseline`, name];
  const usesGlibc = process.report.getReport().header.glibcVersionRuntime !== undefined;
  return usesGlibc ? [`${name}-baseline`, name] : [`${name}-musl-baseline`, `${name}-musl`];
}

function findRuntime() {
  const names = runtimePackages();
  const { version } = JSON.parse(readFileSync(join(here, "runtime.json"), "utf8"));
  // The package "bun" moves the file out of the package for this machine into its own when both are installed.
  for (const [name, file] of [...names.map((one) => [one, isWindows ? "bun.exe" : "bun"]), ["bun", "bun.exe"]]) {
    try {
      const manifest = require.resolve(`${name}/package.json`);
      const path = join(dirname(manifest), "bin", file);
      if (existsSync(path) && JSON.parse(readFileSync(manifest, "utf8")).version === version) return path;
    } catch {
      // not installed
    }
  }
  console.error(`pillion: the runtime of this machine is not installed, run "npm install ${names.at(-1)}@${version}"`);
  process.exit(1);
}

// A folder that Pillion is started in must not change how it runs: no .env file, no bunfig.toml of that folder.
const runtime = findRuntime();
const args = ["--no-env-file", `--config=${join(here, "bunfig.toml")}`, join(here, "src/entry/main.js")];
args.push(...process.argv.slice(2));

/** Signals that came to us go on to the program, once: a terminal and npx both send the same Ctrl+C. */
function passSignals(child) {
  const last = new Map();
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) {
    process.on(signal, () => {
      const now = Date.now();
      if (now - (last.get(signal) ?? 0) > 300) child.kill(signal);
      last.set(signal, now);
    });
  }
}

function startRuntime() {
  if (isWindows) return spawn(runtime, args, { stdio: "inherit" });
  // A watcher in the program's group reads from a pipe that only we hold; when we are gone it ends the group.
  const watched = `(trap "" INT TERM HUP QUIT; read _ <&3; kill -KILL 0) >/dev/null 2>&1 & exec "$@" 3<&-`;
  return spawn("/bin/sh", ["-c", watched, "sh", runtime, ...args], {
    stdio: ["inherit", "inherit", "inherit", "pipe"],
    detached: true,
  });
}

if (!isWindows && typeof process.execve === "function") {
  process.emitWarning = () => {};
  process.execve(runtime, [runtime, ...args], process.env);
} else {
  const child = startRuntime();
  passSignals(child);
  child.on("error", (error) => {
    console.error(`pillion: could not start "${runtime}": ${error.message}`);
    process.exit(1);
  });
  child.on("exit", (code, signal) => {
    if (signal === "SIGILL") {
      console.error(`pillion: this processor is too old for "${runtime}", install the package with "-baseline" added`);
    }
    process.exit(code ?? 128 + constants.signals[signal]);
  });
}

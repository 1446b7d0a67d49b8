import type { ChildProcess } from "node:child_process";
import { spawn } from "node:child_process";
import process from "node:process";

/** A script of ours as a process of its own, under the runtime that runs the test. */
export interface ScriptRun {
  readonly child: ChildProcess;
  /** Resolves when the script has printed this line; rejects when it ends without. */
  printed(line: string): Promise<void>;
  /** Resolves with the exit code. */
  readonly ended: Promise<number | null>;
}

/** Starts the script; its errors go to the test's own stderr. */
export function runScript(path: string, args: readonly string[]): ScriptRun {
  const before = "Deno" in globalThis ? ["run", "-A", "--quiet"] : [];
  const child = spawn(process.execPath, [...before, path, ...args], { stdio: ["pipe", "pipe", "inherit"] });
  let output = "";
  const waiting = new Set<() => void>();
  const look = (): void => {
    for (const each of [...waiting]) each();
  };
  child.stdout?.on("data", (chunk) => {
    output += String(chunk);
    look();
  });
  let isOver = false;
  const ended = new Promise<number | null>((resolve) => {
    child.on("close", (code) => {
      isOver = true;
      look();
      resolve(code);
    });
  });
  return {
    child,
    ended,
    printed: (line) =>
      new Promise((resolve, reject) => {
        const check = (): void => {
          if (`\n${output}`.includes(`\n${line}\n`)) {
            waiting.delete(check);
            resolve();
          } else if (isOver) reject(new Error(`${path} ended without printing ${JSON.stringify(line)}`));
        };
        waiting.add(check);
        check();
      }),
  };
}

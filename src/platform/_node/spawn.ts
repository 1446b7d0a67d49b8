import type { ChildProcess } from "node:child_process";
import { constants } from "node:os";
import type { Child, SpawnOptions } from "../types.ts";
import { guardedCommand, missingProgram } from "./guard.ts";
import { toWebStream } from "./web-stream.ts";

const exitOf = (child: ChildProcess, command: string) =>
  new Promise<number>((resolve, reject) => {
    child.once("exit", (code, signal) => resolve(code ?? 128 + (signal === null ? 0 : constants.signals[signal])));
    child.once("error", (error: NodeJS.ErrnoException) => {
      if (child.pid === undefined)
        reject(new Error(`starting "${command}" failed: ${error.message}`, { cause: error }));
    });
  });

/**
 * Starts a program. `exited` rejects when it could not be started (then `pid` is -1). With `group`, `kill` reaches every process of
 * the child's group, also after the child itself ended.
 */
export function spawnChild(command: readonly string[], options: SpawnOptions): Child {
  const { spawn } = process.getBuiltinModule("node:child_process");
  const [program = ""] = command;
  const stdin = options.stdin ?? "ignore";
  const isGuarded = options.guarded === true && process.platform !== "win32";
  const [file = "", ...args] = isGuarded ? guardedCommand(command) : command;
  const group = isGuarded || (options.group ?? false);
  const child = (() => {
    try {
      const cwd = options.cwd ?? process.cwd();
      const missing = isGuarded ? missingProgram(program, cwd, (options.env ?? process.env)["PATH"]) : undefined;
      if (missing !== undefined) return new Error(missing);
      return spawn(file, args, {
        cwd: options.cwd,
        env: options.env as NodeJS.ProcessEnv | undefined,
        stdio: [
          stdin,
          options.stdout ?? "inherit",
          options.stderr ?? "inherit",
          ...(isGuarded ? (["pipe"] as const) : []),
        ],
        detached: group,
      });
    } catch (error) {
      // portable: some runtimes throw, some emit `error`
      return error as Error;
    }
  })();
  if (child instanceof Error) {
    const exited = Promise.reject(new Error(`starting "${program}" failed: ${child.message}`, { cause: child }));
    exited.catch(() => {});
    return { pid: -1, exited, stdout: null, stderr: null, kill() {} };
  }
  const exited = exitOf(child, program);
  exited.catch(() => {});
  // Held by the answer's closures, because letting go of it ends the child.
  const lease = isGuarded ? child.stdio[3] : undefined;
  lease?.on("error", () => undefined);
  child.once("exit", () => lease?.destroy());
  return {
    pid: child.pid ?? -1,
    exited,
    stdout: child.stdout && toWebStream(child.stdout),
    stderr: child.stderr && toWebStream(child.stderr),
    kill(signal) {
      if (child.pid === undefined) return;
      try {
        process.kill(group ? -child.pid : child.pid, signal);
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
      }
    },
  };
}

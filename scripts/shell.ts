import { spawn } from "node:child_process";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

/** The repository's root folder. */
export const root = join(dirname(fileURLToPath(import.meta.url)), "..");

/** Path of a program that npm installed for this project. */
export function tool(name: string): string {
  return join(root, "node_modules/.bin", process.platform === "win32" ? `${name}.cmd` : name);
}

export interface Finished {
  readonly code: number;
  /** What ended it, when it did not end by itself. */
  readonly signal?: NodeJS.Signals;
  readonly output: string;
  readonly seconds: number;
  /** It was ended because it took too long. */
  readonly isLate: boolean;
}

export interface RunOptions {
  /** Keep the output without showing it. */
  readonly quiet?: boolean;
  readonly env?: Record<string, string>;
  /** Ends the program after so long. */
  readonly limitSeconds?: number;
}

/** Runs a program in the repository's root; its output is kept, and shown too unless `quiet`. */
export function run(command: string, args: readonly string[], options: RunOptions = {}): Promise<Finished> {
  const started = performance.now();
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, {
      cwd: root,
      stdio: ["ignore", "pipe", "pipe"],
      env: { ...process.env, ...options.env },
    });
    let output = "";
    let isLate = false;
    const end = (): void => {
      isLate = true;
      child.kill("SIGTERM");
      kill = setTimeout(() => {
        child.kill("SIGKILL");
        // What it had started may still hold these.
        child.stdout.destroy();
        child.stderr.destroy();
      }, 10_000);
    };
    let kill: NodeJS.Timeout | undefined;
    const limit = options.limitSeconds === undefined ? undefined : setTimeout(end, options.limitSeconds * 1000);
    const take = (target: NodeJS.WriteStream) => (chunk: Buffer) => {
      output += chunk.toString();
      if (!options.quiet) target.write(chunk);
    };
    child.stdout.on("data", take(process.stdout));
    child.stderr.on("data", take(process.stderr));
    child.on("error", reject);
    child.on("close", (code, signal) => {
      clearTimeout(limit);
      clearTimeout(kill);
      const seconds = (performance.now() - started) / 1000;
      resolve({ code: code ?? 1, ...(signal === null ? {} : { signal }), output, seconds, isLate });
    });
  });
}

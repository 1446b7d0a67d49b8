import { type ChildProcess, spawn } from "node:child_process";
import { watch } from "node:fs";

export interface RerunOptions {
  readonly command: readonly [program: string, ...args: string[]];
  readonly cwd: string;
  /** Folders that are watched with all below them. */
  readonly folders: readonly string[];
  /** Whether a change of this file, by its path below the folder, matters. */
  concerns(path: string): boolean;
  /** Tells what happens, a line each. */
  say(line: string): void;
  /** Changes that come within so many milliseconds count as one. */
  readonly settleMs?: number;
  /** How long a command may take to end before it is killed. */
  readonly graceMs?: number;
}

/** A command that is run anew after each change. */
export interface Rerun {
  /** Ends the command and the watching; the answer comes when both have ended. */
  stop(): Promise<void>;
}

/** Runs a command, and again whenever a file changed. One that ends by itself is started with the next change. */
export function rerunOnChange(options: RerunOptions): Rerun {
  const { say, settleMs = 200, graceMs = 10_000 } = options;
  const [program, ...args] = options.command;
  let isStopped = false;
  let timer: NodeJS.Timeout | undefined;
  let running: { readonly child: ChildProcess; readonly ended: Promise<void> } | undefined;
  let work = Promise.resolve();

  function start(): void {
    // In a group of its own, so that Ctrl+C reaches it once, from here.
    const child = spawn(program, args, { cwd: options.cwd, stdio: ["ignore", "inherit", "inherit"], detached: true });
    const ended = new Promise<void>((resolve) => {
      const over = (how: string): void => {
        // What was ended from here is no longer the running one.
        if (running?.child === child) {
          running = undefined;
          if (!isStopped) say(`ended with ${how}, waiting for a change`);
        }
        resolve();
      };
      child.once("error", (error) => over(error.message));
      child.once("exit", (code, signal) => over(String(code ?? signal)));
    });
    running = { child, ended };
  }

  async function end(): Promise<void> {
    const before = running;
    if (before === undefined) return;
    running = undefined;
    before.child.kill("SIGINT");
    const late = setTimeout(() => before.child.kill("SIGKILL"), graceMs);
    await before.ended;
    clearTimeout(late);
  }

  function changed(path: string): void {
    if (isStopped || !options.concerns(path)) return;
    clearTimeout(timer);
    timer = setTimeout(() => {
      work = work.then(async () => {
        if (isStopped) return;
        say(`${path} changed, starting again`);
        await end();
        if (!isStopped) start();
      });
    }, settleMs);
  }

  const watchers = options.folders.map((folder) =>
    watch(folder, { recursive: true }, (_event, path) => changed(String(path ?? ""))),
  );
  start();
  return {
    async stop() {
      isStopped = true;
      clearTimeout(timer);
      for (const watcher of watchers) watcher.close();
      await work;
      await end();
    },
  };
}

import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { executable as built } from "./daprd-process.ts";
import { temporaryFolder } from "./temporary-folder.ts";

const here = dirname(fileURLToPath(import.meta.url));

/** The compiled executable under test. */
export const executable = built;
/** Node of the project, for apps. */
export const node = join(here, "../../node_modules/.bin/node");
/** The app that command line tests run; its behaviour comes from its environment. */
export const appScript = join(here, "cli-app.mjs");

/** One row of `list -o json`. */
export interface Listed {
  readonly appId: string;
  readonly httpPort: number;
  readonly daprdPid: number;
  readonly appPid: number;
  readonly runTemplatePath: string;
  readonly appLogPath: string;
  readonly daprdLogPath: string;
}

export interface PillionSettings {
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
  /** Its data folder; a new one by default. */
  readonly dataDir?: string;
}

function environment(settings: PillionSettings): Record<string, string> {
  return { PATH: process.env["PATH"] ?? "", HOME: "/nonexistent", ...settings.env };
}

/** Runs a command to its end. */
export function pillion(args: readonly string[], settings: PillionSettings = {}) {
  const more = settings.dataDir === undefined ? [] : ["--data-dir", settings.dataDir];
  const { status, stdout, stderr } = spawnSync(executable, [...args, ...more], {
    cwd: settings.cwd ?? temporaryFolder().path,
    env: environment(settings),
    encoding: "utf8",
  });
  return { code: status, stdout, stderr, output: stdout + stderr };
}

/** Waits for something to become true, for at most half a minute. */
export async function until<T>(
  what: string,
  look: () => T | undefined | false | Promise<T | undefined | false>,
): Promise<T> {
  for (const end = Date.now() + 30_000; ; await new Promise((resolve) => setTimeout(resolve, 20))) {
    const found = await look();
    if (found !== undefined && found !== false) return found;
    if (Date.now() > end) throw new Error(`waited 30 s for ${what}`);
  }
}

/**
 * Whether something becomes true within a time in which this process gets to run: what a busy machine takes from it does not count.
 */
export async function within(ms: number, holds: () => boolean): Promise<boolean> {
  const stepMs = 20;
  for (let turns = ms / stepMs; turns > 0 && !holds(); turns--)
    await new Promise((resolve) => setTimeout(resolve, stepMs));
  return holds();
}

/** Whether a process lives; what nobody has collected yet does not. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    const stat = process.platform === "linux" ? readFileSync(`/proc/${pid}/stat`, "utf8") : "";
    return !/^[ZX]/.test(stat.slice(stat.lastIndexOf(")") + 2));
  } catch {
    return false;
  }
}

/** A `pillion run` that goes on. Disposing of it kills it. */
export interface PillionRun extends Disposable {
  readonly child: ChildProcess;
  readonly dataDir: string;
  readonly exited: Promise<number | null>;
  logs(): string;
  /** Resolves when the text has been printed; rejects with the log when the process ends without. */
  printed(text: string, times?: number): Promise<void>;
  /** Resolves with the match when what has been printed has it; rejects with the log when the process ends without. */
  matched(pattern: RegExp): Promise<RegExpExecArray>;
  /** The apps that it, and others of its data folder, serve. */
  list(): readonly Listed[];
  /** Address of the HTTP API of an app of its data folder, once that is listed. */
  url(appId: string): Promise<string>;
  /** Resolves when an app's sidecar is healthy, its app included. */
  ready(appId: string): Promise<string>;
  signal(signal: NodeJS.Signals): void;
  /** Ctrl+C, and the exit code. */
  stop(): Promise<number | null>;
}

/** Starts `pillion run` with the arguments. */
export function startRun(args: readonly string[], settings: PillionSettings = {}): PillionRun {
  const dataDir = settings.dataDir ?? join(temporaryFolder().path, "data");
  const child = spawn(executable, ["run", "--data-dir", dataDir, ...args], {
    cwd: settings.cwd ?? temporaryFolder().path,
    env: environment(settings),
    stdio: ["ignore", "pipe", "pipe"],
  });
  let output = "";
  let isOver = false;
  const waiting = new Set<() => void>();
  const look = (): void => {
    for (const each of [...waiting]) each();
  };
  for (const stream of [child.stdout, child.stderr]) {
    stream?.on("data", (chunk) => {
      output += String(chunk);
      look();
    });
  }
  const exited = new Promise<number | null>((resolve) => {
    child.on("close", (code) => {
      isOver = true;
      look();
      resolve(code);
    });
  });
  const wait = <T>(what: string, find: () => T | null): Promise<T> =>
    new Promise((resolve, reject) => {
      const check = (): void => {
        const found = find();
        if (found !== null) {
          waiting.delete(check);
          resolve(found);
        } else if (isOver) reject(new Error(`the run ended without printing ${what}:\n${output}`));
      };
      waiting.add(check);
      check();
    });
  const list = (): readonly Listed[] => {
    const { stdout } = pillion(["list", "-o", "json"], { dataDir });
    return JSON.parse(stdout) as Listed[];
  };
  const url = (appId: string): Promise<string> =>
    until(`"${appId}" to be listed`, () => {
      if (isOver) throw new Error(`the run ended before "${appId}" was listed:\n${output}`);
      const port = list().find((app) => app.appId === appId)?.httpPort;
      return port === undefined ? undefined : `http://127.0.0.1:${port}`;
    });
  return {
    child,
    dataDir,
    exited,
    logs: () => output,
    printed: (text, times = 1) =>
      wait(JSON.stringify(text), () => (output.split(text).length > times ? undefined : null)),
    matched: (pattern) => wait(String(pattern), () => pattern.exec(output)),
    list,
    url,
    async ready(appId) {
      const base = await url(appId);
      await until(`"${appId}" to be healthy`, async () => {
        if (isOver) throw new Error(`the run ended before "${appId}" was healthy:\n${output}`);
        return (await fetch(`${base}/v1.0/healthz`).catch(() => undefined))?.status === 204;
      });
      return base;
    },
    signal: (signal) => void child.kill(signal),
    stop() {
      child.kill("SIGINT");
      return exited;
    },
    [Symbol.dispose]: () => void child.kill("SIGKILL"),
  };
}

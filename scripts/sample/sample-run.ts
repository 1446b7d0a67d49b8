import { type ChildProcess, spawn } from "node:child_process";
import { createServer } from "node:net";
import { join } from "node:path";
import { root, run, tool } from "../shell.ts";

/** What the sample can run on: the executable, or the sources on another runtime. */
export const sampleRuntimes = ["executable", "deno", "node"] as const;
export type SampleRuntime = (typeof sampleRuntimes)[number];

/** The command line of Pillion on a runtime, without arguments. */
export function pillionCommand(runtime: SampleRuntime): readonly string[] {
  if (runtime === "deno") return [tool("deno"), "run", "-A", join(root, "src/entry/deno.ts")];
  if (runtime === "node") {
    return [tool("node"), "--disable-warning=ExperimentalWarning", join(root, "src/entry/node.ts")];
  }
  return [join(root, "dist", "pillion")];
}

interface ListedApp {
  readonly appId: string;
  readonly httpPort: number;
}

/** The sample's two services under one Pillion. */
export interface SampleRun {
  /** URL of the app's HTTP API, once its runtime and the app are ready. Rejects when the run ends before, or after `seconds`. */
  api(appId: string, seconds: number): Promise<string>;
  /** The newest lines of both services and the runtime. */
  log(): string;
  readonly exited: Promise<number>;
  /** Ends it in order, or after 15 s at once. */
  stop(): Promise<number>;
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** Looks until there is something, at most so many seconds. What a look throws is the reason told then. */
export async function until<T>(what: string, seconds: number, look: () => Promise<T | undefined>): Promise<T> {
  const end = Date.now() + seconds * 1000;
  let reason = "";
  for (;;) {
    try {
      const found = await look();
      if (found !== undefined) return found;
    } catch (error) {
      reason = error instanceof Error ? `: ${error.message}` : "";
    }
    if (Date.now() > end) throw new Error(`waited ${seconds} s for ${what}${reason}`);
    await pause(100);
  }
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", () => resolve(false));
    server.listen(port, "127.0.0.1", () => server.close(() => resolve(true)));
  });
}

/** Throws with advice when a port of the sample's services is taken. */
export async function needPorts(): Promise<void> {
  for (const port of [6101, 6102]) {
    if (await isFree(port)) continue;
    throw new Error(
      `port ${port}, on which a service of the sample listens, is taken: end the program that holds it (another quickstart, perhaps), or change appPort in scripts/sample/dapr.yaml`,
    );
  }
}

/** Starts the sample with its data in a folder. */
export function startSample(runtime: SampleRuntime, dataDir: string): SampleRun {
  const [program = "", ...before] = pillionCommand(runtime);
  const child: ChildProcess = spawn(program, [...before, "run", "-f", "scripts/sample", "--data-dir", dataDir], {
    cwd: root,
    stdio: ["ignore", "pipe", "pipe"],
    // A group of its own: Ctrl+C reaches this program, which then ends the sample in order.
    detached: process.platform !== "win32",
  });
  let lines: string[] = [];
  for (const stream of [child.stdout, child.stderr]) {
    stream?.on("data", (chunk: Buffer) => {
      lines = [...lines, ...chunk.toString().split("\n").filter(Boolean)].slice(-60);
    });
  }
  let code: number | undefined;
  const exited = new Promise<number>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (status) => {
      code = status ?? 1;
      resolve(code);
    });
  });
  exited.catch(() => undefined);
  const listed = async (appId: string): Promise<string | undefined> => {
    if (code !== undefined) return "";
    const { output } = await run(program, [...before, "list", "--output", "json", "--data-dir", dataDir], {
      quiet: true,
    });
    const found = (JSON.parse(output) as ListedApp[]).find((app) => app.appId === appId);
    if (found === undefined) return undefined;
    const url = `http://127.0.0.1:${found.httpPort}/v1.0`;
    return (await fetch(`${url}/healthz`)).status === 204 ? url : undefined;
  };
  return {
    async api(appId, seconds) {
      const url = await until(`"${appId}" to be ready`, seconds, () => listed(appId));
      if (url === "") throw new Error(`the sample ended with exit code ${code} before "${appId}" was ready`);
      return url;
    },
    log: () => lines.join("\n"),
    exited,
    async stop() {
      if (code === undefined) child.kill("SIGINT");
      const end = setTimeout(() => child.kill("SIGKILL"), 15_000);
      return exited.finally(() => clearTimeout(end));
    },
  };
}

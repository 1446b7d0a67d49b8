import { spawn, spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { tool } from "../../scripts/shell.ts";

/** A worker under workerd. */
export interface RunningWorker {
  readonly url: string;
  /** All that it printed. */
  printed(): string;
  stop(): Promise<void>;
}

/** Why workerd cannot run on this machine; undefined when it can. */
export function workerdFault(): string | undefined {
  const { status, error, stderr } = spawnSync(tool("workerd"), ["--version"], { encoding: "utf8" });
  return status === 0 ? undefined : `workerd cannot run here: ${error?.message ?? stderr}`;
}

/** Starts workerd on a module with text and JSON bindings and waits until it listens. */
export async function startWorker(module: string, bindings: Readonly<Record<string, unknown>>): Promise<RunningWorker> {
  const rows = Object.entries(bindings).map(([name, value]) => {
    const given = typeof value === "string" ? `text = ${JSON.stringify(value)}` : `json = ${json(value)}`;
    return `(name = ${JSON.stringify(name)}, ${given})`;
  });
  const folder = dirname(module);
  const config = join(folder, `worker-${crypto.randomUUID()}.capnp`);
  writeFileSync(
    config,
    `using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [
    (name = "main", worker = (
      modules = [(name = "worker.js", esModule = embed ${JSON.stringify(basename(module))})],
      compatibilityDate = "2026-01-01",
      bindings = [${rows.join(", ")}],
    )),
    (name = "internet", network = (allow = ["public", "private"])),
  ],
  sockets = [(name = "http", address = "127.0.0.1:0", http = (), service = "main")],
);
`,
  );
  const child = spawn(tool("workerd"), ["serve", "--control-fd=1", config], { stdio: ["ignore", "pipe", "pipe"] });
  let output = "";
  const listening = Promise.withResolvers<number>();
  const take = (chunk: unknown): void => {
    output += String(chunk);
    const port = /"event":"listen","socket":"http","port":(\d+)/.exec(output)?.[1];
    if (port !== undefined) listening.resolve(Number(port));
  };
  child.stdout.on("data", take);
  child.stderr.on("data", take);
  const ended = new Promise<void>((resolve) => {
    child.on("close", (code) => {
      listening.reject(new Error(`workerd ended with ${code}:\n${output}`));
      resolve();
    });
  });
  const port = await listening.promise;
  return {
    url: `http://127.0.0.1:${port}`,
    printed: () => output,
    async stop() {
      child.kill("SIGTERM");
      await ended;
    },
  };
}

function json(value: unknown): string {
  return JSON.stringify(JSON.stringify(value));
}

import { spawn } from "node:child_process";
import { writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { freePorts } from "../../scripts/free-ports.ts";
import { temporaryFolder } from "./temporary-folder.ts";

/** The compiled executable that the build wrote; PILLION_EXECUTABLE names another. */
export const executable =
  process.env["PILLION_EXECUTABLE"] ?? join(dirname(fileURLToPath(import.meta.url)), "../../dist/pillion");

export interface DaprdSettings {
  readonly appId?: string;
  /** YAML documents, one file each. */
  readonly resources?: readonly string[];
  readonly args?: readonly string[];
  readonly env?: Record<string, string>;
  /** Runs the executable under these words, for example a tracer with its flags. */
  readonly under?: readonly string[];
}

/** One `pillion daprd` process of the compiled executable, in an empty folder. */
export interface DaprdProcess {
  readonly appId: string;
  /** Its folder, where its resources are. */
  readonly folder: string;
  readonly url: string;
  readonly httpPort: number;
  readonly grpcPort: number;
  readonly metricsPort: number;
  readonly pid: number;
  logs(): string;
  /** Resolves when healthz answers 204; rejects with the log when the process ends first. */
  ready(): Promise<void>;
  kill(signal: NodeJS.Signals): void;
  readonly exited: Promise<number | null>;
  /** Ends it with SIGINT and waits. */
  stop(): Promise<number | null>;
}

/** Starts it; nothing is inherited but what is given. */
export async function startDaprd(settings: DaprdSettings = {}): Promise<DaprdProcess> {
  const { path } = temporaryFolder();
  const appId = settings.appId ?? "app";
  const [httpPort = 0, grpcPort = 0, metricsPort = 0] = await freePorts(3);
  (settings.resources ?? []).forEach((text, index) => {
    writeFileSync(join(path, `${index}.yaml`), text);
  });
  const [program = executable, ...before] = [...(settings.under ?? []), executable];
  const flags = {
    "app-id": appId,
    "dapr-http-port": httpPort,
    "dapr-grpc-port": grpcPort,
    "metrics-port": metricsPort,
    "dapr-listen-addresses": "127.0.0.1",
    "dapr-internal-grpc-listen-address": "127.0.0.1",
    "metrics-listen-address": "127.0.0.1",
    "resources-path": path,
  };
  const args = Object.entries(flags).map(([name, value]) => `--${name}=${value}`);
  const child = spawn(program, [...before, "daprd", ...args, ...(settings.args ?? [])], {
    cwd: path,
    env: { DAPR_HOST_IP: "127.0.0.1", ...settings.env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let output = "";
  child.stdout.on("data", (chunk) => {
    output += String(chunk);
  });
  child.stderr.on("data", (chunk) => {
    output += String(chunk);
  });
  let isOver = false;
  const exited = new Promise<number | null>((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (code) => {
      isOver = true;
      resolve(code);
    });
  });
  const url = `http://127.0.0.1:${httpPort}`;
  return {
    appId,
    folder: path,
    url,
    httpPort,
    grpcPort,
    metricsPort,
    pid: child.pid ?? 0,
    logs: () => output,
    async ready() {
      for (let tries = 0; tries < 1500; tries++) {
        if (isOver) throw new Error(`the process ended before it was ready:\n${output}`);
        const status = await fetch(`${url}/v1.0/healthz`).then(
          (answer) => answer.status,
          () => 0,
        );
        if (status === 204) return;
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
      throw new Error(`not ready after 30 s:\n${output}`);
    },
    kill: (signal) => void child.kill(signal),
    exited,
    async stop() {
      child.kill("SIGINT");
      return exited;
    },
  };
}

/** A Component document. */
export function component(name: string, type: string, metadata: Record<string, string> = {}): string {
  const items = Object.entries(metadata).map(
    ([key, value]) => `    - name: ${key}\n      value: ${JSON.stringify(value)}`,
  );
  return `apiVersion: dapr.io/v1alpha1
kind: Component
metadata:
  name: ${name}
spec:
  type: ${type}
  version: v1
  metadata:${items.length === 0 ? " []" : `\n${items.join("\n")}`}
`;
}

import { existsSync, mkdirSync, openSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { libc } from "../net/libc.ts";
import { listenTcp } from "../net/tcp.ts";
import { processTree } from "../proc/process-usage.ts";
import { waitForStatus } from "./wait-for-status.ts";

/** A runtime under measure. */
export interface Subject {
  readonly name: "pillion" | "daprd";
  readonly binary: string;
}

/** The subjects that exist on this machine, Pillion first. */
export const findSubjects = (pillionPath: string, daprdPath: string | undefined): Subject[] => {
  const subjects: Subject[] = [];
  if (existsSync(pillionPath)) subjects.push({ name: "pillion", binary: pillionPath });
  if (daprdPath && existsSync(daprdPath)) subjects.push({ name: "daprd", binary: daprdPath });
  return subjects;
};

/** Ports of loopback that were free a moment ago. */
export const freePorts = (count: number): number[] => {
  const listeners = Array.from({ length: count }, () => listenTcp(0));
  for (const { fd } of listeners) libc.close(fd);
  return listeners.map(({ port }) => port);
};

/** A started runtime. */
export interface Running {
  readonly pid: number;
  /** Milliseconds from exec until every awaited health address answered 204. */
  readonly readyMs: number;
  /** The process and what it started. */
  pids(): number[];
  stop(): Promise<void>;
}

const stopGraceMs = 8000;

/** Starts a command with its output in `folder` and waits, blocking the thread, until the ports are healthy. */
export const startProcess = (command: readonly string[], folder: string, healthPorts: readonly number[]): Running => {
  mkdirSync(folder, { recursive: true });
  const log = join(folder, "output.log");
  const output = openSync(log, "a");
  // A home of its own keeps the default data folder of earlier runs out.
  const env = { ...process.env, HOME: folder };
  const startedAt = Bun.nanoseconds();
  const child = Bun.spawn([...command], { cwd: folder, env, stdin: "ignore", stdout: output, stderr: output });
  for (const port of healthPorts) {
    if (waitForStatus(port, "/v1.0/healthz", 204, 30, () => isAlive(child.pid))) continue;
    child.kill("SIGKILL");
    throw new Error(
      `Starting "${command.join(" ")}" failed: no 204 on port ${port}\n${readFileSync(log, "utf8").slice(-3000)}`,
    );
  }
  const readyMs = (Bun.nanoseconds() - startedAt) / 1e6;
  return {
    pid: child.pid,
    readyMs,
    pids: () => processTree(child.pid),
    stop: async () => {
      child.kill("SIGTERM");
      const timer = setTimeout(() => child.kill("SIGKILL"), stopGraceMs);
      await child.exited;
      clearTimeout(timer);
    },
  };
};

/** False once the process has ended; a zombie that its parent has not waited for counts as ended. */
const isAlive = (pid: number): boolean => {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
    return stat[stat.lastIndexOf(")") + 2] !== "Z";
  } catch {
    return false;
  }
};

/** One app's sidecar as `daprd` flags name it. */
export interface SidecarOptions {
  readonly appId: string;
  readonly folder: string;
  readonly resourcesPath?: string;
  readonly config?: string;
  readonly appPort?: number;
  /** Absent: HTTP. */
  readonly appProtocol?: "grpc";
  /** Kubernetes quantity; absent: the default. */
  readonly maxBodySize?: string;
}

/** A sidecar and its HTTP and gRPC ports. */
export interface Sidecar extends Running {
  readonly httpPort: number;
  readonly grpcPort: number;
}

/** Starts one sidecar; the same flags for both subjects. */
export const startSidecar = (subject: Subject, options: SidecarOptions): Sidecar => {
  const [http, grpc, internal, metrics] = freePorts(4) as [number, number, number, number];
  const flags = [
    ["--app-id", options.appId],
    ["--dapr-http-port", String(http)],
    ["--dapr-grpc-port", String(grpc)],
    ["--dapr-internal-grpc-port", String(internal)],
    ["--metrics-port", String(metrics)],
    ["--dapr-listen-addresses", "127.0.0.1"],
    ["--dapr-graceful-shutdown-seconds", "1"],
    ...(options.resourcesPath === undefined ? [] : [["--resources-path", options.resourcesPath]]),
    ...(options.config === undefined ? [] : [["--config", options.config]]),
    ...(options.appPort === undefined ? [] : [["--app-port", String(options.appPort)]]),
    ...(options.appProtocol === undefined ? [] : [["--app-protocol", options.appProtocol]]),
    ...(options.maxBodySize === undefined ? [] : [["--max-body-size", options.maxBodySize]]),
  ].flat();
  const head = subject.name === "pillion" ? [subject.binary, "daprd"] : [subject.binary];
  const running = startProcess([...head, ...flags], options.folder, [http]);
  return { ...running, httpPort: http, grpcPort: grpc };
};

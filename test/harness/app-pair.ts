import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { freePorts } from "../../scripts/free-ports.ts";
import { type DaprdProcess, startDaprd } from "./daprd-process.ts";
import { startRun, until } from "./pillion.ts";
import { temporaryFolder } from "./temporary-folder.ts";

/** How the sidecar of a caller and that of its callee are run. */
export const pairWays = ["same process", "two processes"] as const;
export type PairWay = (typeof pairWays)[number];

/** The sidecars of the apps `caller`, which has no app, and `callee`. */
export interface AppPair {
  readonly httpPort: number;
  readonly grpcPort: number;
  /** Base URL of methods of the callee. */
  readonly url: string;
  readonly metricsPorts: { readonly caller: number; readonly callee: number };
  readonly pids: readonly number[];
  /** Resident set size of all its processes, in bytes. */
  memory(): number;
  logs(): string;
  stop(): Promise<void>;
}

export interface AppPairOptions {
  readonly appPort: number;
  readonly appProtocol?: "http" | "grpc";
  /** Flags that both sidecars get, without their dashes. */
  readonly flags?: Readonly<Record<string, string>>;
  /** Where the caller finds the callee instead of its internal port; two processes only. */
  readonly via?: number;
  /** The callee's internal port; two processes only. */
  readonly internalPort?: number;
  readonly resources?: readonly string[];
}

/** A Configuration that names the internal addresses of apps. */
export function staticPeers(peers: Readonly<Record<string, string>>): string {
  const lines = Object.entries(peers).map(([id, address]) => `        ${id}: ${address}\n`);
  return `apiVersion: dapr.io/v1alpha1
kind: Configuration
metadata: {name: peers}
spec:
  nameResolution:
    component: static
    configuration:
      peers:
${lines.join("")}`;
}

function residentBytes(pid: number): number {
  const match = /^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"));
  return Number(match?.[1] ?? 0) * 1024;
}

const memoryOf = (pids: readonly number[]): number => pids.reduce((sum, pid) => sum + residentBytes(pid), 0);
const argsOf = (flags: Readonly<Record<string, string>>): string[] =>
  Object.entries(flags).map(([name, value]) => `--${name}=${value}`);

/** Starts the callee of a pair of two processes. */
export function startCallee(options: AppPairOptions, internalPort: number): Promise<DaprdProcess> {
  return startDaprd({
    appId: "callee",
    resources: options.resources ?? [],
    args: argsOf({
      "app-port": String(options.appPort),
      "app-protocol": options.appProtocol ?? "http",
      "dapr-internal-grpc-port": String(internalPort),
      ...options.flags,
    }),
  });
}

async function startTwo(options: AppPairOptions): Promise<AppPair> {
  const internalPort = options.internalPort ?? (await freePorts(1))[0] ?? 0;
  const address = `127.0.0.1:${options.via ?? internalPort}`;
  const { path } = temporaryFolder();
  const config = join(path, "peers.yaml");
  writeFileSync(config, staticPeers({ callee: address }));
  const [callee, caller] = await Promise.all([
    startCallee(options, internalPort),
    startDaprd({
      appId: "caller",
      resources: options.resources ?? [],
      args: ["--config", config, ...argsOf(options.flags ?? {})],
    }),
  ]);
  await Promise.all([callee.ready(), caller.ready()]);
  const pids = [caller.pid, callee.pid];
  return {
    httpPort: caller.httpPort,
    grpcPort: caller.grpcPort,
    url: `${caller.url}/v1.0/invoke/callee/method`,
    metricsPorts: { caller: caller.metricsPort, callee: callee.metricsPort },
    pids,
    memory: () => memoryOf(pids),
    logs: () => caller.logs() + callee.logs(),
    async stop() {
      await Promise.all([caller.stop(), callee.stop()]);
    },
  };
}

const templateNames: Readonly<Record<string, string>> = { "max-body-size": "maxBodySize" };

async function startOne(options: AppPairOptions): Promise<AppPair> {
  const { path } = temporaryFolder();
  const ports = await freePorts(6);
  const { path: resources } = temporaryFolder();
  (options.resources ?? []).forEach((text, index) => {
    writeFileSync(join(resources, `${index}.yaml`), text);
  });
  const more = Object.entries(options.flags ?? {}).map(([name, value]) => {
    const key = templateNames[name];
    if (key === undefined) throw new Error(`the pair has no word for --${name} in a template`);
    return `    ${key}: ${JSON.stringify(value)}\n`;
  });
  const appOf = (appId: string, at: number, own: string): string =>
    `  - appID: ${appId}\n    appDirPath: ${JSON.stringify(path)}\n    daprHTTPPort: ${ports[at]}\n    daprGRPCPort: ${ports[at + 1]}\n    metricsPort: ${ports[at + 2]}\n${own}${more.join("")}`;
  const callee = `    appPort: ${options.appPort}\n    appProtocol: ${options.appProtocol ?? "http"}\n`;
  const file = join(path, "dapr.yaml");
  writeFileSync(
    file,
    `version: 1\ncommon:\n  resourcesPaths: [${JSON.stringify(resources)}]\napps:\n${appOf("caller", 0, "")}${appOf("callee", 3, callee)}`,
  );
  const run = startRun(["-f", file], { cwd: path });
  const [httpPort = 0, grpcPort = 0, callerMetrics = 0, , , calleeMetrics = 0] = ports;
  await until("both sidecars to be ready", async () => {
    if (run.child.exitCode !== null) throw new Error(`the process ended before it was ready:\n${run.logs()}`);
    const answers = await Promise.all(
      [httpPort, ports[3]].map((port) =>
        fetch(`http://127.0.0.1:${port}/v1.0/healthz`).then(
          ({ status }) => status,
          () => 0,
        ),
      ),
    );
    return answers.every((status) => status === 204);
  });
  const pids = [run.child.pid ?? 0];
  return {
    httpPort,
    grpcPort,
    url: `http://127.0.0.1:${httpPort}/v1.0/invoke/callee/method`,
    metricsPorts: { caller: callerMetrics, callee: calleeMetrics },
    pids,
    memory: () => memoryOf(pids),
    logs: () => run.logs(),
    async stop() {
      await run.stop();
    },
  };
}

/** Starts a pair of the compiled executable and waits until both sidecars are ready. */
export function startPair(way: PairWay, options: AppPairOptions): Promise<AppPair> {
  return way === "two processes" ? startTwo(options) : startOne(options);
}

import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import process from "node:process";
import { freePort } from "./free-ports.ts";

/** Servers that tests run against. */
export type BackendName = "redis" | "etcd" | "nats" | "mosquitto";

export interface BackendOptions {
  /** More arguments for the server. */
  readonly args?: readonly string[];
  /** A configuration file that the server reads first: redis. */
  readonly config?: string;
  /** More lines for the configuration file that it is given: nats and mosquitto. */
  readonly settings?: readonly string[];
  /** Where it listens; a free port when absent. */
  readonly port?: number;
  readonly webSocketPort?: number;
  /** A folder for its data that outlives it; a temporary one when absent. */
  readonly data?: string;
}

/** A running server, empty at the start. It ends with this process at the latest, also when that is killed. */
export interface Backend {
  /** `127.0.0.1:port`. */
  readonly address: string;
  readonly port: number;
  /** Where it also listens for WebSocket connections: of nats and mosquitto. */
  readonly webSocketPort?: number;
  /** Ends the server and removes its data, unless the folder was given. */
  stop(): Promise<void>;
}

interface Recipe {
  /** Debian's package. */
  readonly package: string;
  readonly program: string;
  /** The spare port is free at this moment too. */
  arguments(port: number, data: string, spare: number): readonly string[];
  /** The configuration file that the arguments name. */
  readonly file?: { path(data: string): string; lines(port: number, data: string, spare: number): readonly string[] };
  /** It takes WebSocket connections at the spare port. */
  readonly hasWebSocket?: true;
}

const natsFile = (data: string): string => join(data, "nats-server.conf");
const mosquittoFile = (data: string): string => join(data, "mosquitto.conf");

const recipes: Readonly<Record<BackendName, Recipe>> = {
  redis: {
    package: "redis-server",
    program: "redis-server",
    arguments: (port, data) => ["--port", `${port}`, "--bind", "127.0.0.1", "--dir", data, "--save", ""],
  },
  etcd: {
    package: "etcd-server",
    program: "etcd",
    arguments: (port, data, spare) => [
      "--data-dir",
      join(data, "etcd"),
      "--listen-client-urls",
      `http://127.0.0.1:${port}`,
      "--advertise-client-urls",
      `http://127.0.0.1:${port}`,
      "--listen-peer-urls",
      `http://127.0.0.1:${spare}`,
      "--initial-advertise-peer-urls",
      `http://127.0.0.1:${spare}`,
      "--initial-cluster",
      `default=http://127.0.0.1:${spare}`,
      // A lone server need not wait long for others before it takes charge.
      "--heartbeat-interval",
      "20",
      "--election-timeout",
      "200",
    ],
  },
  nats: {
    package: "nats-server",
    program: "nats-server",
    hasWebSocket: true,
    arguments: (port, data) => ["--addr", "127.0.0.1", "--port", `${port}`, "--config", natsFile(data)],
    file: {
      path: natsFile,
      lines: (_port, data, spare) => [
        `jetstream { store_dir: ${JSON.stringify(join(data, "jetstream"))} }`,
        `websocket { host: "127.0.0.1", port: ${spare}, no_tls: true }`,
      ],
    },
  },
  mosquitto: {
    package: "mosquitto",
    program: "mosquitto",
    hasWebSocket: true,
    arguments: (_port, data) => ["-c", mosquittoFile(data)],
    file: {
      path: mosquittoFile,
      lines: (port, data, spare) => [
        "allow_anonymous true",
        "persistence true",
        `persistence_location ${data}/`,
        // Saved after each change, so that a killed server loses nothing that it acknowledged.
        "autosave_on_changes true",
        "autosave_interval 1",
        "log_type none",
        // Started by root it would become another user, who cannot write to the folder.
        "user root",
        `listener ${port} 127.0.0.1`,
        `listener ${spare} 127.0.0.1`,
        "protocol websockets",
      ],
    },
  },
};

/**
 * Runs the server below a shell that ends it when its own standard input does, which is when this process goes, however
 * it goes; then it removes the folder DATA, if there is one.
 */
const keeper = [
  '"$0" "$@" >/dev/null 2>&1 </dev/null & pid=$!',
  "exec 3<&0",
  "{ cat <&3 >/dev/null; kill -9 $pid 2>/dev/null; } &",
  "wait $pid",
  '[ -z "$DATA" ] || rm -rf "$DATA"',
].join("\n");

/** Whether a missing server is an error, as in continuous integration. */
export function requiresBackends(): boolean {
  return process.env["CI"] === "true" || process.env["PILLION_REQUIRE_BACKENDS"] === "1";
}

function find(program: string): string | undefined {
  const folders = [...(process.env["PATH"] ?? "").split(delimiter), "/usr/bin", "/usr/local/bin", "/usr/sbin"];
  return folders
    .filter((folder) => folder !== "")
    .map((folder) => join(folder, program))
    .find((path) => existsSync(path));
}

function install(recipe: Recipe): string | undefined {
  if (process.platform !== "linux" || process.getuid?.() !== 0 || find("apt-get") === undefined) return undefined;
  const env = { ...process.env, DEBIAN_FRONTEND: "noninteractive", RUNLEVEL: "1" };
  const apt = (...args: string[]) => spawnSync("apt-get", args, { env, stdio: "ignore" }).status === 0;
  const get = () => apt("install", "-y", "--no-install-recommends", recipe.package);
  return get() || (apt("update") && get()) ? find(recipe.program) : undefined;
}

function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: "127.0.0.1", port });
    const end = (result: boolean) => {
      socket.destroy();
      resolve(result);
    };
    socket.once("connect", () => end(true));
    socket.once("error", () => end(false));
  });
}

async function ready(child: ChildProcess, ports: readonly number[]): Promise<boolean> {
  for (let waited = 0; waited < 30_000 && child.exitCode === null; waited += 50) {
    if ((await Promise.all(ports.map(answers))).every(Boolean)) return true;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  return false;
}

interface Launch {
  readonly program: string;
  readonly args: readonly string[];
  readonly port: number;
  readonly webSocketPort?: number | undefined;
  /** A folder to remove at the end; empty when it stays. */
  readonly data: string;
}

async function launch({ program, args, port, webSocketPort, data }: Launch): Promise<Backend> {
  const child = spawn("/bin/sh", ["-c", keeper, program, ...args], {
    stdio: ["pipe", "ignore", "ignore"],
    detached: true,
    env: { ...process.env, ETCD_UNSUPPORTED_ARCH: process.arch, DATA: data },
  });
  const gone = new Promise<void>((resolve) => child.once("exit", () => resolve()));
  const stop = () => {
    child.ref();
    child.stdin?.destroy();
    return gone;
  };
  if (!(await ready(child, webSocketPort === undefined ? [port] : [port, webSocketPort]))) {
    await stop();
    throw new Error(`"${program} ${args.join(" ")}" did not listen on 127.0.0.1:${port} within 30 s`);
  }
  child.unref();
  (child.stdin as { unref?: () => void } | null)?.unref?.();
  return { address: `127.0.0.1:${port}`, port, ...(webSocketPort === undefined ? {} : { webSocketPort }), stop };
}

/**
 * Starts a server on a port of its own. Undefined, with the reason on standard error, when this machine cannot run it;
 * where backends are required, that is an error instead.
 */
export async function startBackend(name: BackendName, options: BackendOptions = {}): Promise<Backend | undefined> {
  const recipe = recipes[name];
  const program = find(recipe.program) ?? install(recipe);
  if (program === undefined) {
    const reason = `cannot start ${name}: there is no "${recipe.program}", install Debian's package "${recipe.package}"`;
    if (requiresBackends()) throw new Error(reason);
    process.stderr.write(`${reason}\n`);
    return undefined;
  }
  const own = options.data === undefined ? mkdtempSync(join(tmpdir(), `pillion-${name}-`)) : "";
  const data = options.data ?? own;
  const port = options.port ?? (await freePort());
  const spare = options.webSocketPort ?? (await freePort());
  if (recipe.file !== undefined) {
    const lines = [...recipe.file.lines(port, data, spare), ...(options.settings ?? []), ""];
    writeFileSync(recipe.file.path(data), lines.join("\n"));
  }
  const first = options.config === undefined ? [] : [options.config];
  const args = [...first, ...recipe.arguments(port, data, spare), ...(options.args ?? [])];
  return launch({ program, args, port, data: own, webSocketPort: recipe.hasWebSocket && spare });
}

/** The address of a server for tests: the one that PILLION_TEST_REDIS (or ETCD, NATS, MOSQUITTO) names, else a new one. */
export async function testBackend(name: BackendName): Promise<string | undefined> {
  const given = process.env[`PILLION_TEST_${name.toUpperCase()}`];
  return given || (await startBackend(name))?.address;
}

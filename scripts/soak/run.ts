import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Random } from "../../src/kit/random.ts";
import { createSeededRandom } from "../../src/kit/seeded-random.ts";
import { freePorts } from "../free-ports.ts";
import { type CallRecord, makeCall } from "./calls.ts";
import { defineProgram, type Holdings, holdingsOf, type Program, untilHealthy } from "./processes.ts";
import { type Relay, startRelay } from "./relay.ts";
import { judgeCalls, readRetries, readWritten, slopePerMinute } from "./verdict.ts";

export interface SoakSettings {
  /** The executable under test. */
  readonly executable: string;
  /** A new folder for all that the run writes. */
  readonly folder: string;
  readonly seed: number;
  readonly seconds: number;
  /** Calls started each second. */
  readonly rate: number;
  say(line: string): void;
}

export interface SoakVerdict {
  readonly calls: Readonly<Record<CallRecord["outcome"], number>>;
  readonly written: number;
  readonly twice: number;
  readonly retries: number;
  readonly harm: string;
  readonly restarts: number;
  /** By process: MB a minute over the last four fifths, and what it held before and after. */
  readonly memory: readonly {
    readonly name: string;
    readonly slope: number;
    readonly before: Holdings;
    readonly after: Holdings;
  }[];
  readonly faults: readonly string[];
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
/** The names of the called apps: the sidecar of the first is restarted, that of the second is not. */
const callees = ["restarted", "steady"] as const;
/** Memory is judged only where there is enough of it. */
const leastMinutes = 5;
const mostSlope = 1;

const guard = `apiVersion: dapr.io/v1alpha1
kind: Resiliency
metadata: {name: guard}
spec:
  policies:
    timeouts: {short: 4s}
    retries:
      some: {policy: constant, duration: 200ms, maxRetries: 3}
      usual: {policy: constant, duration: 1s, maxRetries: 3}
  targets:
    apps:
      restarted: {timeout: short, retry: some}
      # As without a policy, but its log lines name the method and by that the call.
      steady: {retry: usual}
`;
/** Paths end in the call's id: without patterns each call would leave series of its own in the metrics, which is memory by design. */
const metrics = `  metrics:
    http:
      pathMatching: ["/record/{id}", "/stream/{id}", "/socket/{id}"]
`;
const configuration = (ports: Readonly<Record<string, number>>): string => {
  const lines = Object.entries(ports).map(([id, port]) => `        ${id}: 127.0.0.1:${port}\n`);
  return `apiVersion: dapr.io/v1alpha1\nkind: Configuration\nmetadata: {name: soak}\nspec:\n${metrics}  nameResolution:\n    component: static\n    configuration:\n      peers:\n${lines.join("")}`;
};

interface Stage {
  readonly base: string;
  readonly caller: Program;
  readonly sidecars: readonly Program[];
  readonly apps: readonly Program[];
  readonly relays: readonly Relay[];
  readonly health: readonly string[];
  readonly files: readonly string[];
}

async function setUp({ executable, folder }: SoakSettings): Promise<Stage> {
  const ports = await freePorts(13);
  const next = (): number => ports.pop() as number;
  const relays: Relay[] = [];
  const sidecars: Program[] = [];
  const apps: Program[] = [];
  const files: string[] = [];
  const health: string[] = [];
  writeFileSync(join(folder, "guard.yaml"), guard);
  const sidecar = (appId: string, httpPort: number, more: readonly string[]): Program =>
    defineProgram(
      [
        executable,
        "daprd",
        `--app-id=${appId}`,
        `--dapr-http-port=${httpPort}`,
        `--dapr-grpc-port=${next()}`,
        `--metrics-port=${next()}`,
        "--dapr-listen-addresses=127.0.0.1",
        "--dapr-internal-grpc-listen-address=127.0.0.1",
        "--metrics-listen-address=127.0.0.1",
        "--config=configuration.yaml",
        ...more,
      ],
      { cwd: folder, env: { DAPR_HOST_IP: "127.0.0.1" } },
    );
  for (const appId of callees) {
    const [appPort, internalPort, httpPort] = [next(), next(), next()];
    const file = join(folder, `${appId}.ids`);
    writeFileSync(file, "");
    files.push(file);
    apps.push(
      defineProgram([process.execPath, join(import.meta.dirname, "app.ts"), String(appPort), file], { cwd: folder }),
    );
    sidecars.push(sidecar(appId, httpPort, [`--app-port=${appPort}`, `--dapr-internal-grpc-port=${internalPort}`]));
    health.push(`http://127.0.0.1:${httpPort}/v1.0/healthz`);
    relays.push(await startRelay(internalPort));
  }
  const [restarted = 0, steady = 0] = relays.map(({ port }) => port);
  writeFileSync(join(folder, "configuration.yaml"), configuration({ restarted, steady }));
  const callerPort = next();
  // The first retry of a call is a warning, further ones are told at this level.
  const caller = sidecar("caller", callerPort, [`--resources-path=${folder}`, "--log-level=debug"]);
  return {
    base: `http://127.0.0.1:${callerPort}`,
    caller,
    sidecars,
    apps,
    relays,
    health: [...health, `http://127.0.0.1:${callerPort}/v1.0/healthz`],
    files,
  };
}

/** Restarts apps and one sidecar in turn, until told to stop. */
function restarting(stage: Stage, random: Random): { stop(): Promise<number> } {
  let isOver = false;
  let count = 0;
  const loop = async (): Promise<void> => {
    for (let turn = 0; !isOver; turn++) {
      await pause(3000 + random.fraction() * 6000);
      if (isOver) return;
      const victims = [stage.apps[0], stage.sidecars[0], stage.apps[1]] as readonly Program[];
      const victim = victims[turn % victims.length] as Program;
      await victim.stop(random.fraction() < 0.5 ? "SIGTERM" : "SIGKILL");
      await pause(random.fraction() * 500);
      victim.start();
      count++;
    }
  };
  const done = loop();
  return {
    async stop() {
      isOver = true;
      await done;
      return count;
    },
  };
}

async function load(stage: Stage, settings: SoakSettings, random: Random, prefix: string): Promise<CallRecord[]> {
  const { seconds, rate } = settings;
  const pending: Promise<CallRecord>[] = [];
  const start = performance.now();
  for (let number = 0; number < seconds * rate; number++) {
    const due = (number / rate) * 1000;
    const early = due - (performance.now() - start);
    if (early > 1) await pause(early);
    const callee = callees[number % callees.length];
    pending.push(makeCall(`${stage.base}/v1.0/invoke/${callee}/method`, `${prefix}${number}`, random));
  }
  return Promise.all(pending);
}

/** Waits until the process holds no more than before; what it holds at last is the answer either way. */
async function settle(pid: number, before: Holdings, seconds: number): Promise<Holdings> {
  for (const end = Date.now() + seconds * 1000; ; await pause(500)) {
    const now = holdingsOf(pid);
    if ((now.handles <= before.handles && now.sockets <= before.sockets) || Date.now() > end) return now;
  }
}

/** Starts the apps anew, so that no sidecar holds idle connections to them. */
async function freshApps(stage: Stage): Promise<void> {
  for (const app of stage.apps) {
    await app.stop("SIGKILL");
    app.start();
  }
  await pause(2000);
}

/** Calls through two relays that do harm, while apps and a sidecar are restarted; then counts. */
export async function runSoak(settings: SoakSettings): Promise<SoakVerdict> {
  const { seed, seconds, say } = settings;
  const random = createSeededRandom(seed);
  const stage = await setUp(settings);
  const everyone = [...stage.apps, ...stage.sidecars, stage.caller];
  try {
    for (const program of everyone) program.start();
    for (const url of stage.health) await untilHealthy(url, 30);
    await load(stage, { ...settings, seconds: 3, rate: 50 }, createSeededRandom(1), "warm-");
    await freshApps(stage);
    const watched = [
      { name: "caller", pid: stage.caller.pid },
      { name: "steady", pid: (stage.sidecars[1] as Program).pid },
    ].map((each) => ({ ...each, before: holdingsOf(each.pid), samples: [] as { at: number; value: number }[] }));

    const start = Date.now();
    const sampler = setInterval(() => {
      for (const { pid, samples } of watched) samples.push({ at: Date.now() - start, value: holdingsOf(pid).rssMb });
    }, 1000);
    const reporter = setInterval(() => {
      const figures = watched.map(({ name, samples }) => `${name} ${(samples.at(-1)?.value ?? 0).toFixed(0)} MB`);
      say(`${((Date.now() - start) / 60_000).toFixed(0)} min: ${figures.join(", ")}`);
    }, 60_000);
    const stops = stage.relays.map((relay, index) => relay.misbehave(createSeededRandom(seed + 1 + index)));
    const restarts = restarting(stage, createSeededRandom(seed + 3));
    const calls = await load(stage, settings, random, "call-");
    for (const stop of stops) stop();
    const restarted = await restarts.stop();
    clearInterval(sampler);
    clearInterval(reporter);

    for (const url of stage.health) await untilHealthy(url, 30);
    await freshApps(stage);
    const memory: SoakVerdict["memory"][number][] = [];
    for (const { name, pid, before, samples } of watched) {
      const late = samples.filter(({ at }) => at >= seconds * 200);
      memory.push({ name, slope: slopePerMinute(late), before, after: await settle(pid, before, 30) });
    }
    const written = stage.files.flatMap((file) => readWritten(readFileSync(file, "utf8")));
    const retries = readRetries(stage.caller.output());
    const faults = judgeCalls(calls, written, retries);
    for (const { name, slope, before, after } of memory) {
      if (seconds >= leastMinutes * 60 && slope > mostSlope)
        faults.push(`${name} grew by ${slope.toFixed(2)} MB a minute`);
      if (after.handles > before.handles || after.sockets > before.sockets)
        faults.push(
          `${name} held ${before.handles} handles (${before.sockets} sockets), now ${after.handles} (${after.sockets})`,
        );
    }
    const outcomes = { ok: 0, failed: 0, hung: 0, wrong: 0 };
    for (const { outcome } of calls) outcomes[outcome]++;
    const ids = written.filter(({ id }) => id.startsWith("call-")).map(({ id }) => id);
    const harm = stage.relays.map(({ faults: done }) =>
      Object.entries(done).map(([kind, count]) => `${count} × ${kind}`),
    );
    return {
      calls: outcomes,
      written: new Set(ids).size,
      twice: ids.length - new Set(ids).size,
      retries: [...retries.values()].reduce((sum, count) => sum + count, 0),
      harm: harm.map((each, index) => `${callees[index]}: ${each.join(", ")}`).join("; "),
      restarts: restarted,
      memory,
      faults,
    };
  } finally {
    await Promise.all(everyone.map((program) => program.stop("SIGKILL")));
    await Promise.all(stage.relays.map((relay) => relay.close()));
    everyone.forEach((program, index) => {
      writeFileSync(join(settings.folder, `program-${index}.log`), program.output());
    });
  }
}

import { join } from "node:path";
import { type Sample, sampleOf } from "../harness/figure.ts";
import { type Bench, defineMeasure, type Turn, takeTurns } from "../harness/measure.ts";
import { writeResources, writeTemplate } from "../harness/resource-files.ts";
import { runLoad } from "../harness/run-load.ts";
import { pairIds } from "../harness/sidecar-pair.ts";
import { freePorts, type Running, type Subject, startProcess, startSidecar } from "../harness/subject.ts";

const connections = 16;
const rate = 1000;
const size = 1024;

interface Pair {
  readonly calleeId: string;
  readonly callerPort: number;
  readonly running: readonly Running[];
}

/** A caller without app and a callee whose app is the echo: one Pillion process, or two daprd processes. */
const startPair = (bench: Bench, subject: Subject): Pair => {
  const folder = bench.folder(`invoke-${subject.name}`);
  const resourcesPath = writeResources(join(folder, "resources"), []);
  const ids = pairIds(subject);
  if (subject.name === "daprd") {
    const callee = startSidecar(subject, {
      appId: ids.callee,
      folder: join(folder, "callee"),
      resourcesPath,
      appPort: bench.echo.port,
    });
    const caller = startSidecar(subject, { appId: ids.caller, folder: join(folder, "caller"), resourcesPath });
    return { calleeId: ids.callee, callerPort: caller.httpPort, running: [caller, callee] };
  }
  const [callerPort, g1, m1, calleePort, g2, m2] = freePorts(6) as [number, number, number, number, number, number];
  const template = writeTemplate(
    folder,
    [
      { appId: ids.caller, httpPort: callerPort, grpcPort: g1, metricsPort: m1 },
      { appId: ids.callee, httpPort: calleePort, grpcPort: g2, metricsPort: m2, appPort: bench.echo.port },
    ],
    resourcesPath,
  );
  const running = startProcess([subject.binary, "run", "-f", template], folder, [callerPort, calleePort]);
  return { calleeId: ids.callee, callerPort, running: [running] };
};

export const sameProcessInvoke = defineMeasure({
  name: "same-process-invoke",
  group: "load",
  title: "Invocation between two apps of one process",
  setup: `a POST of 1 KB, ${rate}/s, ${connections} connections, to the echo through caller and callee; daprd: two processes; added = minus the direct call of the same round`,
  run: async (bench) => {
    const load = (url: string) => runLoad({ url, rate, connections, size }, bench.warmup, bench.duration);
    const pairs: Pair[] = [];
    let direct = 0;
    const added = (result: Awaited<ReturnType<typeof load>>): Sample => sampleOf(result, result.latency.p50 - direct);
    const turns: Partial<Record<"echo" | "pillion" | "daprd", Turn>> = {
      echo: async () => {
        const result = await load(`${bench.echo.url}/echo`);
        direct = result.latency.p50;
        return [sampleOf(result, direct), sampleOf(result, result.latency.p99)];
      },
    };
    try {
      for (const subject of bench.subjects) {
        const pair = startPair(bench, subject);
        pairs.push(pair);
        turns[subject.name] = async () => {
          const result = await load(`http://127.0.0.1:${pair.callerPort}/v1.0/invoke/${pair.calleeId}/method/echo`);
          return [added(result), sampleOf(result, result.latency.p99)];
        };
      }
      const { echo, pillion, daprd } = await takeTurns(bench, turns);
      return [
        {
          title: "invoke, 1,000/s, added p50 (echo: direct p50)",
          unit: "µs",
          limits: [
            { of: "echo", atMost: 1.8 },
            { of: "daprd", atMost: 0.2 },
          ],
          echo: echo?.[0],
          pillion: pillion?.[0],
          daprd: daprd?.[0],
        },
        {
          title: "invoke, 1,000/s, p99",
          unit: "µs",
          limits: [],
          echo: echo?.[1],
          pillion: pillion?.[1],
          daprd: daprd?.[1],
        },
      ];
    } finally {
      await Promise.all(pairs.flatMap((pair) => pair.running.map((running) => running.stop())));
    }
  },
});

import { join } from "node:path";
import { type Bench, defineMeasure, type Turn, takeTurns } from "../harness/measure.ts";
import { inMemoryPubsub, sqliteState, writeResources } from "../harness/resource-files.ts";
import { freePorts, type Running, type Subject, startProcess, startSidecar } from "../harness/subject.ts";
import { readProcess, readPssMb } from "../proc/process-usage.ts";

/** Pillion with its default components; daprd with the nearest that it has: a SQLite state store and a volatile broker. */
const startIdle = (bench: Bench, subject: Subject): Running => {
  const folder = bench.folder(`idle-${subject.name}`);
  if (subject.name === "daprd") {
    const resourcesPath = writeResources(join(folder, "resources"), [
      sqliteState(join(folder, "state.db")),
      inMemoryPubsub(),
    ]);
    return startSidecar(subject, { appId: "idle", folder, resourcesPath });
  }
  const [http, grpc, metrics] = freePorts(3) as [number, number, number];
  const ports = ["--dapr-http-port", http, "--dapr-grpc-port", grpc, "--metrics-port", metrics].map(String);
  return startProcess([subject.binary, "run", "--app-id", "idle", ...ports], folder, [http]);
};

export const idleMemory = defineMeasure({
  name: "idle-memory",
  group: "footprint",
  title: "Idle memory with the default components",
  setup: "one sidecar, no app, no request; resident and proportional set size after the settling time",
  run: async (bench) => {
    const turns: Partial<Record<Subject["name"], Turn>> = {};
    for (const subject of bench.subjects) {
      turns[subject.name] = async () => {
        const running = startIdle(bench, subject);
        await Bun.sleep(bench.settle * 1000);
        const pids = running.pids();
        const rss = pids.reduce((sum, pid) => sum + readProcess(pid).rssMb, 0);
        const pss = pids.reduce((sum, pid) => sum + readPssMb(pid), 0);
        await running.stop();
        return [{ value: rss }, { value: pss }];
      };
    }
    const { pillion, daprd } = await takeTurns(bench, turns);
    return [
      {
        title: "idle RSS",
        unit: "MB",
        limits: [{ of: "value", atMost: 60 }],
        pillion: pillion?.[0],
        daprd: daprd?.[0],
      },
      { title: "idle PSS", unit: "MB", limits: [], pillion: pillion?.[1], daprd: daprd?.[1] },
    ];
  },
});

import { join } from "node:path";
import { type Bench, defineMeasure, type Turn, takeTurns } from "../harness/measure.ts";
import { inMemoryPubsub, sqliteState, writeResources, writeTemplate } from "../harness/resource-files.ts";
import { freePorts, type Running, type Subject, startProcess, startSidecar } from "../harness/subject.ts";
import { readPssMb } from "../proc/process-usage.ts";

const few = 10;
const many = 20;

/** Pillion serves all apps of a template in one process; daprd needs one process for each. */
const startApps = (bench: Bench, subject: Subject, count: number): Running[] => {
  const folder = bench.folder(`apps-${subject.name}-${count}`);
  if (subject.name === "daprd") {
    return Array.from({ length: count }, (_, index) => {
      const home = join(folder, `app-${index}`);
      const resources = [sqliteState(join(home, "state.db")), inMemoryPubsub()];
      return startSidecar(subject, {
        appId: `app-${index}`,
        folder: home,
        resourcesPath: writeResources(join(home, "resources"), resources),
      });
    });
  }
  const ports = freePorts(count * 3);
  const apps = Array.from({ length: count }, (_, index) => ({
    appId: `app-${index}`,
    httpPort: ports[index * 3] as number,
    grpcPort: ports[index * 3 + 1] as number,
    metricsPort: ports[index * 3 + 2] as number,
  }));
  const template = writeTemplate(folder, apps);
  return [
    startProcess(
      [subject.binary, "run", "-f", template],
      folder,
      apps.map((app) => app.httpPort),
    ),
  ];
};

const measurePss = async (bench: Bench, subject: Subject, count: number): Promise<number> => {
  const running = startApps(bench, subject, count);
  await Bun.sleep(bench.settle * 1000);
  const pss = running.flatMap((process) => process.pids()).reduce((sum, pid) => sum + readPssMb(pid), 0);
  await Promise.all(running.map((process) => process.stop()));
  return pss;
};

export const manyAppsMemory = defineMeasure({
  name: "many-apps-memory",
  group: "footprint",
  title: "Twenty apps on one machine, idle",
  setup: `\`run -f dapr.yaml\` with ${few} and ${many} apps against as many daprd processes; proportional set size after the settling time`,
  run: async (bench) => {
    const turns: Partial<Record<Subject["name"], Turn>> = {};
    for (const subject of bench.subjects) {
      turns[subject.name] = async () => {
        const smaller = await measurePss(bench, subject, few);
        const larger = await measurePss(bench, subject, many);
        return [{ value: larger }, { value: (larger - smaller) / (many - few) }];
      };
    }
    const { pillion, daprd } = await takeTurns(bench, turns);
    return [
      {
        title: `${many} apps, PSS`,
        unit: "MB",
        limits: [{ of: "value", atMost: 110 }],
        pillion: pillion?.[0],
        daprd: daprd?.[0],
      },
      {
        title: "each further app, PSS",
        unit: "MB",
        limits: [{ of: "value", atMost: 4 }],
        pillion: pillion?.[1],
        daprd: daprd?.[1],
      },
    ];
  },
});

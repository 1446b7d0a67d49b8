import { join } from "node:path";
import { defineMeasure, type Turn, takeTurns } from "../harness/measure.ts";
import { inMemoryPubsub, sqliteState, writeResources } from "../harness/resource-files.ts";
import { type Subject, startSidecar } from "../harness/subject.ts";
import { median } from "../harness/verdict.ts";

const startsPerTurn = 5;

export const readyTime = defineMeasure({
  name: "ready-time",
  group: "footprint",
  title: "Ready from exec",
  setup: `from exec until \`/v1.0/healthz\` answers 204; sqlite state and in-memory pubsub; median of ${startsPerTurn} starts in each round`,
  run: async (bench) => {
    const turns: Partial<Record<Subject["name"], Turn>> = {};
    for (const subject of bench.subjects) {
      turns[subject.name] = async () => {
        const times: number[] = [];
        for (let start = 0; start < startsPerTurn; start++) {
          const folder = bench.folder(`ready-${subject.name}`);
          const resources = [sqliteState(join(folder, "state.db")), inMemoryPubsub()];
          const resourcesPath = writeResources(join(folder, "resources"), resources);
          const sidecar = startSidecar(subject, { appId: "ready", folder, resourcesPath });
          times.push(sidecar.readyMs);
          await sidecar.stop();
        }
        return [{ value: median(times) }];
      };
    }
    const { pillion, daprd } = await takeTurns(bench, turns);
    return [
      { title: "ready", unit: "ms", limits: [{ of: "value", atMost: 60 }], pillion: pillion?.[0], daprd: daprd?.[0] },
    ];
  },
});

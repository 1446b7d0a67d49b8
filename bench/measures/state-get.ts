import { join } from "node:path";
import { sampleOf } from "../harness/figure.ts";
import { defineMeasure, type Turn, takeTurns } from "../harness/measure.ts";
import { sqliteState, writeResources } from "../harness/resource-files.ts";
import { type LoadRequest, runLoad } from "../harness/run-load.ts";
import { type Sidecar, startSidecar } from "../harness/subject.ts";

const valueBytes = 1024;
const connections = 16;

const saveOne = async (sidecar: Sidecar): Promise<void> => {
  const url = `http://127.0.0.1:${sidecar.httpPort}/v1.0/state/statestore`;
  // With its two quotes the JSON text that a get answers has the length of the echo's body.
  const body = JSON.stringify([{ key: "order", value: "a".repeat(valueBytes - 2) }]);
  const response = await fetch(url, { method: "POST", headers: { "content-type": "application/json" }, body });
  if (response.status !== 204)
    throw new Error(`Saving the key failed with status ${response.status}: ${await response.text()}`);
};

export const stateGet = defineMeasure({
  name: "state-get",
  group: "load",
  title: "State get over HTTP, state.sqlite",
  setup: `one key of 1 KB; ${connections} connections; 1,000/s open loop for the p50, closed loop for the most per second`,
  run: async (bench) => {
    const measure =
      (base: Pick<LoadRequest, "url">): Turn =>
      async () => {
        const steady = await runLoad({ ...base, rate: 1000, connections }, bench.warmup, bench.duration);
        const most = await runLoad({ ...base, rate: 0, connections }, bench.warmup, bench.duration);
        return [
          sampleOf(steady, steady.latency.p50),
          sampleOf(steady, steady.latency.p99),
          sampleOf(most, most.perSecond),
        ];
      };
    const sidecars: Sidecar[] = [];
    const turns: Partial<Record<"echo" | "pillion" | "daprd", Turn>> = {
      echo: measure({ url: `${bench.echo.url}/order` }),
    };
    try {
      for (const subject of bench.subjects) {
        const folder = bench.folder(`state-get-${subject.name}`);
        const resourcesPath = writeResources(join(folder, "resources"), [sqliteState(join(folder, "state.db"))]);
        const sidecar = startSidecar(subject, { appId: "orders", folder, resourcesPath });
        sidecars.push(sidecar);
        await saveOne(sidecar);
        turns[subject.name] = measure({ url: `http://127.0.0.1:${sidecar.httpPort}/v1.0/state/statestore/order` });
      }
      const { echo, pillion, daprd } = await takeTurns(bench, turns);
      const samples = (figure: number) => ({
        echo: echo?.[figure],
        pillion: pillion?.[figure],
        daprd: daprd?.[figure],
      });
      return [
        {
          title: "state get, 1,000/s, p50",
          unit: "µs",
          limits: [
            { of: "echo", atMost: 1.5 },
            { of: "daprd", atMost: 0.7 },
          ],
          ...samples(0),
        },
        { title: "state get, 1,000/s, p99", unit: "µs", limits: [], ...samples(1) },
        { title: "state get, most per second", unit: "/s", limits: [{ of: "daprd", atLeast: 2 }], ...samples(2) },
      ];
    } finally {
      await Promise.all(sidecars.map((sidecar) => sidecar.stop()));
    }
  },
});

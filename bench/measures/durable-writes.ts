import { join } from "node:path";
import { sampleOf } from "../harness/figure.ts";
import { defineMeasure, type Turn, takeTurns } from "../harness/measure.ts";
import { sqliteState, writeResources } from "../harness/resource-files.ts";
import { runLoad } from "../harness/run-load.ts";
import { type Sidecar, startSidecar } from "../harness/subject.ts";

const connections = 64;
const overhead = JSON.stringify([{ key: "order-00000000", value: "" }]).length;
const body = JSON.stringify([{ key: "order-{seq}", value: "a".repeat(1024 - overhead) }]);

export const durableWrites = defineMeasure({
  name: "durable-writes",
  group: "load",
  title: "Durable state writes over HTTP, state.sqlite",
  setup: `a POST of 1 KB that saves one of 100,000 keys, synchronous=FULL; ${connections} connections, closed loop; the echo gets the same POST`,
  run: async (bench) => {
    const measure =
      (url: string): Turn =>
      async () => {
        const headers = ["Content-Type: application/json"];
        const result = await runLoad({ url, rate: 0, connections, body, headers }, bench.warmup, bench.duration);
        return [sampleOf(result, result.perSecond), sampleOf(result, result.latency.p99 / 1000)];
      };
    const sidecars: Sidecar[] = [];
    const path = "/v1.0/state/statestore";
    const turns: Partial<Record<"echo" | "pillion" | "daprd", Turn>> = { echo: measure(bench.echo.url + path) };
    try {
      for (const subject of bench.subjects) {
        const folder = bench.folder(`durable-writes-${subject.name}`);
        const resourcesPath = writeResources(join(folder, "resources"), [sqliteState(join(folder, "state.db"))]);
        const sidecar = startSidecar(subject, { appId: "orders", folder, resourcesPath });
        sidecars.push(sidecar);
        turns[subject.name] = measure(`http://127.0.0.1:${sidecar.httpPort}${path}`);
      }
      const { echo, pillion, daprd } = await takeTurns(bench, turns);
      return [
        {
          title: "durable writes, most per second",
          unit: "/s",
          limits: [
            { of: "echo", atLeast: 0.2 },
            { of: "daprd", atLeast: 8 },
          ],
          echo: echo?.[0],
          pillion: pillion?.[0],
          daprd: daprd?.[0],
        },
        {
          title: "durable writes, p99",
          unit: "ms",
          limits: [{ of: "value", atMost: 10 }],
          echo: echo?.[1],
          pillion: pillion?.[1],
          daprd: daprd?.[1],
        },
      ];
    } finally {
      await Promise.all(sidecars.map((sidecar) => sidecar.stop()));
    }
  },
});

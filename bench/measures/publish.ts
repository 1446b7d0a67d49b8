import { join } from "node:path";
import { sampleOf } from "../harness/figure.ts";
import { defineMeasure, type Turn, takeTurns } from "../harness/measure.ts";
import { embeddedPubsub, inMemoryPubsub, writeResources } from "../harness/resource-files.ts";
import { runLoad } from "../harness/run-load.ts";
import { type Sidecar, startSidecar } from "../harness/subject.ts";

const body = JSON.stringify({
  order: "{seq}",
  note: "a".repeat(1024 - JSON.stringify({ order: "00000000", note: "" }).length),
});
const headers = ["Content-Type: application/json"];

export const publish = defineMeasure({
  name: "publish",
  group: "load",
  title: "Publish over HTTP: pubsub.embedded, durable; daprd: pubsub.in-memory",
  setup:
    "a POST of 1 KB, nobody subscribes; 1,000/s open loop with 16 connections for the p50, 64 connections in a closed loop for the most per second; the echo gets the same POST",
  run: async (bench) => {
    const measure =
      (url: string): Turn =>
      async () => {
        const steady = await runLoad({ url, rate: 1000, connections: 16, body, headers }, bench.warmup, bench.duration);
        const most = await runLoad({ url, rate: 0, connections: 64, body, headers }, bench.warmup, bench.duration);
        return [
          sampleOf(steady, steady.latency.p50),
          sampleOf(steady, steady.latency.p99),
          sampleOf(most, most.perSecond),
        ];
      };
    const sidecars: Sidecar[] = [];
    const path = "/v1.0/publish/pubsub/orders";
    const turns: Partial<Record<"echo" | "pillion" | "daprd", Turn>> = { echo: measure(bench.echo.url + path) };
    try {
      for (const subject of bench.subjects) {
        const folder = bench.folder(`publish-${subject.name}`);
        const pubsub = subject.name === "pillion" ? embeddedPubsub(join(folder, "broker.db")) : inMemoryPubsub();
        const resourcesPath = writeResources(join(folder, "resources"), [pubsub]);
        const sidecar = startSidecar(subject, { appId: "orders", folder, resourcesPath });
        sidecars.push(sidecar);
        turns[subject.name] = measure(`http://127.0.0.1:${sidecar.httpPort}${path}`);
      }
      const { echo, pillion, daprd } = await takeTurns(bench, turns);
      const samples = (figure: number) => ({
        echo: echo?.[figure],
        pillion: pillion?.[figure],
        daprd: daprd?.[figure],
      });
      return [
        {
          title: "publish, 1,000/s, p50",
          unit: "µs",
          limits: [
            { of: "echo", atMost: 4 },
            { of: "daprd", atMost: 1.5 },
          ],
          ...samples(0),
        },
        { title: "publish, 1,000/s, p99", unit: "µs", limits: [], ...samples(1) },
        {
          title: "publish, most per second",
          unit: "/s",
          limits: [
            { of: "echo", atLeast: 0.15 },
            { of: "daprd", atLeast: 0.8 },
          ],
          ...samples(2),
        },
      ];
    } finally {
      await Promise.all(sidecars.map((sidecar) => sidecar.stop()));
    }
  },
});

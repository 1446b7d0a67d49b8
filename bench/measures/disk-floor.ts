import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { startDurableEcho } from "../harness/echo-app.ts";
import { sampleOf } from "../harness/figure.ts";
import { defineMeasure, type Turn, takeTurns } from "../harness/measure.ts";
import { runLoad } from "../harness/run-load.ts";

const load = { rate: 1000, connections: 16, body: "a".repeat(1024) } as const;

/** What the disk alone makes of an echo: nothing durable can answer sooner. */
export const diskFloor = defineMeasure({
  name: "disk-floor",
  group: "load",
  title: "The disk's part of a durable answer",
  setup:
    "the POST of the publish measure, 1,000/s with 16 connections, to the echo and to a server on Bun that does nothing but write one block and sync it before it answers; no Pillion",
  run: async (bench) => {
    const measure =
      (url: string): Turn =>
      async () => {
        const steady = await runLoad({ url, ...load }, bench.warmup, bench.duration);
        return [sampleOf(steady, steady.latency.p50)];
      };
    const folder = bench.folder("disk-floor");
    mkdirSync(folder, { recursive: true });
    const durable = await startDurableEcho(join(folder, "blocks"));
    try {
      const turns = { echo: measure(`${bench.echo.url}/x`), synced: measure(`${durable.url}/x`) };
      const { echo, synced } = await takeTurns(bench, turns);
      return [
        { title: "echo, 1,000/s, p50", unit: "µs", limits: [], echo: echo?.[0] },
        { title: "the same with a write and a sync before the answer, p50", unit: "µs", limits: [], echo: synced?.[0] },
      ];
    } finally {
      await durable.stop();
    }
  },
});

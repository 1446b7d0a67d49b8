import { statSync } from "node:fs";
import { join } from "node:path";
import { bulkEvents, bulkSize } from "../harness/bulk-events.ts";
import { startSubscriber } from "../harness/echo-app.ts";
import type { Sample } from "../harness/figure.ts";
import { defineMeasure } from "../harness/measure.ts";
import { embeddedPubsub, subscription, writeResources } from "../harness/resource-files.ts";
import { runLoad } from "../harness/run-load.ts";
import { startSidecar } from "../harness/subject.ts";
import { readPeakMb } from "../proc/process-usage.ts";

const waiting = Number(process.env["BACKLOG"] ?? 1_000_000);
const entries = bulkEvents();
const headers = ["Content-Type: application/json"];
const drainSeconds = 10;

const sizeMb = (file: string): number => {
  try {
    return statSync(file).size / 2 ** 20;
  } catch {
    return 0;
  }
};

export const backlog = defineMeasure({
  name: "backlog",
  group: "load",
  title: "After kill -9 with many events waiting: pubsub.embedded",
  setup: `${waiting.toLocaleString("en")} events of 1 KB wait for an app that is away; the process is killed and started again with the app there: from exec to healthy, then the most memory and the largest write-ahead log while it delivers for ${drainSeconds} s as fast as it can, one by one`,
  run: async (bench) => {
    const subject = bench.subjects.find(({ name }) => name === "pillion");
    if (subject === undefined) return [];
    const folder = bench.folder("backlog");
    const file = join(folder, "broker.db");
    const app = await startSubscriber();
    try {
      const known = writeResources(join(folder, "with"), [embeddedPubsub(file), subscription("orders", "/event")]);
      const alone = writeResources(join(folder, "without"), [embeddedPubsub(file)]);
      // The group exists from its first subscription on; what comes then waits for it.
      await startSidecar(subject, { appId: "orders", folder, resourcesPath: known, appPort: app.port }).stop();
      const publisher = startSidecar(subject, { appId: "publisher", folder, resourcesPath: alone });
      const url = `http://127.0.0.1:${publisher.httpPort}/v1.0/publish/bulk/pubsub/orders`;
      let published = 0;
      while (published < waiting) {
        const result = await runLoad({ url, rate: 0, connections: 4, body: entries, headers }, 0, 5);
        if (result.errors > 0) throw new Error(`Publishing failed: ${JSON.stringify(result.outcomes)}`);
        published += result.answers * bulkSize;
        bench.say(`${published} events wait`);
      }
      const largestLog = sizeMb(`${file}-wal`);
      process.kill(publisher.pid, "SIGKILL");
      await publisher.stop();
      const sidecar = startSidecar(subject, { appId: "orders", folder, resourcesPath: known, appPort: app.port });
      let log = largestLog;
      for (let waited = 0; waited < drainSeconds * 10; waited++) {
        await Bun.sleep(100);
        log = Math.max(log, sizeMb(`${file}-wal`));
      }
      const delivered = Number(await (await fetch(`${app.url}/count`)).text());
      const peak = readPeakMb(sidecar.pid);
      await sidecar.stop();
      const one = (value: number): readonly Sample[] => [{ value }];
      return [
        { title: "ready", unit: "ms", limits: [{ of: "value", atMost: 1000 }], pillion: one(sidecar.readyMs) },
        {
          title: "most memory while delivering",
          unit: "MB",
          limits: [{ of: "value", atMost: 100 }],
          pillion: one(peak),
        },
        { title: "largest write-ahead log", unit: "MB", limits: [{ of: "value", atMost: 256 }], pillion: one(log) },
        { title: "delivered", unit: "/s", limits: [], pillion: one(delivered / drainSeconds) },
      ];
    } finally {
      await app.stop();
    }
  },
});

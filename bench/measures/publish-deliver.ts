import { join } from "node:path";
import { bulkEvents, bulkSize, eventNote } from "../harness/bulk-events.ts";
import { startSubscriber } from "../harness/echo-app.ts";
import type { Sample } from "../harness/figure.ts";
import { type Bench, defineMeasure, type Turn, takeTurns } from "../harness/measure.ts";
import { embeddedPubsub, inMemoryPubsub, subscription, writeResources } from "../harness/resource-files.ts";
import { runLoad } from "../harness/run-load.ts";
import { type Sidecar, type Subject, startSidecar } from "../harness/subject.ts";

const single = JSON.stringify({ order: "{seq}", note: eventNote });
const entries = bulkEvents();
const headers = ["Content-Type: application/json"];

/** Publishes for the counted time and waits until the app has everything; gives deliveries per second from begin to end. */
const publishAll = async (bench: Bench, sidecar: Sidecar, appUrl: string, isBulk: boolean): Promise<Sample> => {
  const count = async (): Promise<number> => Number(await (await fetch(`${appUrl}/count`)).text());
  const base = `http://127.0.0.1:${sidecar.httpPort}/v1.0/publish`;
  const request = isBulk
    ? { url: `${base}/bulk/pubsub/bulks`, connections: 4, body: entries }
    : { url: `${base}/pubsub/singles`, connections: 32, body: single };
  const before = await count();
  const begun = Bun.nanoseconds();
  const result = await runLoad({ ...request, rate: 0, headers }, 0, bench.duration);
  const expected = before + result.answers * (isBulk ? bulkSize : 1);
  let seen = await count();
  for (let waited = 0; seen < expected; waited++) {
    if (waited > 6000)
      throw new Error(`Delivering failed: ${expected - seen} of ${expected - before} events did not come`);
    await Bun.sleep(5);
    seen = await count();
  }
  return { value: (expected - before) / ((Bun.nanoseconds() - begun) / 1e9) };
};

export const publishDeliver = defineMeasure({
  name: "publish-deliver",
  group: "load",
  title: "Published and delivered to an HTTP app: pubsub.embedded, durable; daprd: pubsub.in-memory",
  setup: `events of 1 KB, published in a closed loop while the app takes them, timed until it has all; single: 32 connections; bulk: ${bulkSize} at a time both ways, 4 connections; the echo's figure is its most answers per second to the same POST`,
  run: async (bench) => {
    const echoMost = async (): Promise<Sample> => {
      const url = `${bench.echo.url}/v1.0/publish/pubsub/singles`;
      const most = await runLoad(
        { url, rate: 0, connections: 64, body: single, headers },
        bench.warmup,
        bench.duration,
      );
      return { value: most.perSecond };
    };
    const app = await startSubscriber();
    const sidecars: Sidecar[] = [];
    const turns: Partial<Record<"echo" | Subject["name"], Turn>> = {
      echo: async () => {
        const most = await echoMost();
        return [most, most];
      },
    };
    try {
      for (const subject of bench.subjects) {
        const folder = bench.folder(`deliver-${subject.name}`);
        const pubsub = subject.name === "pillion" ? embeddedPubsub(join(folder, "broker.db")) : inMemoryPubsub();
        const resourcesPath = writeResources(join(folder, "resources"), [
          pubsub,
          subscription("singles", "/event"),
          subscription("bulks", "/bulk", bulkSize),
        ]);
        const sidecar = startSidecar(subject, { appId: "orders", folder, resourcesPath, appPort: app.port });
        sidecars.push(sidecar);
        let isWarm = false;
        turns[subject.name] = async () => {
          if (!isWarm) for (const isBulk of [false, true]) await publishAll(bench, sidecar, app.url, isBulk);
          isWarm = true;
          return [await publishAll(bench, sidecar, app.url, false), await publishAll(bench, sidecar, app.url, true)];
        };
      }
      const { echo, pillion, daprd } = await takeTurns(bench, turns);
      return [
        {
          title: "delivered, one by one",
          unit: "/s",
          limits: [{ of: "echo", atLeast: 0.05 }],
          echo: echo?.[0],
          pillion: pillion?.[0],
          daprd: daprd?.[0],
        },
        {
          title: "delivered, in bulks",
          unit: "/s",
          limits: [{ of: "echo", atLeast: 0.25 }],
          echo: echo?.[1],
          pillion: pillion?.[1],
          daprd: daprd?.[1],
        },
      ];
    } finally {
      await Promise.all(sidecars.map((sidecar) => sidecar.stop()));
      await app.stop();
    }
  },
});

import { join } from "node:path";
import { defineMeasure, type Turn, takeTurns } from "../harness/measure.ts";
import { embeddedPubsub, inMemoryPubsub, subscription, writeResources } from "../harness/resource-files.ts";
import { type Sidecar, type Subject, startSidecar } from "../harness/subject.ts";

const rate = 1000;
const note = "a".repeat(1000);

/** An app that notes when each event came; the events carry their numbers. */
const startApp = () => {
  const cameAt: number[] = [];
  const server = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    fetch: async (request) => {
      const at = performance.now();
      if (request.method !== "POST") return new Response("", { status: 404 });
      const text = await request.text();
      const number = /"order":(\d+)/.exec(text)?.[1];
      if (number !== undefined) cameAt[Number(number)] ??= at;
      return new Response("");
    },
  });
  return { port: server.port ?? 0, cameAt, stop: () => server.stop(true) };
};

/** Publishes at the rate and gives the times from the moment when each publish was due to its arrival in the app, in ms, sorted. */
const publishAtRate = async (url: string, seconds: number, cameAt: number[]): Promise<number[]> => {
  cameAt.length = 0;
  const total = rate * seconds;
  const begin = performance.now();
  const dueAt = (index: number): number => begin + (index * 1000) / rate;
  const sends: Promise<unknown>[] = [];
  for (let next = 0; next < total; ) {
    for (; next < total && dueAt(next) <= performance.now(); next++) {
      const body = `{"order":${next},"note":"${note}"}`;
      sends.push(fetch(url, { method: "POST", headers: { "content-type": "application/json" }, body }));
    }
    await Bun.sleep(1);
  }
  await Promise.all(sends);
  for (let waited = 0; cameAt.filter((at) => at !== undefined).length < total; waited++) {
    if (waited > 1000) throw new Error("Delivering failed: not all events came");
    await Bun.sleep(10);
  }
  return cameAt.map((at, index) => at - dueAt(index)).sort((a, b) => a - b);
};

export const deliveryLatency = defineMeasure({
  name: "delivery-latency",
  group: "load",
  title: "From publish to delivery: pubsub.embedded, durable; daprd: pubsub.in-memory",
  setup: `events of 1 KB at ${rate}/s over HTTP; from the moment when a publish is due to the event's arrival in the HTTP app, both in one process`,
  run: async (bench) => {
    const app = startApp();
    const sidecars: Sidecar[] = [];
    const turns: Partial<Record<Subject["name"], Turn>> = {};
    try {
      for (const subject of bench.subjects) {
        const folder = bench.folder(`latency-${subject.name}`);
        const pubsub = subject.name === "pillion" ? embeddedPubsub(join(folder, "broker.db")) : inMemoryPubsub();
        const resourcesPath = writeResources(join(folder, "resources"), [pubsub, subscription("orders", "/event")]);
        const sidecar = startSidecar(subject, { appId: "orders", folder, resourcesPath, appPort: app.port });
        sidecars.push(sidecar);
        const url = `http://127.0.0.1:${sidecar.httpPort}/v1.0/publish/pubsub/orders`;
        turns[subject.name] = async () => {
          await publishAtRate(url, Math.max(1, bench.warmup), app.cameAt);
          const times = await publishAtRate(url, bench.duration, app.cameAt);
          const at = (share: number) => ({ value: times[Math.floor(times.length * share)] ?? 0 });
          return [at(0.5), at(0.99)];
        };
      }
      const { pillion, daprd } = await takeTurns(bench, turns);
      return [
        {
          title: "publish to delivery, p50",
          unit: "ms",
          limits: [{ of: "value", atMost: 3 }],
          pillion: pillion?.[0],
          daprd: daprd?.[0],
        },
        { title: "publish to delivery, p99", unit: "ms", limits: [], pillion: pillion?.[1], daprd: daprd?.[1] },
      ];
    } finally {
      await Promise.all(sidecars.map((sidecar) => sidecar.stop()));
      app.stop();
    }
  },
});

import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { defineMeasure, type Turn, takeTurns } from "../harness/measure.ts";
import { embeddedPubsub, inMemoryPubsub, subscription, writeResources } from "../harness/resource-files.ts";
import { type Sidecar, type Subject, startSidecar } from "../harness/subject.ts";

const rate = 1000;
const program = fileURLToPath(new URL("../load/delivery.ts", import.meta.url));

interface Latency {
  readonly p50: number;
  readonly p99: number;
}

/** The publisher and app in a process of its own. */
const startApp = async () => {
  const child = Bun.spawn([process.execPath, program], { stdin: "pipe", stdout: "pipe", stderr: "inherit" });
  const reader = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
  const line = async (): Promise<string> => {
    const { value } = await reader.read();
    if (value === undefined) throw new Error("Timing deliveries failed: its process has ended");
    return value.trim();
  };
  return {
    port: Number(await line()),
    publish: async (url: string, seconds: number): Promise<Latency> => {
      child.stdin.write(`${url} ${rate} ${seconds}\n`);
      await child.stdin.flush();
      return JSON.parse(await line()) as Latency;
    },
    stop: async () => {
      child.kill();
      await child.exited;
    },
  };
};

export const deliveryLatency = defineMeasure({
  name: "delivery-latency",
  group: "load",
  title: "From publish to delivery: pubsub.embedded, durable; daprd: pubsub.in-memory",
  setup: `events of 1 KB at ${rate}/s over HTTP; from the moment when a publish is due to the event's arrival in the HTTP app, both in one process`,
  run: async (bench) => {
    const app = await startApp();
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
          await app.publish(url, Math.max(1, bench.warmup));
          const { p50, p99 } = await app.publish(url, bench.duration);
          return [{ value: p50 }, { value: p99 }];
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
      await app.stop();
    }
  },
});

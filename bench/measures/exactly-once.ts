import { join } from "node:path";
import { sampleOf } from "../harness/figure.ts";
import { holdEvents } from "../harness/held-events.ts";
import { defineMeasure, type Turn, takeTurns } from "../harness/measure.ts";
import { outboxState, patientPubsub, writeResources } from "../harness/resource-files.ts";
import { runLoad } from "../harness/run-load.ts";
import { startSidecar } from "../harness/subject.ts";

const overhead = JSON.stringify({
  operations: [{ operation: "upsert", request: { key: "order-00000000", value: "" } }],
});
const value = "a".repeat(1024 - overhead.length);
const body = JSON.stringify({ operations: [{ operation: "upsert", request: { key: "order-{seq}", value } }] });
const topic = "orders";
/** More than the fastest run acknowledges; each delivery is good for one transaction. */
const mostPerSecond = 10_000;

/** What it costs that a transaction has an outbox and acknowledges a delivery. */
export const exactlyOnce = defineMeasure({
  name: "exactly-once",
  group: "load",
  title: "A one-key transaction with outbox and inbox, in one database",
  setup:
    'a POST of 1 KB that writes one key; each names another delivery that a stream holds, and its event goes out by the outbox; the column "echo" is the same transaction without both',
  run: async (bench) => {
    const subject = bench.subjects.find(({ name }) => name === "pillion");
    if (subject === undefined) return [];
    // Long enough for the compiler to have seen deliveries as well.
    const warmup = Math.min(bench.warmup, 2);
    const duration = Math.min(bench.duration, 3);
    let starts = 0;

    /** One run on a sidecar of its own. */
    async function run(isJoint: boolean, rate: number, connections: number) {
      const folder = bench.folder(`exactly-once-${++starts}`);
      const file = join(folder, "pillion.db");
      const resources = [outboxState(file, isJoint ? topic : ""), patientPubsub(file)];
      const resourcesPath = writeResources(join(folder, "resources"), resources);
      const sidecar = startSidecar(subject!, { appId: "orders", folder, resourcesPath });
      try {
        const url = `http://127.0.0.1:${sidecar.httpPort}/v1.0/state/statestore/transaction`;
        const headers = ["Content-Type: application/json"];
        // Deliveries are too dear to warm up with: the compiler has its time before there are any.
        if (bench.warmup > warmup)
          await runLoad({ url, method: "POST", body, headers, rate: 0, connections }, bench.warmup, 1);
        const events = Math.ceil((warmup + duration + 0.5) * (rate || mostPerSecond));
        const held = isJoint ? await holdEvents(sidecar, "requests", events) : undefined;
        if (held !== undefined) headers.push(`dapr-delivery-id: ${held.prefix}00000000`);
        const result = await runLoad({ url, method: "POST", body, headers, rate, connections }, warmup, duration);
        held?.close();
        return result;
      } finally {
        await sidecar.stop();
      }
    }
    const turn =
      (isJoint: boolean): Turn =>
      async () => {
        const most = await run(isJoint, 0, 64);
        const steady = await run(isJoint, 1000, 16);
        return [sampleOf(most, most.perSecond), sampleOf(steady, steady.latency.p50)];
      };
    const { echo, pillion } = await takeTurns(bench, { echo: turn(false), pillion: turn(true) });
    return [
      {
        title: "transactions with outbox and inbox, most per second",
        unit: "/s",
        limits: [{ of: "echo", atLeast: 1 / 1.5 }],
        echo: echo?.[0],
        pillion: pillion?.[0],
      },
      {
        title: "transactions with outbox and inbox, 1,000/s, p50",
        unit: "µs",
        limits: [{ of: "echo", atMost: 1.5 }],
        echo: echo?.[1],
        pillion: pillion?.[1],
      },
    ];
  },
});

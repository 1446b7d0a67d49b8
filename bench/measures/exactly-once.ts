import { join } from "node:path";
import { sampleOf } from "../harness/figure.ts";
import { holdEvents } from "../harness/held-events.ts";
import { defineMeasure, type Turn, takeTurns } from "../harness/measure.ts";
import { outboxState, patientPubsub, writeResources } from "../harness/resource-files.ts";
import { runLoad } from "../harness/run-load.ts";
import { startSidecar } from "../harness/subject.ts";
import type { LoadResult } from "../load/drive.ts";

const overhead = JSON.stringify({
  operations: [{ operation: "upsert", request: { key: "order-00000000", value: "" } }],
});
const value = "a".repeat(1024 - overhead.length);
const body = JSON.stringify({ operations: [{ operation: "upsert", request: { key: "order-{seq}", value } }] });
const topic = "orders";
/** More than the fastest run acknowledges; each delivery is good for one transaction. */
const mostPerSecond = 12_000;
/** Seconds of a closed loop with deliveries in hand: no consumer of the real world holds many more at a time. */
const span = 0.8;
const settleMs = 300;

/** What it costs that a transaction has an outbox and acknowledges a delivery. */
export const exactlyOnce = defineMeasure({
  name: "exactly-once",
  group: "load",
  title: "A one-key transaction with outbox and inbox, in one database",
  setup:
    'a POST of 1 KB that writes one key; each names another delivery that a stream holds, and its event goes out by the outbox; the column "echo" is the same transaction without both; each has run as long as the warm-up says before it is counted',
  run: async (bench) => {
    const subject = bench.subjects.find(({ name }) => name === "pillion");
    if (subject === undefined) return [];
    let starts = 0;

    const turn = (isJoint: boolean): Turn => {
      return async () => {
        const folder = bench.folder(`exactly-once-${++starts}`);
        const file = join(folder, "pillion.db");
        const resources = [outboxState(file, isJoint ? topic : ""), patientPubsub(file)];
        const resourcesPath = writeResources(join(folder, "resources"), resources);
        const sidecar = startSidecar(subject, { appId: "orders", folder, resourcesPath });
        const url = `http://127.0.0.1:${sidecar.httpPort}/v1.0/state/statestore/transaction`;
        let first = 0;
        let spans = 0;

        /** One span of load; with a topic of its own for the deliveries, so that none comes twice. */
        async function load(rate: number, connections: number, duration: number) {
          const events = Math.ceil((duration + 0.5) * (rate || mostPerSecond));
          const headers = ["Content-Type: application/json"];
          const held = isJoint ? await holdEvents(sidecar, `requests-${++spans}`, events) : undefined;
          if (held !== undefined) headers.push(`dapr-delivery-id: ${held.prefix}00000000`);
          await Bun.sleep(settleMs);
          const request = { url, method: "POST", body, headers, rate, connections, keys: 100_000_000 } as const;
          const result = await runLoad({ ...request, first: held?.first ?? first }, 0.3, duration);
          first += events;
          held?.close();
          await Bun.sleep(settleMs);
          return result;
        }
        const most = () => load(0, 64, span);
        try {
          for (let second = 0; second < bench.warmup; second += span) await most();
          const rates: LoadResult[] = [];
          for (let second = 0; second < bench.duration; second += span) rates.push(await most());
          const perSecond = rates.reduce((sum, result) => sum + result.perSecond, 0) / rates.length;
          const errors = rates.find((result) => result.errors > 0) ?? rates[0]!;
          const steady = await load(1000, 16, bench.duration);
          return [sampleOf(errors, perSecond), sampleOf(steady, steady.latency.p50)];
        } finally {
          await sidecar.stop();
        }
      };
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

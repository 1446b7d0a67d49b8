import assert from "node:assert/strict";
import { test } from "node:test";
import { createSeededRandom } from "../../kit/seeded-random.ts";
import { createVirtualClock } from "../../kit/virtual-clock.ts";
import type { SpanData } from "../span.ts";
import { createSpanBatches } from "./batch.ts";
import { ExportError } from "./exporter.ts";

const span: SpanData = {
  name: "n",
  kind: "client",
  traceId: "a".repeat(32),
  spanId: "b".repeat(16),
  parentId: "",
  flags: 1,
  tracestate: "",
  startMs: 0,
  endMs: 1,
  attributes: new Map(),
  dropped: 0,
  error: undefined,
};
const limits = { delayMs: 5000, queue: 8, batch: 4, timeoutMs: 30_000 };

/** A place that answers what the test says; `hold` makes it wait for `release`. */
function start(more: Partial<typeof limits> = {}) {
  const clock = createVirtualClock();
  const sent: string[][] = [];
  const losses: string[] = [];
  const answers: (Error | undefined)[] = [];
  const place = { isClosed: false, opened: 0, held: [] as (() => void)[], holds: false };
  const batches = createSpanBatches({
    async exporter() {
      place.opened++;
      return {
        async send(spans, signal) {
          sent.push(spans.map(({ name }) => name));
          if (place.holds) {
            await new Promise<void>((resolve, reject) => {
              place.held.push(resolve);
              signal.addEventListener("abort", () => reject(signal.reason));
            });
          }
          const fault = answers.shift();
          if (fault !== undefined) throw fault;
        },
        async close() {
          place.isClosed = true;
        },
      };
    },
    limits: { ...limits, ...more },
    attemptMs: 10_000,
    clock,
    random: createSeededRandom(1),
    onLoss: (message) => void losses.push(message),
  });
  const add = (...names: string[]) => {
    for (const name of names) batches.add({ ...span, name });
  };
  return { clock, sent, losses, answers, place, batches, add };
}

test("a span waits for others until its time is over; nothing runs while none waits", async () => {
  const { clock, sent, add, place } = start();
  assert.equal(clock.pending, 0);
  add("a");
  await clock.advance(3000);
  add("b");
  await clock.advance(1999);
  assert.deepEqual([sent, place.opened], [[], 0]);
  await clock.advance(1);
  assert.deepEqual([sent, place.opened, clock.pending], [[["a", "b"]], 1, 0]);
});

test("a full batch goes at once, the rest waits", async () => {
  const { clock, sent, add } = start();
  add("1", "2", "3", "4", "5");
  await clock.advance(0);
  assert.deepEqual(sent, [["1", "2", "3", "4"]]);
  await clock.advance(5000);
  assert.deepEqual(sent, [["1", "2", "3", "4"], ["5"]]);
});

test("batches go one after the other, and what the queue has no room for is counted", async () => {
  const { clock, sent, losses, add, place } = start();
  place.holds = true;
  add("1", "2", "3", "4");
  await clock.advance(0);
  add(..."abcdefghij");
  assert.deepEqual(sent.length, 1);
  place.holds = false;
  place.held.pop()?.();
  await clock.advance(5000);
  assert.deepEqual(sent, [["1", "2", "3", "4"], [..."abcd"], [..."efgh"]]);
  assert.deepEqual(losses, ["2 spans were lost because more than 8 waited to be exported"]);
});

test("faults that pass are tried again, others are not", async () => {
  const { clock, sent, losses, answers, add } = start();
  const busy = (waitMs?: number) => new ExportError("busy", { isTemporary: true, waitMs });
  answers.push(new Error("refused"), busy(7000));
  add("a");
  await clock.advance(5000);
  assert.equal(sent.length, 1);
  await clock.advance(2499);
  assert.equal(sent.length, 1, "the first pause is between 2.5 and 7.5 seconds");
  await clock.advance(5001);
  assert.equal(sent.length, 2);
  await clock.advance(6999 - 5001);
  assert.equal(sent.length, 2, "the place has asked for seven seconds");
  await clock.advance(12_000);
  assert.deepEqual([sent, losses], [[["a"], ["a"], ["a"]], []]);
  answers.push(new ExportError("bad", { isTemporary: false }));
  add("b");
  await clock.advance(5000);
  assert.deepEqual([sent.length, losses, clock.pending], [4, ["exporting 1 spans failed: bad"], 0]);
});

test("a place that never answers costs its batch and no more than its time", async () => {
  const { clock, sent, losses, add, place } = start({ timeoutMs: 12_000 });
  place.holds = true;
  add("a");
  await clock.advance(5000 + 12_000);
  assert.deepEqual(losses, ["exporting 1 spans failed: no answer after 10000 ms"]);
  place.holds = false;
  add("b");
  await clock.advance(5000);
  assert.deepEqual(sent, [["a"], ["b"]]);
  assert.equal(clock.pending, 0);
});

test("an exporter that cannot be made is asked for again", async () => {
  const clock = createVirtualClock();
  const losses: string[] = [];
  let asked = 0;
  const batches = createSpanBatches({
    exporter: async () => {
      if (asked++ === 0) throw new ExportError("no such endpoint", { isTemporary: false });
      return { send: async () => {}, close: async () => {} };
    },
    limits,
    attemptMs: 1000,
    clock,
    random: createSeededRandom(1),
    onLoss: (message) => void losses.push(message),
  });
  for (let round = 0; round < 3; round++) {
    batches.add(span);
    await clock.advance(5000);
  }
  assert.deepEqual([asked, losses], [2, ["exporting 1 spans failed: no such endpoint"]]);
});

test("closing sends what waits, without repetitions, and then closes the place", async () => {
  const { clock, sent, losses, answers, batches, add, place } = start();
  answers.push(new Error("refused"));
  add("1", "2", "3", "4", "5");
  const closing = batches.close(3000);
  await clock.advance(0);
  await closing;
  assert.deepEqual(sent, [["1", "2", "3", "4"], ["5"]]);
  assert.deepEqual(losses, ["exporting 4 spans failed: refused"]);
  assert.equal(place.isClosed, true);
  add("late");
  await clock.advance(10_000);
  assert.equal(sent.length, 2);
  assert.equal(clock.pending, 0);
});

test("closing ends the pause of a repetition", async () => {
  const { clock, sent, losses, answers, batches, add } = start();
  answers.push(new Error("refused"));
  add("a");
  await clock.advance(5000);
  const closing = batches.close(3000);
  await clock.advance(0);
  await closing;
  assert.deepEqual([sent.length, losses], [1, ["exporting 1 spans failed: refused"]]);
});

test("closing waits no longer than it may", async () => {
  const { clock, batches, add, place } = start();
  place.holds = true;
  add("a");
  const closing = batches.close(3000);
  let isOver = false;
  void closing.then(() => (isOver = true));
  await clock.advance(2999);
  assert.equal(isOver, false);
  await clock.advance(1);
  await closing;
});

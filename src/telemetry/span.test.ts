import assert from "node:assert/strict";
import { test } from "node:test";
import { createVirtualClock } from "../kit/virtual-clock.ts";
import { createSpanRecorder, type SpanData } from "./span.ts";

const place = { traceId: "a".repeat(32), spanId: "b".repeat(16), parentId: "", flags: 1, tracestate: "" };

function start() {
  const clock = createVirtualClock(1_700_000_000_000);
  const spans: SpanData[] = [];
  return { clock, spans, record: createSpanRecorder(clock, { add: (span) => void spans.push(span) }) };
}

test("a span is handed over once, when it ends, with what was said until then", async () => {
  const { clock, spans, record } = start();
  await clock.advance(10);
  const span = record("client", place);
  span.name = "first";
  span.set("a", "1");
  span.set("empty", "");
  span.set("a", "2");
  span.name = "second";
  span.fail("no");
  await clock.advance(5);
  assert.deepEqual(spans, []);
  span.end();
  span.end();
  assert.deepEqual(spans, [
    {
      ...place,
      name: "second",
      kind: "client",
      startMs: 1_700_000_000_010,
      endMs: 1_700_000_000_015,
      attributes: new Map([["a", "2"]]),
      dropped: 0,
      error: "no",
    },
  ]);
});

test("attributes beyond the limit are counted", () => {
  const { spans, record } = start();
  const span = record("server", place);
  for (let count = 0; count < 130; count++) span.set(`k${count}`, "v");
  span.set("k0", "again");
  span.end();
  assert.equal(spans[0]?.attributes.size, 128);
  assert.equal(spans[0]?.dropped, 2);
  assert.equal(spans[0]?.attributes.get("k0"), "again");
});

test("a jump of the wall clock is followed, and no span ends before it begins", () => {
  let now = 1000;
  let steady = 0;
  const spans: SpanData[] = [];
  const clock = { ...createVirtualClock(), now: () => now, monotonic: () => steady };
  const record = createSpanRecorder(clock, { add: (span) => void spans.push(span) });
  const before = record("client", place);
  now = 500;
  steady = 3;
  before.end();
  const after = record("client", place);
  now = 501;
  steady = 4.5;
  after.end();
  assert.deepEqual(
    spans.map(({ startMs, endMs }) => [startMs, endMs]),
    [
      [1000, 1003],
      [500, 501.5],
    ],
  );
});

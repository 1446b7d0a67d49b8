import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { zeroTraceparent } from "../kit/call.ts";
import { createSeededRandom } from "../kit/seeded-random.ts";
import { createVirtualClock } from "../kit/virtual-clock.ts";
import { baggageFault } from "./baggage.ts";
import { createSpanRecorder, type SpanData } from "./span.ts";
import { createTracer, parseTraceparent, validTracestate } from "./trace.ts";

const trace = "4bf92f3577b34da6a3ce929d0e0e4736";
const span = "00f067aa0ba902b7";

test("which traceparent headers are valid", () => {
  assert.deepEqual(parseTraceparent(`00-${trace}-${span}-01`), { traceId: trace, spanId: span, flags: "01" });
  assert.ok(parseTraceparent(`cc-${trace}-${span}-01-more`));
  for (const header of [
    "",
    `00-${trace}-${span}`,
    `00-${trace}-${span}-01-more`,
    `ff-${trace}-${span}-01`,
    `00-${"0".repeat(32)}-${span}-01`,
    `00-${trace}-${"0".repeat(16)}-01`,
    `00-${trace.toUpperCase()}-${span}-01`,
  ]) {
    assert.equal(parseTraceparent(header), undefined, header);
  }
});

test("tracestate and baggage", () => {
  assert.equal(validTracestate("a=1, t@v=2,"), "a=1,t@v=2");
  assert.equal(validTracestate("A=1"), "");
  assert.equal(validTracestate(`a=${"x".repeat(600)}`), "");
  assert.equal(baggageFault("a=1;p;q=2 , b=%20"), undefined);
  const faults = {
    nope: 'invalid baggage list-member: "nope"',
    "a=1,": 'invalid baggage list-member: ""',
    "a=b c": 'invalid value: "b c"',
    "=1": 'invalid key: ""',
    "a=%zz": 'invalid value: invalid URL escape "%zz"',
    "a=1;p q": 'invalid baggage list-member property: "p q"',
  };
  for (const [header, fault] of Object.entries(faults)) assert.equal(baggageFault(header), fault);
  assert.equal(baggageFault("a=1;"), undefined);
});

test("modes and sampling", () => {
  let next = 0;
  const random = {
    bytes: (length: number) => Uint8Array.from({ length }, () => (next = (next + 37) & 0xff)),
    uuid: () => "",
    fraction: () => 0,
  };
  const mode = (samplingRate: string, hasExporter = false) => createTracer({ samplingRate, hasExporter, random }).mode;
  assert.deepEqual(
    [mode(""), mode("", true), mode("0"), mode("0.0", true), mode("1"), mode("abc")],
    ["pass", "span", "off", "off", "span", "span"],
  );
  const half = createTracer({ samplingRate: "0.5", hasExporter: false, random });
  const flags = Array.from({ length: 400 }, () => half.begin(null, null).traceparent.slice(-2));
  const sampled = flags.filter((flag) => flag === "01").length;
  assert.ok(sampled > 100 && sampled < 300, String(sampled));
  assert.match(half.begin(null, null).traceparent, /^00-[0-9a-f]{32}-[0-9a-f]{16}-0[01]$/);
  const child = half.begin(`00-${trace}-${span}-01`, "a=1");
  assert.match(child.traceparent, new RegExp(`^00-${trace}-(?!${span})[0-9a-f]{16}-01$`));
  assert.equal(child.tracestate, "a=1");
  assert.equal(half.begin(`00-${trace}-${span}-00`, null).traceparent.slice(-2), "00");
});

const hex = (length: number) =>
  fc.string({ unit: fc.constantFrom(..."0123456789abcdef"), minLength: length, maxLength: length });
const traceparents = fc.tuple(hex(32), hex(16), hex(2)).map(([id, parent, flags]) => `00-${id}-${parent}-${flags}`);
const wellFormed = /^00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$/;

test("any header gives a trace; a valid one is continued", () => {
  const random = createSeededRandom(1);
  const tracer = createTracer({ samplingRate: "0.5", hasExporter: true, random });
  const any = fc.oneof(
    traceparents,
    fc.string(),
    fc.string().map((text) => `00-${trace}-${span}-${text}`),
  );
  fc.assert(
    fc.property(any, fc.oneof(fc.string(), fc.constant("a=1,b@c=2")), (header, state) => {
      const begun = tracer.begin(header, state);
      assert.match(begun.traceparent, wellFormed);
      const parent = parseTraceparent(header);
      const child = parseTraceparent(begun.traceparent);
      assert.notEqual(child?.spanId, parent?.spanId);
      if (parent === undefined) return assert.equal(begun.tracestate, "");
      assert.deepEqual([child?.traceId, child?.flags], [parent.traceId, parent.flags]);
      assert.equal(validTracestate(begun.tracestate), begun.tracestate);
    }),
  );
});

test("what is passed on is the header itself, or noughts", () => {
  const pass = createTracer({ samplingRate: "", hasExporter: false, random: createSeededRandom(1) });
  fc.assert(
    fc.property(fc.oneof(traceparents, fc.string()), (header) => {
      const { traceparent } = pass.begin(header, null);
      assert.equal(traceparent, parseTraceparent(header) === undefined ? zeroTraceparent : header);
    }),
  );
  assert.equal(pass.begin(`CC-${trace}-${span}-0A0b-x`, null).traceparent, `00-${trace}-${span}-0a`);
  const off = createTracer({ samplingRate: "0", hasExporter: true, random: createSeededRandom(1) });
  assert.equal(off.begin(null, null).traceparent, "");
  assert.deepEqual(off.below("server", { traceparent: "", tracestate: "", baggage: "k=v" }).baggage, "k=v");
});

test("only what is sampled is recorded, and only where somebody takes it", () => {
  const spans: SpanData[] = [];
  const record = createSpanRecorder(createVirtualClock(), { add: (data) => void spans.push(data) });
  const random = createSeededRandom(2);
  const tracer = createTracer({ samplingRate: "1e-9", hasExporter: true, random, record });
  assert.equal(tracer.begin(null, null).span, undefined);
  assert.equal(tracer.begin(`00-${trace}-${span}-02`, null).span, undefined);
  const below = tracer.below("server", { traceparent: `00-${trace}-${span}-03`, tracestate: "a=1", baggage: "" });
  below.span?.end();
  const { spanId = "" } = parseTraceparent(below.traceparent) ?? {};
  assert.deepEqual(
    spans.map(({ traceId, parentId, flags, tracestate, kind, ...rest }) => [
      traceId,
      parentId,
      flags,
      tracestate,
      kind,
      rest.spanId,
    ]),
    [[trace, span, 3, "a=1", "server", spanId]],
  );
  const silent = createTracer({ samplingRate: "1", hasExporter: true, random });
  assert.equal(silent.begin(null, null).span, undefined);
});

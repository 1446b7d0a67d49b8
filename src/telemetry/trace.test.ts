import assert from "node:assert/strict";
import { test } from "node:test";
import { baggageFault } from "./baggage.ts";
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

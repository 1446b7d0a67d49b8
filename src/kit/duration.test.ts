import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import {
  formatDuration,
  formatNanoseconds,
  parseDuration,
  parseDurationOrSeconds,
  parseNanoseconds,
} from "./duration.ts";

test("durations are read as Go reads them", () => {
  const cases: [string, bigint][] = [
    ["0", 0n],
    ["+5s", 5_000_000_000n],
    ["-1.5h", -5_400_000_000_000n],
    [".5s", 500_000_000n],
    ["1.s", 1_000_000_000n],
    ["1h2m3.004s", 3_723_004_000_000n],
    ["3ns", 3n],
    ["1µs", 1_000n],
    ["1μs", 1_000n],
    ["1us", 1_000n],
    ["0.3333333333333333333h", 1_199_999_999_999n],
    ["9223372036854775807ns", 9_223_372_036_854_775_807n],
    ["-9223372036854775808ns", -9_223_372_036_854_775_808n],
  ];
  for (const [text, value] of cases) assert.equal(parseNanoseconds(text), value, text);
  assert.equal(parseDuration("1m0.5s"), 60_500);
  assert.equal(parseDurationOrSeconds("7"), 7000);
  assert.equal(parseDurationOrSeconds("7ms"), 7);
});

test("what is no duration is refused with Go's words", () => {
  const cases: [string, string][] = [
    ["", 'time: invalid duration ""'],
    ["-", 'time: invalid duration "-"'],
    ["3", 'time: missing unit in duration "3"'],
    [".s", 'time: invalid duration ".s"'],
    ["s", 'time: invalid duration "s"'],
    ["1x", 'time: unknown unit "x" in duration "1x"'],
    ["1 s", 'time: unknown unit " s" in duration "1 s"'],
    ["1s2", 'time: missing unit in duration "1s2"'],
    ["9223372036854775808ns", 'time: invalid duration "9223372036854775808ns"'],
  ];
  for (const [text, message] of cases) assert.throws(() => parseNanoseconds(text), { message }, text);
});

test("durations are printed as Go prints them", () => {
  const cases: [bigint, string][] = [
    [0n, "0s"],
    [1n, "1ns"],
    [1_100n, "1.1µs"],
    [2_200_000n, "2.2ms"],
    [3_300_000_000n, "3.3s"],
    [245_000_000_000n, "4m5s"],
    [245_001_000_000n, "4m5.001s"],
    [18_367_001_000_000n, "5h6m7.001s"],
    [480_000_000_001n, "8m0.000000001s"],
    [-9_223_372_036_854_775_808n, "-2562047h47m16.854775808s"],
  ];
  for (const [value, text] of cases) assert.equal(formatNanoseconds(value), text);
  assert.equal(formatDuration(180_000), "3m0s");
  assert.equal(formatDuration(0.25), "250µs");
});

test("printing and reading give the same duration", () => {
  const limit = (1n << 63n) - 1n;
  fc.assert(
    fc.property(fc.bigInt({ min: -limit, max: limit }), (value) => {
      assert.equal(parseNanoseconds(formatNanoseconds(value)), value);
    }),
  );
});

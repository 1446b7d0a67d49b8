import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { isRepeatedCode, readCodeMatch } from "./status-codes.ts";

test("lists with ranges tell which statuses are repeated", () => {
  const codes = fc.array(
    fc
      .tuple(fc.integer({ min: 100, max: 599 }), fc.integer({ min: 0, max: 60 }))
      .map(([start, more]) => [start, Math.min(599, start + more)] as const),
    { minLength: 1, maxLength: 6 },
  );
  fc.assert(
    fc.property(codes, fc.integer({ min: 100, max: 599 }), (ranges, code) => {
      const text = ranges.map(([start, end]) => (start === end ? `${start}` : `${start}-${end}`)).join(",");
      const match = readCodeMatch(text, "");
      const expected = ranges.some(([start, end]) => start <= code && code <= end);
      assert.equal(isRepeatedCode(code, match), expected);
    }),
  );
});

test("a list of one wire does not concern the other", () => {
  const match = readCodeMatch("500", "");
  assert.equal(isRepeatedCode(14, match), true);
  assert.equal(isRepeatedCode(503, match), false);
  assert.equal(isRepeatedCode(500, undefined), true);
});

test("a status that is none of either wire is not repeated", () => {
  for (const code of [17, 20, 99, 600, 999]) assert.equal(isRepeatedCode(code, undefined), false);
});

test("empty parts are passed over; a list of them alone lists nothing", () => {
  const match = readCodeMatch(",429,,", ",");
  assert.equal(isRepeatedCode(429, match), true);
  assert.equal(isRepeatedCode(428, match), false);
  assert.equal(isRepeatedCode(1, match), false);
});

test("what is no list is refused in upstream's words", () => {
  const refused: readonly (readonly [string, string])[] = [
    ["1-2-3", "invalid pattern 1-2-3, more than one '-' exists"],
    ["abc", "failed to parse start code abc from pattern abc to int"],
    ["200-x", "failed to parse end code x from pattern 200-x to int"],
    ["99", "invalid pattern 99, start code 99 is not valid"],
    ["500-600", "invalid pattern 500-600, end code 600 is not valid"],
    ["503-500", "invalid pattern 503-500, start value should not bigger than end value"],
    [" 500", "failed to parse start code  500 from pattern  500 to int"],
  ];
  for (const [text, message] of refused) assert.throws(() => readCodeMatch(text, ""), { message });
  assert.throws(() => readCodeMatch("", "0-17"), { message: "invalid pattern 0-17, end code 17 is not valid" });
});

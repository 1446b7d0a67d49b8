import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { formatQuantity, parseQuantity } from "./quantity.ts";

test("quantities are read with every suffix", () => {
  const cases: [string, number][] = [
    ["0", 0],
    ["-1", -1],
    ["+7", 7],
    ["4Mi", 4_194_304],
    ["4Ki", 4096],
    ["0.5Ki", 512],
    [".5Gi", 536_870_912],
    ["1.", 1],
    ["2k", 2000],
    ["2M", 2_000_000],
    ["1e3", 1000],
    ["1E3", 1000],
    ["1E", 1e18],
    ["15e-1", 2],
    ["100m", 1],
    ["-1500m", -2],
    ["1n", 1],
  ];
  for (const [text, value] of cases) assert.equal(parseQuantity(text), value, text);
});

test("what is no quantity is refused", () => {
  for (const text of ["", "Mi", "4 Mi", "4mi", "4KB", "0x10", "1e", "--1", "."]) {
    assert.throws(() => parseQuantity(text), /^Error: cannot read ".*" as a quantity/, text);
  }
});

test("printing and reading give the same quantity", () => {
  assert.equal(formatQuantity(4_194_304), "4Mi");
  assert.equal(formatQuantity(-1), "-1");
  fc.assert(
    fc.property(fc.maxSafeInteger(), (value) => {
      assert.equal(parseQuantity(formatQuantity(value)), value === 0 ? 0 : value);
    }),
  );
});

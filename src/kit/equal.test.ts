import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { isEqual } from "./equal.ts";

test("copies are equal, whatever the order of their keys", () => {
  fc.assert(
    fc.property(fc.jsonValue(), (value) => {
      const reversed = (inner: unknown): unknown => {
        if (Array.isArray(inner)) return inner.map(reversed);
        if (typeof inner !== "object" || inner === null) return inner;
        return Object.fromEntries(
          Object.entries(inner)
            .reverse()
            .map(([key, item]) => [key, reversed(item)]),
        );
      };
      assert.equal(isEqual(value, structuredClone(value)), true);
      assert.equal(isEqual(value, reversed(value)), true);
    }),
  );
});

test("what differs anywhere is not equal", () => {
  const pairs: [unknown, unknown][] = [
    [{ a: 1 }, { a: 1, b: undefined }],
    [{ a: undefined }, { b: undefined }],
    [
      [1, 2],
      [2, 1],
    ],
    [[], {}],
    [{ a: { b: [1, { c: "x" }] } }, { a: { b: [1, { c: "y" }] } }],
    [null, {}],
    [null, undefined],
    ["1", 1],
  ];
  for (const [a, b] of pairs) {
    assert.equal(isEqual(a, b), false);
    assert.equal(isEqual(b, a), false);
  }
});

import assert from "node:assert/strict";
import { test } from "node:test";
import { loadCel } from "./cel.ts";

test("`matches` is a function and a method", async () => {
  const compile = await loadCel();
  const event = { data: { s: "abc" } };
  for (const [expression, result] of [
    ['matches(event.data.s, "^a.c$")', true],
    ['matches(event.data.s, "^b")', false],
    ['event.data.s.matches("b")', true],
  ] as const)
    assert.equal(compile(expression)({ event }), result, expression);
  assert.throws(() => compile('matches(event.data.s, "(")')({ event }));
});

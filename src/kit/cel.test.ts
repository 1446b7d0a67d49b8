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

test("`matches` takes RE2's flags and classes, wherever it is called", async () => {
  const compile = await loadCel();
  const event = { s: "Abc", list: ["x", "ABC"], deep: { s: "Abc" } };
  for (const [expression, result] of [
    ['event.s.matches("(?i)^abc$")', true],
    ['matches(event.s, "^[[:alpha:]]+$")', true],
    ['event.s.matches("^[[:^alpha:]]+$")', false],
    ['event.list.exists(one, one.matches("(?i)abc"))', true],
    ['event.list.filter(one, one.matches("(?i:a)BC")).size() == 1', true],
    ['event.list.map(one, one.matches("(?i)b") ? "y" : "n") == ["n", "y"]', true],
    ['event.s == "x" || [event.deep.s.matches("(?i)ABC")][0]', true],
    ['{"k": !event.s.matches("(?i)ABC")}.k', false],
    ['has(event.deep.s) && event.deep.s.matches("(?i)ABC")', true],
  ] as const)
    assert.equal(compile(expression)({ event }), result, expression);
  assert.throws(() => compile('event.s.matches("a(?=b)")')({ event }), /error parsing regexp: invalid or unsupported/);
  assert.throws(() => compile("event.s.matches(1)")({ event }), /no matching overload/);
});

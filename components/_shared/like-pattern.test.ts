import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { likeExpression } from "./like-pattern.ts";

test("wildcards, escapes and characters that mean something to regular expressions", () => {
  const cases: [string, string, boolean][] = [
    ["a%", "abc", true],
    ["a%", "xabc", false],
    ["a_c", "abc", true],
    ["a_c", "a\u{1f600}c", true],
    ["a_c", "ac", false],
    ["a\\%", "a%", true],
    ["a\\%", "ab", false],
    ["a\\", "a\\", true],
    ["a.c", "abc", false],
    ["%", "a\nb", false],
    ["a\nb", "a\nb", true],
  ];
  for (const [pattern, text, matches] of cases)
    assert.equal(likeExpression(pattern).test(text), matches, JSON.stringify([pattern, text]));
});

test("an escaped text matches itself and nothing else", () => {
  fc.assert(
    fc.property(fc.string({ unit: "binary" }), fc.string(), (text, other) => {
      const expression = likeExpression(text.replace(/[\\%_]/g, "\\$&"));
      assert.ok(expression.test(text));
      assert.equal(expression.test(other), other === text);
    }),
  );
});

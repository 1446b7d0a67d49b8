import assert from "node:assert/strict";
import { test } from "node:test";
import { compileGoRegexp } from "./go-regexp.ts";

test("Go's regular expressions mean the same here", () => {
  const rows: [pattern: string, matches: string[], others: string[]][] = [
    ["^/a", ["/a", "/ab"], ["b/a"]],
    ["(?i)ABC$", ["xabc"], ["abcd"]],
    ["(?is)a.c", ["A\nC"], ["ab"]],
    ["a.c", ["a💡c"], ["a\nc"]],
    ["\\Aab\\z", ["ab"], ["ab\n", "xab"]],
    ["\\Qa.b\\E+", ["a.b", "a.bb"], ["axb"]],
    ["\\Q(", ["("], ["a"]],
    ["(?P<name>a)(?:b|c)", ["ab"], ["ad"]],
    ["^[[:alpha:]_]+$", ["ab_"], ["a1"]],
    ["^\\pL+$", ["aé"], ["a1"]],
    ["^\\PL+$", ["12"], ["a"]],
    ["^[A-Za-z0-9\\_\\-/]+$", ["a_-/"], ["a b"]],
    ["^\\d{2,3}$", ["12", "123"], ["1", "1234"]],
  ];
  for (const [pattern, matches, others] of rows) {
    const compiled = compileGoRegexp(pattern);
    for (const text of matches) assert.ok(compiled.test(text), `${pattern} on ${JSON.stringify(text)}`);
    for (const text of others) assert.ok(!compiled.test(text), `${pattern} on ${JSON.stringify(text)}`);
  }
});

test("what Go does not know is refused", () => {
  for (const pattern of [
    "a(?=b)",
    "a(?!b)",
    "(?<=a)b",
    "(?<!a)b",
    "(a)\\1",
    "(",
    "[[:nope:]]",
    "[[:^alpha:]]",
    "\\p{Nope}",
  ])
    assert.throws(() => compileGoRegexp(pattern), /^Error: error parsing regexp: /, pattern);
});

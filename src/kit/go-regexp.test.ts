import assert from "node:assert/strict";
import { test } from "node:test";
import { compileGoRegexp } from "./go-regexp.ts";

test("Go's regular expressions mean the same here", () => {
  const rows: [pattern: string, matches: string[], others: string[]][] = [
    ["^/a", ["/a", "/ab"], ["b/a"]],
    ["a.c", ["a💡c", "a\rc", "a\u2028c"], ["a\nc"]],
    ["\\Aab\\z", ["ab"], ["ab\n", "xab"]],
    ["b$", ["ab"], ["ab\n"]],
    ["\\Qa.b\\E+", ["a.b", "a.bb"], ["axb"]],
    ["\\Q(", ["("], ["a"]],
    ["(?P<name>a)(?:b|c)(?<other>d)", ["abd"], ["ad"]],
    ["^\\d{2,3}$", ["12", "123"], ["1", "1234"]],
    ["^a{,2}$", ["a{,2}"], ["aa"]],
    ["^\\x41\\x{1F4A1}\\101\\a\\-$", ["A💡A\x07-"], ["A"]],
    ["^*a", ["ba"], ["b"]],
    // Sets.
    ["^[[:alpha:]_]+$", ["ab_"], ["a1"]],
    ["^[[:^alpha:]]+$", ["12é"], ["a"]],
    ["^[]a-]+$", ["]-a"], ["b"]],
    ["^[^]a]$", ["b", "\n"], ["]"]],
    ["^[\\d-f]+$", ["1-f"], ["e"]],
    ["^[\\W]$", ["é", "-"], ["a"]],
    ["^\\s$", ["\f"], ["\v", "\u00a0"]],
    ["^[[:space:]]$", ["\v"], ["\u00a0"]],
    ["^\\pL+$", ["aé"], ["a1"]],
    ["^\\PL+$", ["12"], ["a"]],
    ["^\\p{Greek}\\p{^Greek}$", ["σa"], ["aσ"]],
    ["^[A-Za-z0-9\\_\\-/]+$", ["a_-/"], ["a b"]],
    ["\\bé", ["aé"], ["é"]],
  ];
  for (const [pattern, matches, others] of rows) {
    const compiled = compileGoRegexp(pattern);
    for (const text of matches) assert.ok(compiled.test(text), `${pattern} on ${JSON.stringify(text)}`);
    for (const text of others) assert.ok(!compiled.test(text), `${pattern} on ${JSON.stringify(text)}`);
  }
});

test("flags hold where Go says", () => {
  const rows: [pattern: string, text: string, found: string | undefined][] = [
    ["(?i)ABC$", "xabc", "abc"],
    ["(?i)straße", "STRAẞE", "STRAẞE"],
    ["(?i)[k]", "\u212a", "\u212a"],
    ["a(?i)b", "aB", "aB"],
    ["a(?i)b", "AB", undefined],
    ["(?i:a)b", "Ab", "Ab"],
    ["(?i:a)b", "AB", undefined],
    ["(?i)a(?-i)b", "AB", undefined],
    ["(?i)a(?-i:b)c", "AbC", "AbC"],
    ["((?i)a)b", "AB", undefined],
    ["(?i:[^a])b", "Ab", undefined],
    ["(?i:[[:lower:]σ])b", "Σb", "Σb"],
    ["(?i:[[:^lower:]])b", "Ab", undefined],
    ["(?i:[\\W])b", "\u017fb", undefined],
    ["(?i)\\bſ", "ſ", undefined],
    ["(?is)a.c", "A\nC", "A\nC"],
    ["(?s:.)a.", "\na\n", undefined],
    ["(?m)^b$", "a\nb\nc", "b"],
    ["(?m)^b$", "a\rb\rc", undefined],
    ["(?U)a+", "aaa", "a"],
    ["(?U)a+?", "aaa", "aaa"],
    ["a+?", "aaa", "a"],
  ];
  for (const [pattern, text, found] of rows)
    assert.equal(compileGoRegexp(pattern).exec(text)?.[0], found, `${pattern} on ${JSON.stringify(text)}`);
});

test("what Go does not know is refused in its words", () => {
  for (const [pattern, why] of [
    ["a(?=b)", "invalid or unsupported Perl syntax: `(?=`"],
    ["a(?!b)", "invalid or unsupported Perl syntax: `(?!`"],
    ["(?<=a)b", "invalid named capture: `(?<=a)b`"],
    ["(?P<a b>)", "invalid named capture: `(?P<a b>`"],
    ["(a)\\1", "invalid escape sequence: `\\1`"],
    ["\\Z", "invalid escape sequence: `\\Z`"],
    ["\\", "trailing backslash at end of expression: ``"],
    ["(", "missing closing ): `(`"],
    ["a)", "unexpected ): `a)`"],
    ["x[a", "missing closing ]: `[a`"],
    ["[z-a]", "invalid character class range: `z-a`"],
    ["[[:nope:]]", "invalid character class range: `[:nope:]`"],
    ["[[:constructor:]]", "invalid character class range: `[:constructor:]`"],
    ["\\p{Nope}", "invalid character class range: `\\p{Nope}`"],
    ["*", "missing argument to repetition operator: `*`"],
    ["a**", "invalid nested repetition operator: `**`"],
    ["a{2,1}", "invalid repeat count: `{2,1}`"],
    ["a{1001}", "invalid repeat count: `{1001}`"],
  ])
    assert.throws(() => compileGoRegexp(pattern as string), { message: `error parsing regexp: ${why}` }, pattern);
});

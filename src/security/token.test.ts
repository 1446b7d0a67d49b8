import assert from "node:assert/strict";
import { test } from "node:test";
import { tokenMatches } from "./token.ts";

test("only the very token matches", () => {
  assert.equal(tokenMatches("abc", "abc"), true);
  for (const given of ["", "ab", "abcd", "abd", "abcabc", null, undefined]) {
    assert.equal(tokenMatches("abc", given), false, String(given));
  }
  assert.equal(tokenMatches("", ""), false);
});

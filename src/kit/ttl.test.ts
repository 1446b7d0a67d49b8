import assert from "node:assert/strict";
import { test } from "node:test";
import { expiryText, parseTtl } from "./ttl.ts";

test("a time to live is a whole number from -1 to 2^31-1", () => {
  for (const [text, seconds] of [
    ["5", 5],
    ["+5", 5],
    ["007", 7],
    ["0", 0],
    ["-1", -1],
    ["2147483647", 2147483647],
  ] as const)
    assert.equal(parseTtl({ ttlInSeconds: text }), seconds);
  assert.equal(parseTtl({}), undefined);
  assert.equal(parseTtl({ ttlInSeconds: "" }), undefined);
  assert.equal(parseTtl({ ttlinseconds: "5" }), undefined);
});

test("anything else is refused in upstream's words", () => {
  const lead = "incorrect value for metadata 'ttlInSeconds': ";
  for (const [text, message] of [
    ["-2", "must be -1 or greater"],
    ["2147483648", "must be -1 or greater"],
    ["foo", 'strconv.ParseInt: parsing "foo": invalid syntax'],
    ["1.5", 'strconv.ParseInt: parsing "1.5": invalid syntax'],
    [" 5", 'strconv.ParseInt: parsing " 5": invalid syntax'],
    ["1_0", 'strconv.ParseInt: parsing "1_0": invalid syntax'],
    ["-", 'strconv.ParseInt: parsing "-": invalid syntax'],
    ['"\n', 'strconv.ParseInt: parsing "\\"\\n": invalid syntax'],
    ["9223372036854775808", 'strconv.ParseInt: parsing "9223372036854775808": value out of range'],
  ] as const)
    assert.throws(() => parseTtl({ ttlInSeconds: text }), { message: lead + message });
});

test("an expiry is told in whole seconds and never beyond four digits of year", () => {
  assert.equal(expiryText(Date.UTC(2026, 10, 20, 13, 9, 34, 999)), "2026-11-20T13:09:34Z");
  assert.equal(expiryText(1e300), "9999-12-31T23:59:59Z");
});

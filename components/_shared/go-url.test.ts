import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { decodePath, encodePath, encodeQuery, parseQuery } from "./go-url.ts";

const text = fc.string({ unit: "grapheme" });

test("what was escaped comes back", () => {
  fc.assert(
    fc.property(text, fc.array(fc.tuple(text, text)), (path, pairs) => {
      assert.equal(decodePath(encodePath(path)), path);
      const sorted = [...pairs].sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
      assert.deepEqual(parseQuery(encodeQuery(pairs)), sorted);
    }),
  );
});

test("as Go escapes", () => {
  assert.equal(encodePath("/a b/é?#[]%;:@&=+$,~!*'()"), "/a%20b/%C3%A9%3F%23%5B%5D%25;:@&=+$,~%21%2A%27%28%29");
  assert.equal(
    encodeQuery([
      ["b", "1 /~"],
      ["a", "é*"],
      ["b", "0"],
    ]),
    "a=%C3%A9%2A&b=1+%2F~&b=0",
  );
  assert.deepEqual(parseQuery("a=1&b&=c&d=%zz&e;f=1&g=a+b%2B&&h=1=2"), [
    ["a", "1"],
    ["b", ""],
    ["", "c"],
    ["g", "a b+"],
    ["h", "1=2"],
  ]);
});

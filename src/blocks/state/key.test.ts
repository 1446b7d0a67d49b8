import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { keyPrefixOf, originalKey, storedKey } from "./key.ts";

const owner = { storeName: "Store", appId: "app", namespace: "ns" };

test("the prefix of each strategy", () => {
  const cases: readonly (readonly [string | undefined, Partial<typeof owner>, string])[] = [
    [undefined, {}, "app||"],
    ["appid", {}, "app||"],
    ["AppID", { namespace: "" }, "app||"],
    ["appid", { appId: "" }, ""],
    ["name", {}, "Store||"],
    ["namespace", {}, "ns.app||"],
    ["namespace", { namespace: "" }, "app||"],
    ["namespace", { appId: "" }, ""],
    ["none", {}, ""],
    ["My-Prefix", {}, "my-prefix||"],
    ["", {}, "||"],
  ];
  for (const [strategy, change, prefix] of cases)
    assert.equal(keyPrefixOf(strategy, { ...owner, ...change }), prefix, String(strategy));
});

test("a prefix with the separator is refused", () => {
  assert.throws(() => keyPrefixOf("A||b", owner), { message: "input key/keyPrefix 'a||b' can't contain '||'" });
});

test("keys come back out of stored keys, and no two callers share one", () => {
  const key = fc.string().filter((text) => !text.includes("||"));
  const prefix = fc.constantFrom("", "app||", "ns.app||", "a||");
  fc.assert(
    fc.property(prefix, key, (front, text) => {
      const stored = storedKey({ name: "s", prefix: front }, text);
      assert.equal(stored, front + text);
      assert.equal(originalKey(front, stored), text);
    }),
  );
  assert.equal(originalKey("app||", "other||key||more"), "key");
  assert.equal(originalKey("app||", "bare"), "bare");
});

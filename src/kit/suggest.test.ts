import assert from "node:assert/strict";
import { test } from "node:test";
import { suggest } from "./suggest.ts";

test("the nearest known word is suggested, letter case aside", () => {
  const known = ["state.redis", "state.sqlite", "pubsub.redis"];
  assert.equal(suggest("state.rediss", known), "state.redis");
  assert.equal(suggest("State.SQLlite", known), "state.sqlite");
  assert.equal(suggest("vualt", ["vault", "fault"]), "vault");
  assert.equal(suggest("a", ["b"]), undefined);
});

test("nothing is suggested when no word is near", () => {
  assert.equal(suggest("cassandra", ["redis", "sqlite"]), undefined);
  assert.equal(suggest("redis", []), undefined);
});

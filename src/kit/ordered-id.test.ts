import assert from "node:assert/strict";
import { test } from "node:test";
import { createOrderedIds } from "./ordered-id.ts";
import { createSeededRandom } from "./seeded-random.ts";

test("ordered ids: shaped as UUIDs of version 4 they tell their millisecond, sort by it and are all different", () => {
  let now = Date.UTC(2026, 10, 22);
  const nextId = createOrderedIds({ now: () => now }, createSeededRandom(7));
  const ids: string[] = [];
  for (let index = 0; index < 2000; index++) {
    const id = nextId();
    assert.match(id, /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
    assert.equal(Number.parseInt(id.replaceAll("-", "").slice(0, 12), 16), Math.floor(now));
    ids.push(id);
    now += index % 3 === 0 ? 0.25 : 1;
  }
  assert.equal(new Set(ids).size, ids.length);
  const milliseconds = ids.map((id) => id.slice(0, 13));
  assert.deepEqual(milliseconds.toSorted(), milliseconds);
});

import assert from "node:assert/strict";
import { test } from "node:test";
import { createSeededRandom } from "./seeded-random.ts";
import { createVirtualClock } from "./virtual-clock.ts";

test("wakes in the order of due times, at their times", async () => {
  const clock = createVirtualClock(1_000);
  const seen: [string, number][] = [];
  clock.after(30, () => seen.push(["c", clock.now()]));
  clock.after(10, () => seen.push(["a", clock.now()]));
  clock.alarm(1_010, () => seen.push(["b", clock.now()]));
  const cancel = clock.after(20, () => seen.push(["never", clock.now()]));
  cancel();
  await clock.advance(29);
  assert.deepEqual(seen, [
    ["a", 1_010],
    ["b", 1_010],
  ]);
  assert.equal(clock.now(), 1_029);
  assert.equal(clock.monotonic(), 29);
  await clock.advance(1);
  assert.deepEqual(seen.at(-1), ["c", 1_030]);
  assert.equal(clock.pending, 0);
});

test("work set off by a wake runs before the next wake", async () => {
  const clock = createVirtualClock();
  let rounds = 0;
  const loop = (async () => {
    while (rounds < 3_600) {
      await clock.sleep(1_000);
      rounds += 1;
    }
  })();
  await clock.advance(3_600_000);
  await loop;
  assert.equal(rounds, 3_600);
});

test("an aborted sleep rejects with the reason and leaves no timer", async () => {
  const clock = createVirtualClock();
  const abort = new AbortController();
  const slept = clock.sleep(1_000, abort.signal);
  abort.abort(new Error("stop"));
  await assert.rejects(slept, /stop/);
  assert.equal(clock.pending, 0);
  await assert.rejects(clock.sleep(1, abort.signal), /stop/);
});

test("an alarm in the past wakes with the next move", async () => {
  const clock = createVirtualClock(500);
  let woke = 0;
  clock.alarm(100, () => (woke = clock.now()));
  await clock.advance(0);
  assert.equal(woke, 500);
});

test("seeded random repeats and is well formed", () => {
  const one = createSeededRandom(7);
  const two = createSeededRandom(7);
  assert.deepEqual(one.bytes(9), two.bytes(9));
  assert.equal(one.uuid(), two.uuid());
  assert.match(one.uuid(), /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  for (let draw = 0; draw < 1_000; draw += 1) {
    const value = one.fraction();
    assert.ok(value >= 0 && value < 1);
  }
  assert.notDeepEqual(createSeededRandom(8).bytes(9), createSeededRandom(9).bytes(9));
});

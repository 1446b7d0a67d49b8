import assert from "node:assert/strict";
import { test } from "node:test";
import { createHost, sleep, until } from "./host.ts";

const { clock, random } = await createHost();

test("sleep ends after its time and not before; monotonic never goes back", async () => {
  const before = clock.monotonic();
  await clock.sleep(15);
  assert.ok(clock.monotonic() - before >= 13);
  assert.ok(Math.abs(clock.now() - Date.now()) < 1_000);
});

test("an aborted sleep rejects with the reason", async () => {
  const abort = new AbortController();
  const slept = clock.sleep(60_000, abort.signal);
  abort.abort(new Error("enough"));
  await assert.rejects(slept, /enough/);
  await assert.rejects(clock.sleep(1, abort.signal), /enough/);
});

test("after and alarm wake once, and not when cancelled", async () => {
  const woke: string[] = [];
  clock.after(5, () => woke.push("after"));
  const due = clock.now() + 10;
  clock.alarm(due, () => woke.push(`alarm ${clock.now() >= due - 1}`));
  clock.alarm(clock.now() - 5, () => woke.push("past"));
  clock.after(5, () => woke.push("never"))();
  clock.alarm(clock.now() + 5, () => woke.push("never"))();
  await until(() => woke.length >= 3, "all three woke");
  await sleep(20);
  assert.deepEqual(woke.sort(), ["after", "alarm true", "past"]);
});

test("delays beyond the longest timer do not fire at once", async () => {
  let woke = 0;
  const cancels = [clock.after(2 ** 33, () => (woke += 1)), clock.alarm(clock.now() + 2 ** 40, () => (woke += 1))];
  await sleep(20);
  assert.equal(woke, 0);
  for (const cancel of cancels) cancel();
});

test("random bytes, numbers and ids differ and are well formed", () => {
  assert.equal(random.bytes(100_000).length, 100_000);
  assert.notDeepEqual(random.bytes(32), random.bytes(32));
  assert.ok(
    random
      .bytes(100_000)
      .subarray(70_000)
      .some((byte) => byte !== 0),
  );
  assert.match(random.uuid(), /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  const fraction = random.fraction();
  assert.ok(fraction >= 0 && fraction < 1);
});

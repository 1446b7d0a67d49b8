import assert from "node:assert/strict";
import { test } from "node:test";
import { createVirtualClock } from "../../../src/kit/virtual-clock.ts";
import type { Storage } from "../../../src/storage/storage.ts";
import { countRows, embeddedWorld } from "../../../test/harness/embedded-broker.ts";
import { scheduleInboxSweep, sweepInbox } from "./inbox-sweep.ts";

/** A file with the broker's tables, and events in its inbox. */
async function worldWith(events: readonly (readonly [group: number, id: string, source: string, at: number])[]) {
  const world = embeddedWorld();
  await (await world.open("app")).close();
  const storage = await world.storage();
  for (let from = 0; from < events.length; from += 1000)
    await storage.write(
      events.slice(from, from + 1000).map(([group, id, source, at]) => ({
        sql: "INSERT INTO pubsub_inbox (grp, id, source, received_at) VALUES (?, ?, ?, ?)",
        params: [group, id, source, at],
      })),
    );
  return { world, storage };
}

const isLeft = (storage: Storage, at: number): boolean =>
  storage.get("SELECT 1 FROM pubsub_inbox WHERE received_at = ?", [at]) !== undefined;

test("inbox sweep: of thousands of events in several groups exactly those that are too old go", async () => {
  const events = Array.from(
    { length: 3210 },
    (_, index) => [1 + (index % 3), `id ${(index * 7919) % 3210}`, `source ${index % 2}`, index] as const,
  );
  const { world, storage } = await worldWith(events);
  await sweepInbox(storage, 1700);
  assert.deepEqual(
    [await countRows(world, "pubsub_inbox"), await countRows(world, "pubsub_inbox", "received_at < 1700")],
    [1510, 0],
  );
  assert.deepEqual([isLeft(storage, 1699), isLeft(storage, 1700)], [false, true]);
  await sweepInbox(storage, 5000);
  assert.equal(await countRows(world, "pubsub_inbox"), 0);
  await storage.close();
});

test("inbox sweep: ids that differ only behind a NUL end it as others do", async () => {
  const events = Array.from({ length: 1200 }, (_, index) => [1, `id\0${index}`, "s", index] as const);
  const { world, storage } = await worldWith([...events, [1, "later", "s", 1] as const]);
  await sweepInbox(storage, 900);
  assert.deepEqual(
    [await countRows(world, "pubsub_inbox"), await countRows(world, "pubsub_inbox", "received_at < 900")],
    [300, 0],
  );
  await storage.close();
});

test("inbox sweep: an event stays for the time that was asked for, and little longer", async () => {
  const clock = createVirtualClock();
  const began = clock.now();
  const { storage } = await worldWith([[1, "a", "s", began]]);
  let sweeps = 0;
  const swept = Promise.withResolvers<void>();
  const stop = scheduleInboxSweep({
    storage: {
      async write(steps) {
        const results = await storage.write(steps);
        if (steps[0]?.returning !== true) {
          sweeps += 1;
          if (!isLeft(storage, began)) swept.resolve();
        }
        return results;
      },
    },
    clock,
    keepMs: 24 * 3_600_000,
    failed: swept.reject,
  });
  while (sweeps < 24) {
    const before = sweeps;
    await clock.advance(3_600_000);
    while (sweeps === before) await new Promise((resolve) => setTimeout(resolve, 1));
  }
  assert.ok(isLeft(storage, began));
  await clock.advance(3_600_000);
  await swept.promise;
  stop();
  await storage.close();
});

import assert from "node:assert/strict";
import { test } from "node:test";
import { createVirtualClock } from "../../../src/kit/virtual-clock.ts";
import type { Step, Storage } from "../../../src/storage/storage.ts";
import { embeddedWorld } from "../../../test/harness/embedded-broker.ts";
import { createTrim } from "./trim.ts";

/** Messages 1 to 7 of a topic with two groups, done up to 6 and 5; the first group holds `open`. */
async function fill(storage: Storage, open: readonly number[]): Promise<void> {
  const steps: Step[] = [{ sql: "INSERT INTO pubsub_topic (id, name) VALUES (1, 't')", params: [] }];
  for (const [group, cursor] of [
    [1, 6],
    [2, 5],
  ] as const)
    steps.push({
      sql: "INSERT INTO pubsub_group (id, topic, name, cursor, created_at) VALUES (?, 1, ?, ?, 0)",
      params: [group, `g${group}`, cursor],
    });
  for (let seq = 1; seq <= 7; seq++)
    steps.push({
      sql: `INSERT INTO pubsub_message (seq, topic, published_at, size, content_type, metadata, data)
        VALUES (?, 1, 0, 1, '', '', x'00')`,
      params: [seq],
    });
  for (const seq of open)
    steps.push({
      sql: "INSERT INTO pubsub_delivery (grp, owner, due_at, seq, attempt, epoch) VALUES (1, 9, 0, ?, 1, 0)",
      params: [seq],
    });
  await storage.write(steps);
}

test("trim: what a group holds or has not seen stays, all else goes, also behind what is held", async () => {
  const world = embeddedWorld();
  await (await world.open("app")).close();
  const storage = await world.storage();
  const left = (): unknown[] =>
    storage.all("SELECT seq FROM pubsub_message WHERE topic >= 0 ORDER BY seq", []).map(({ seq }) => seq);
  await fill(storage, [3]);
  const clock = createVirtualClock();
  const stages: unknown[] = [];
  const failures: unknown[] = [];
  const done = Promise.withResolvers<void>();
  const trim = createTrim({
    storage: {
      get: (sql, params) => storage.get(sql, params),
      async write(steps) {
        const results = await storage.write(steps);
        stages.push(left());
        if (stages.length === 2) done.resolve();
        return results;
      },
    },
    clock,
    failed: (error) => void failures.push(error),
  });
  trim.soon(1);
  await clock.advance(1000);
  await done.promise;
  assert.deepEqual(stages, [
    [3, 4, 5, 6, 7],
    [3, 6, 7],
  ]);
  await storage.write([{ sql: "DELETE FROM pubsub_delivery", params: [] }]);
  await trim.now(1);
  assert.deepEqual([left(), failures], [[6, 7], []]);
  trim.stop();
  await storage.close();
});

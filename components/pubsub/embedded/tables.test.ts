import assert from "node:assert/strict";
import { test } from "node:test";
import type { PubSub } from "../../../src/driver/pubsub.ts";
import { createVirtualClock } from "../../../src/kit/virtual-clock.ts";
import type { Schema, Step, Storage } from "../../../src/storage/storage.ts";
import { collector } from "../../../test/conformance/pubsub.ts";
import { type EmbeddedWorld, embeddedWorld } from "../../../test/harness/embedded-broker.ts";
import { inboxSchema } from "./inbox.ts";
import { sweepOnce } from "./sweep.ts";
import { brokerSchema } from "./tables.ts";

const { signal } = new AbortController();
const utf8 = new TextEncoder();
const message = (data: string, metadata: Record<string, string> = {}, topic = "t") => ({
  topic,
  data: utf8.encode(data),
  contentType: "text/plain",
  metadata,
});
const subscription = { topic: "t", metadata: {} };

const upTo = ({ owner, migrations }: Schema, most: number): Schema => ({
  owner,
  migrations: migrations.filter(({ version }) => version <= most),
});

/** A file of version 3 in which messages 1 to `given` were published, `handed` of them were given to the group "app", and these are left. */
async function fileOfVersion3(given: number, handed: number, left: readonly number[]): Promise<EmbeddedWorld> {
  const world = embeddedWorld();
  const storage = await world.storage();
  await storage.migrate(upTo(brokerSchema, 3));
  await storage.migrate(upTo(inboxSchema, 1));
  const steps: Step[] = [
    { sql: "INSERT INTO pubsub_topic (id, name) VALUES (1, 't')", params: [] },
    {
      sql: "INSERT INTO pubsub_group (id, topic, name, cursor, created_at) VALUES (1, 1, 'app', ?, 0)",
      params: [handed],
    },
    { sql: "INSERT INTO pubsub_inbox (grp, source, id, received_at) VALUES (1, 's', 'known', 5)", params: [] },
  ];
  for (let seq = 1; seq <= given; seq++)
    steps.push({
      sql: `INSERT INTO pubsub_message (topic, published_at, size, key, content_type, metadata, data)
        VALUES (1, ?, 3, ?, 'text/plain', '{"n":"1"}', ?)`,
      params: [1000 + seq, `k${seq}`, utf8.encode(`m ${seq}`)],
    });
  const sql = "DELETE FROM pubsub_message WHERE seq NOT IN (SELECT value FROM json_each(?))";
  await storage.write([...steps, { sql, params: [JSON.stringify(left)] }]);
  await storage.close();
  return world;
}

const numbers = (storage: Storage): number[] =>
  storage.all("SELECT seq FROM pubsub_message WHERE topic >= 0 ORDER BY seq", []).map(({ seq }) => Number(seq));

test("tables: a file of version 3 keeps its messages, and its next number is a new one", async () => {
  for (const [given, handed, left, next] of [
    [0, 0, [], 1],
    [5, 5, [], 6],
    [5, 3, [4, 5], 7],
    [5, 4, [1, 4], 6],
  ] as const) {
    const world = await fileOfVersion3(given, handed, left);
    const app = await world.open("app");
    const storage = await world.storage();
    const wanted = left.map((seq) => ({
      seq,
      topic: 1,
      published_at: 1000 + seq,
      expires_at: null,
      size: 3,
      key: `k${seq}`,
      origin: null,
      origin_group: null,
      content_type: "text/plain",
      metadata: '{"n":"1"}',
      data: utf8.encode(`m ${seq}`),
    }));
    const rows = storage.all("SELECT * FROM pubsub_message WHERE topic >= 0 ORDER BY seq", []);
    assert.deepEqual(
      rows.map((row) => ({ ...row, data: new Uint8Array(row["data"] as Uint8Array) })),
      wanted,
    );
    await app.publish(message("new"), signal);
    assert.deepEqual(numbers(storage), [...left, next]);
    assert.equal(storage.all("SELECT id FROM pubsub_inbox", [])[0]?.["id"], "known");
    const inbox = collector();
    await app.subscribe(subscription, inbox.handle, signal);
    const fresh = left.filter((seq) => seq > handed).map((seq) => `m ${seq}`);
    await inbox.until(fresh.length + 1);
    assert.deepEqual(inbox.texts(), [...fresh, "new"]);
    await storage.close();
    await app.close();
  }
});

test("tables: however the last message goes, its number is not given again", async () => {
  const world = embeddedWorld();
  const storage = await world.storage();
  const app = await world.open("app");
  const sweep = (at: number): Promise<void> =>
    sweepOnce({ storage, clock: createVirtualClock(at), unread: { ttlMs: 1, limit: 0 } });
  const deadLetter = { ...message("dead", {}, "aside"), deadLetterOf: "t" };
  const ways: Record<string, (app: PubSub) => Promise<void>> = {
    async purged() {
      await app.publish(message("x"), signal);
      assert.equal(await app.topics?.purge("t"), 1);
    },
    async expired() {
      await app.publish(message("x", { ttlInSeconds: "1" }), signal);
      await sweep(Date.now() + 5000);
    },
    async unread() {
      await app.publish(message("x", {}, "alone"), signal);
      await sweep(Date.now() + 5000);
    },
    async "of a group that is gone"() {
      await app.publish({ ...deadLetter, deadLetterOf: "gone" }, signal);
      assert.equal(await app.topics?.redeliver("gone"), 1);
      assert.equal(await app.topics?.purge("gone"), 1);
    },
    async acknowledged() {
      const inbox = collector();
      const opened = await app.subscribe(subscription, inbox.handle, signal);
      await app.publish(message("x"), signal);
      await inbox.until(1);
      await opened.close();
    },
    async "given back to its group alone"() {
      await app.publish(deadLetter, signal);
      await app.topics?.redeliver("t");
      const inbox = collector();
      const opened = await app.subscribe(subscription, inbox.handle, signal);
      await inbox.until(1);
      await opened.close();
      await sweep(Date.now());
    },
  };
  let before = 0;
  for (const [way, remove] of [...Object.entries(ways), ...Object.entries(ways)]) {
    await remove(app);
    assert.deepEqual(numbers(storage), [], way);
    await app.publish(message("next", {}, "other"), signal);
    const [next] = numbers(storage);
    // One number at least was between this one and the last one.
    assert.ok(next !== undefined && next > before + 1, `${way}: ${next} after ${before}`);
    before = next;
    await app.topics?.purge("other");
  }
  assert.equal(storage.all("SELECT 1 FROM pubsub_message", []).length, 1);
  await storage.close();
  await app.close();
});

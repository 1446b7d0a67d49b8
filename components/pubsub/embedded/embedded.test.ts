import assert from "node:assert/strict";
import { test } from "node:test";
import { DriverError } from "../../../src/driver/errors.ts";
import { createVirtualClock } from "../../../src/kit/virtual-clock.ts";
import { collector, pubsubConformance } from "../../../test/conformance/pubsub.ts";
import { countRows, embeddedWorld } from "../../../test/harness/embedded-broker.ts";
import { backOff } from "./back-off.ts";
import { sweepOnce } from "./sweep.ts";

const { signal } = new AbortController();
const utf8 = new TextEncoder();
const quick = { backOffInitialInterval: "1ms", backOffMaxInterval: "5ms" };
const message = (data: string, metadata: Record<string, string> = {}, topic = "t") => ({
  topic,
  data: utf8.encode(data),
  contentType: "",
  metadata,
});

const countOf = countRows;

pubsubConformance("embedded", () => embeddedWorld(), {
  redelivery: quick,
  groups: true,
  retention: true,
  ordered: { concurrencyMode: "single" },
});

test("embedded: what all groups are done with leaves the file, a component that leaves takes its rows along", async () => {
  const world = embeddedWorld();
  const apps = [await world.open("one"), await world.open("two")];
  const inboxes = [collector(), collector()];
  for (const [index, app] of apps.entries())
    await app.subscribe({ topic: "t", metadata: {} }, inboxes[index]!.handle, signal);
  for (let index = 0; index < 20; index++) await apps[0]!.publish(message(String(index)), signal);
  for (const inbox of inboxes) await inbox.until(20);
  await apps[0]!.close();
  await apps[1]!.close();
  assert.equal(await countOf(world, "pubsub_message", "topic >= 0"), 0);
  for (const table of ["delivery", "owner", "member"]) assert.equal(await countOf(world, `pubsub_${table}`), 0, table);
  assert.equal(await countOf(world, "pubsub_group"), 2);
});

test("embedded: a message stays while one of the groups has not seen it", async () => {
  const world = embeddedWorld();
  const [one, two] = [await world.open("one"), await world.open("two")];
  await (await two.subscribe({ topic: "t", metadata: {} }, async () => "ack", signal)).close();
  const inbox = collector();
  await one.subscribe({ topic: "t", metadata: {} }, inbox.handle, signal);
  await one.publish(message("x"), signal);
  await inbox.until(1);
  await one.close();
  assert.equal(await countOf(world, "pubsub_message", "topic >= 0"), 1);
  const late = collector();
  await two.subscribe({ topic: "t", metadata: {} }, late.handle, signal);
  await late.until(1);
  await two.close();
  assert.equal(await countOf(world, "pubsub_message", "topic >= 0"), 0);
});

test("embedded: the messages of a stopped owner go to another member, and its late acknowledgement is refused", async () => {
  const world = embeddedWorld();
  const lease = { leaseDuration: "200ms", ...quick };
  // Time stands still for this one, as in a process that was suspended: it renews nothing.
  const stopped = await world.open("app", lease, createVirtualClock(Date.now()));
  const release = Promise.withResolvers<"ack">();
  const first = collector(() => release.promise);
  await stopped.subscribe({ topic: "t", metadata: {} }, first.handle, signal);
  await stopped.publish(message("x"), signal);
  await first.until(1);
  const survivor = await embeddedWorld(world.path).open("app", lease);
  const held = Promise.withResolvers<"retry">();
  const second = collector(({ attempt }) => (attempt === 2 ? held.promise : "ack"));
  await survivor.subscribe({ topic: "t", metadata: {} }, second.handle, signal);
  await second.until(1);
  assert.equal(second.received[0]?.attempt, 2);
  release.resolve("ack");
  await stopped.close();
  assert.equal(await countOf(world, "pubsub_message", "topic >= 0"), 1);
  held.resolve("retry");
  await second.until(2);
  await survivor.close();
  assert.equal(await countOf(world, "pubsub_message", "topic >= 0"), 0);
});

test("embedded: a component that closes gives back what no handler has seen, and others get it at once", async () => {
  const world = embeddedWorld();
  const one = await world.open("app", { concurrencyMode: "single" });
  const release = Promise.withResolvers<"retry">();
  const first = collector(() => release.promise);
  await one.subscribe({ topic: "t", metadata: {} }, first.handle, signal);
  await one.publish(message("a"), signal);
  await first.until(1);
  const two = await embeddedWorld(world.path).open("app");
  const second = collector();
  await two.subscribe({ topic: "t", metadata: {} }, second.handle, signal);
  const closed = one.close();
  release.resolve("retry");
  await closed;
  await second.until(1);
  assert.deepEqual(second.texts(), ["a"]);
  await two.close();
});

test("embedded: members of a group in one process take turns, also when each is done before the next message", async () => {
  const world = embeddedWorld();
  const app = await world.open("app");
  const inboxes = [collector(), collector(), collector()];
  for (const inbox of inboxes) await app.subscribe({ topic: "t", metadata: {} }, inbox.handle, signal);
  const received = () => inboxes.reduce((sum, inbox) => sum + inbox.received.length, 0);
  for (let index = 0; index < 12; index++) {
    await app.publish(message(String(index)), signal);
    while (received() <= index) await new Promise((resolve) => setTimeout(resolve, 1));
  }
  await app.close();
  assert.equal(received(), 12);
  for (const inbox of inboxes)
    assert.ok(inbox.received.length > 0, inboxes.map((one) => one.texts().join()).join(" | "));
});

test("embedded: what a bulk asks for counts for each entry that does not say it otherwise", async () => {
  const world = embeddedWorld();
  const app = await world.open("app");
  const inbox = collector();
  await app.subscribe({ topic: "t", metadata: {} }, inbox.handle, signal);
  const entry = (data: string, metadata: Record<string, string> = {}) => ({
    entryId: data,
    ...message(data, metadata),
  });
  const entries = [
    entry("later"),
    entry("now", { deliverAfter: "0s" }),
    entry("gone", { deliverAfter: "0s", ttl: "0s" }),
  ];
  await app.bulkPublish?.("t", entries, { deliverAfter: "1h" }, signal);
  await inbox.until(1);
  await app.close();
  assert.deepEqual(inbox.texts(), ["now"]);
  assert.equal(await countOf(world, "pubsub_delayed"), 1);
});

test("embedded: a slow consumer holds a bounded number of messages, the rest waits in the file", async () => {
  const world = embeddedWorld();
  const app = await world.open("app", { concurrency: "4" });
  const release = Promise.withResolvers<"ack">();
  const inbox = collector(() => release.promise);
  await app.subscribe({ topic: "t", metadata: {} }, inbox.handle, signal);
  for (let index = 0; index < 30; index++) await app.publish(message(String(index)), signal);
  await inbox.until(4);
  assert.equal(await countOf(world, "pubsub_delivery"), 4);
  assert.equal(inbox.received.length, 4);
  release.resolve("ack");
  await inbox.until(30);
  await app.close();
});

test("embedded: large messages are read into memory only as handlers finish with them", async () => {
  const world = embeddedWorld();
  const app = await world.open("app");
  const big = "x".repeat(3 * 1024 * 1024);
  for (let index = 0; index < 20; index++) await app.publish(message(big), signal);
  const gates: ((delivery: "ack") => void)[] = [];
  const inbox = collector(() => new Promise((resolve) => gates.push(resolve)));
  await app.subscribe({ topic: "t", metadata: {} }, inbox.handle, signal);
  await inbox.until(5);
  await new Promise((resolve) => setTimeout(resolve, 20));
  assert.equal(inbox.received.length, 5);
  while (inbox.received.length < 20 || gates.length > 0) {
    for (const gate of gates.splice(0)) gate("ack");
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  await app.close();
});

test("embedded: a subscriber that gathers many gets as many at once", async () => {
  const world = embeddedWorld();
  const app = await world.open("app", { concurrency: "2" });
  const release = Promise.withResolvers<"ack">();
  const inbox = collector(() => release.promise);
  await app.subscribe({ topic: "t", metadata: {}, atOnce: 10 }, inbox.handle, signal);
  for (let index = 0; index < 12; index++) await app.publish(message(String(index)), signal);
  await inbox.until(10);
  release.resolve("ack");
  await inbox.until(12);
  await app.close();
});

test("embedded: old messages are swept: expired ones, and those that no group ever asked for", async () => {
  const world = embeddedWorld();
  const clock = createVirtualClock(1_000_000);
  const app = await world.open("app", {}, clock);
  await app.publish(message("short", { ttlInSeconds: "5" }), signal);
  for (let index = 0; index < 4; index++) await app.publish(message("old"), signal);
  await clock.advance(50_000);
  for (let index = 0; index < 4; index++) await app.publish(message("new"), signal);
  await app.publish(message("kept", {}, "read"), signal);
  await (await app.subscribe({ topic: "read", metadata: {} }, async () => "retry", signal)).close();
  const storage = await world.storage();
  const texts = () =>
    storage
      .all("SELECT data FROM pubsub_message WHERE topic >= 0 ORDER BY seq", [])
      .map(({ data }) => new TextDecoder().decode(data as Uint8Array));
  await sweepOnce({ storage, clock, unread: { ttlMs: 40_000, limit: 2 } });
  assert.deepEqual(texts(), ["new", "new", "kept"]);
  await clock.advance(100_000);
  await sweepOnce({ storage, clock, unread: { ttlMs: 40_000, limit: 2 } });
  assert.deepEqual(texts(), ["kept"]);
  await storage.close();
  await app.close();
});

test("embedded: an owner that was not seen for long is forgotten and its messages are free", async () => {
  const world = embeddedWorld();
  const clock = createVirtualClock(1_000_000);
  const lost = await world.open("app", {}, clock);
  const stuck = Promise.withResolvers<"ack">();
  const inbox = collector(() => stuck.promise);
  await lost.subscribe({ topic: "t", metadata: {} }, inbox.handle, signal);
  await lost.publish(message("x"), signal);
  await inbox.until(1);
  const storage = await world.storage();
  const later = createVirtualClock(1_000_000 + 3_600_000);
  await sweepOnce({ storage, clock: later, unread: { ttlMs: 1, limit: 1 } });
  assert.equal(await countOf(world, "pubsub_owner"), 0);
  assert.deepEqual({ ...storage.get("SELECT owner, due_at FROM pubsub_delivery", []) }, { owner: 0, due_at: 0 });
  await storage.close();
  stuck.resolve("ack");
  await lost.close();
});

test("embedded: a process that was taken for dead announces itself and its topics again", async () => {
  const world = embeddedWorld();
  const clock = createVirtualClock(1_000_000, { settle: () => new Promise((resolve) => setTimeout(resolve, 3)) });
  const app = await world.open("app", {}, clock);
  await app.subscribe({ topic: "t", metadata: {} }, async () => "ack", signal);
  const storage = await world.storage();
  const later = createVirtualClock(1_000_000 + 3_600_000);
  await sweepOnce({ storage, clock: later, unread: { ttlMs: 1, limit: 1 } });
  assert.deepEqual([await countOf(world, "pubsub_owner"), await countOf(world, "pubsub_member")], [0, 0]);
  await clock.advance(300_000);
  while ((await countOf(world, "pubsub_member")) === 0) await new Promise((resolve) => setTimeout(resolve, 5));
  assert.equal(await countOf(world, "pubsub_owner"), 1);
  await storage.close();
  await app.close();
});

test("embedded: the waits between deliveries grow up to the longest", () => {
  const settings = { initialMs: 100, maxMs: 1000, multiplier: 2 };
  assert.deepEqual(
    [1, 2, 3, 4, 5, 5000].map((attempt) => backOff(settings, attempt)),
    [100, 200, 400, 800, 1000, 1000],
  );
});

test("embedded: settings that cannot work are refused with what to do", async () => {
  const world = embeddedWorld();
  const refused = (settings: Record<string, string>, text: string) =>
    assert.rejects(
      world.open("app", settings),
      (error) => DriverError.is(error) && error.kind === "badMetadata" && error.message.includes(text),
    );
  await refused({ path: "" }, 'set property "path"');
  await refused({ concurrency: "0" }, '"concurrency" must be 1 or more');
  await refused({ backOffMultiplier: "0.5" }, '"backOffMultiplier" must be 1 or more');
  await refused({ concurrencyMode: "both" }, "parallel, single");
  await assert.rejects(world.open("app", { path: "/no/such/folder/x.db" }), /failed to open the broker/);
});

test("embedded: a large bulk keeps its order and its bytes, whatever its messages have in common", async () => {
  const world = embeddedWorld();
  const app = await world.open("app", { concurrencyMode: "single" });
  const inbox = collector();
  const entries = Array.from({ length: 75 }, (_, index) => ({
    entryId: String(index),
    // Runs of many kinds: the same metadata for long, for a moment, and empty data between.
    data: utf8.encode(index % 7 === 0 ? "" : `${index}`),
    contentType: index === 60 ? "text/plain" : "",
    metadata: index >= 20 && index < 25 ? { about: "x" } : ({} as Record<string, string>),
  }));
  assert.deepEqual(await app.bulkPublish?.("t", entries, {}, signal), []);
  await app.subscribe({ topic: "t", metadata: {} }, inbox.handle, signal);
  await inbox.until(entries.length);
  assert.deepEqual(await app.bulkPublish?.("t", entries, {}, signal), []);
  await inbox.until(2 * entries.length);
  const seen = inbox.received.map(({ data, contentType, metadata }) => ({
    text: new TextDecoder().decode(data),
    contentType,
    metadata: { ...metadata },
  }));
  const sent = entries.map(({ data, contentType, metadata }) => ({
    text: new TextDecoder().decode(data),
    contentType,
    metadata,
  }));
  assert.deepEqual(seen, [...sent, ...sent]);
  await app.close();
});

test("embedded: while a bulk is with its handler another one gathers; one message at a time stays one", async () => {
  const world = embeddedWorld();
  for (const [metadata, most] of [
    [{ concurrency: "1000000" }, 6],
    [{ concurrency: "2" }, 4],
    [{ concurrencyMode: "single" }, 1],
  ] as const) {
    const app = await world.open(`app-${most}`, metadata);
    const release = Promise.withResolvers<"ack">();
    const full = Promise.withResolvers<void>();
    const all = Promise.withResolvers<void>();
    let held = 0;
    let seen = 0;
    let peak = 0;
    const handle = async (): Promise<"ack"> => {
      held += 1;
      peak = Math.max(peak, held);
      if (held === most) full.resolve();
      await release.promise;
      held -= 1;
      if (++seen === 6) all.resolve();
      return "ack";
    };
    await app.subscribe({ topic: `bulk-${most}`, metadata: {}, atOnce: 2 }, handle, signal);
    for (let index = 0; index < 6; index++) await app.publish(message(String(index), {}, `bulk-${most}`), signal);
    await full.promise;
    release.resolve("ack");
    await all.promise;
    assert.equal(peak, most);
    await app.close();
  }
});

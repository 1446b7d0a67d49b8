import assert from "node:assert/strict";
import { test } from "node:test";
import { DriverError } from "../../../src/driver/errors.ts";
import { createVirtualClock } from "../../../src/kit/virtual-clock.ts";
import { collector } from "../../../test/conformance/pubsub.ts";
import { countRows, embeddedWorld } from "../../../test/harness/embedded-broker.ts";
import { sweepOnce } from "./sweep.ts";

const { signal } = new AbortController();
const message = (data: string, metadata: Record<string, string> = {}, topic = "t") => ({
  topic,
  data: new TextEncoder().encode(data),
  contentType: "",
  metadata,
});
const subscription = { topic: "t", metadata: {} };

test("topics: a list shows what waits for whom", async () => {
  const world = embeddedWorld();
  const app = await world.open("shop");
  const stuck = Promise.withResolvers<"ack">();
  const inbox = collector(() => stuck.promise);
  await app.subscribe(subscription, inbox.handle, signal);
  for (const data of ["a1", "a2", "a3"]) await app.publish(message(data, { partitionKey: "a" }), signal);
  await app.publish(message("later", { deliverAfter: "1h" }), signal);
  await inbox.until(1);
  const other = await world.open("idle");
  await (await other.subscribe(subscription, async () => "retry", signal)).close();
  await other.close();
  const viewer = await embeddedWorld(world.path).open("viewer");
  const [topic] = (await viewer.topics?.list()) ?? [];
  assert.deepEqual([topic?.name, topic?.messages, topic?.bytes, topic?.delayed], ["t", 3, 6, 1]);
  const [idle, shop] = topic?.groups ?? [];
  assert.deepEqual([idle?.name, idle?.backlog, idle?.consumers], ["idle", 3, 0]);
  const { name, backlog, inFlight, waiting, consumers } = shop!;
  assert.deepEqual([name, backlog, inFlight, waiting, consumers], ["shop", 3, 1, 2, 1]);
  stuck.resolve("ack");
  await inbox.until(3);
  await viewer.close();
  await app.close();
});

test("topics: dead letters are shown, and given back to the group that gave them up", async () => {
  const world = embeddedWorld();
  const [shop, audit] = [await world.open("shop"), await world.open("audit")];
  const inboxes = [collector(), collector()];
  await shop.subscribe(subscription, inboxes[0]!.handle, signal);
  await audit.subscribe(subscription, inboxes[1]!.handle, signal);
  await shop.publish({ ...message("poison", { partitionKey: "k" }, "dead"), deadLetterOf: "t" }, signal);
  const storage = await world.storage();
  await sweepOnce({ storage, clock: createVirtualClock(Date.now() + 1e12), unread: { ttlMs: 1, limit: 0 } });
  await storage.close();
  const letters = (await shop.topics?.deadLetters("t", 10)) ?? [];
  assert.deepEqual(
    letters.map((each) => [each.in, each.group, new TextDecoder().decode(each.data)]),
    [["dead", "shop", "poison"]],
  );
  const viewer = await embeddedWorld(world.path).open("viewer");
  assert.equal(await viewer.topics?.redeliver("t"), 1);
  await inboxes[0]!.until(1);
  assert.deepEqual([inboxes[0]!.texts(), inboxes[0]!.received[0]?.topic], [["poison"], "t"]);
  assert.equal(await viewer.topics?.redeliver("t"), 0);
  await viewer.close();
  await shop.close();
  await audit.close();
  assert.equal(inboxes[1]!.received.length, 0);
  const file = await world.storage();
  await sweepOnce({ storage: file, clock: createVirtualClock(Date.now()), unread: { ttlMs: 1e9, limit: 10 } });
  await file.close();
  assert.deepEqual(
    [await countRows(world, "pubsub_message", "topic >= 0"), await countRows(world, "pubsub_delivery")],
    [0, 0],
  );
});

test("topics: without its group a dead letter goes to all groups of its topic", async () => {
  const world = embeddedWorld();
  const gone = await world.open("gone");
  await gone.publish({ ...message("x", {}, "dead"), deadLetterOf: "t" }, signal);
  await gone.close();
  const app = await world.open("app");
  const inbox = collector();
  await app.subscribe(subscription, inbox.handle, signal);
  assert.equal(await app.topics?.redeliver("t"), 1);
  await inbox.until(1);
  await app.close();
  assert.equal(await countRows(world, "pubsub_message", "topic >= 0"), 0);
});

test("topics: what is retained can be replayed, from an offset and from a time, while apps run", async () => {
  const world = embeddedWorld();
  const clock = createVirtualClock(1_000_000, { settle: () => new Promise((resolve) => setTimeout(resolve, 10)) });
  const app = await world.open("app", { retention: "1h" }, clock);
  const inbox = collector();
  await app.subscribe(subscription, inbox.handle, signal);
  for (const data of ["1", "2", "3"]) {
    await app.publish(message(data), signal);
    await clock.advance(60_000);
  }
  await inbox.until(3);
  const admin = app.topics!;
  assert.equal(await admin.replay("t", "app", { time: 1_000_000 + 60_000 }), 2);
  await inbox.until(5);
  const offset = Number(inbox.received[0]?.id);
  assert.equal(await admin.replay("t", "app", { offset }), 3);
  await inbox.until(8);
  assert.equal(await admin.replay("t", "app", { time: clock.now() + 1 }), 0);
  await app.publish(message("4"), signal);
  await inbox.until(9);
  assert.deepEqual(inbox.texts().map(Number), [1, 2, 3, 2, 3, 1, 2, 3, 4]);
  const late = await world.open("late", {}, clock);
  const history = collector();
  await late.subscribe(subscription, history.handle, signal);
  await history.until(4);
  await clock.advance(10);
  await app.close();
  await late.close();
  assert.equal(await countRows(world, "pubsub_message", "topic >= 0"), 4);
  const storage = await world.storage();
  const sweep = (now: number) => sweepOnce({ storage, clock: createVirtualClock(now), unread: { ttlMs: 1, limit: 1 } });
  await sweep(1_000_000 + 3_600_000 + 90_000);
  assert.equal(await countRows(world, "pubsub_message", "topic >= 0"), 2);
  await sweep(1e12);
  assert.equal(await countRows(world, "pubsub_message", "topic >= 0"), 0);
  await storage.close();
});

test("topics: retention by size keeps the newest; what is not acknowledged stays", async () => {
  const world = embeddedWorld();
  const app = await world.open("app", { retentionSize: "10" });
  const inbox = collector(({ data }) => (new TextDecoder().decode(data) === "aaaa" ? "retry" : "ack"));
  await app.subscribe(subscription, inbox.handle, signal);
  for (const data of ["aaaa", "bbbb", "cccc", "dddd"]) await app.publish(message(data), signal);
  await inbox.until(4);
  await app.close();
  const storage = await world.storage();
  await sweepOnce({ storage, clock: createVirtualClock(Date.now()), unread: { ttlMs: 1, limit: 1 } });
  const left = storage.all("SELECT data FROM pubsub_message WHERE topic >= 0 ORDER BY seq", []);
  assert.deepEqual(
    left.map(({ data }) => new TextDecoder().decode(data as Uint8Array)),
    ["aaaa", "cccc", "dddd"],
  );
  await storage.close();
});

test("topics: a replay does not let an earlier delivery acknowledge what it has handed out anew", async () => {
  const world = embeddedWorld();
  const app = await world.open("app");
  const gates: PromiseWithResolvers<"ack">[] = [];
  const inbox = collector(() => {
    const gate = Promise.withResolvers<"ack">();
    gates.push(gate);
    return gate.promise;
  });
  await app.subscribe(subscription, inbox.handle, signal);
  await app.publish(message("x"), signal);
  await inbox.until(1);
  assert.equal(await app.topics?.replay("t", "app", { offset: 0 }), 1);
  await inbox.until(2);
  gates[0]!.resolve("ack");
  await new Promise((resolve) => setTimeout(resolve, 20));
  assert.equal(await countRows(world, "pubsub_delivery"), 1);
  gates[1]!.resolve("ack");
  await app.close();
  assert.equal(await countRows(world, "pubsub_message", "topic >= 0"), 0);
});

test("topics: groups that nobody needs are removed, topics are purged", async () => {
  const world = embeddedWorld();
  const app = await world.open("app");
  const running = await app.subscribe(subscription, async () => "retry", signal);
  await app.publish(message("x"), signal);
  await app.publish(message("y", { deliverAfter: "1h" }), signal);
  const admin = app.topics!;
  await assert.rejects(
    admin.removeGroup("t", "app", false),
    (error) => DriverError.is(error) && error.kind === "unavailable" && error.message.includes("has subscribers"),
  );
  await running.close();
  assert.equal(await admin.removeGroup("t", "app", false), 1);
  assert.equal(await admin.purge("t"), 2);
  assert.equal(await countRows(world, "pubsub_message", "topic >= 0"), 0);
  for (const table of ["delayed", "delivery", "group"])
    assert.equal(await countRows(world, `pubsub_${table}`), 0, table);
  const missing = (text: string) => (error: unknown) =>
    DriverError.is(error) && error.kind === "notFound" && error.message === text;
  await assert.rejects(admin.purge("nothing"), missing('there is no topic "nothing"'));
  await assert.rejects(admin.replay("t", "nobody", { offset: 1 }), missing('topic "t" has no group "nobody"'));
  await app.close();
});

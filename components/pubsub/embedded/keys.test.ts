import assert from "node:assert/strict";
import { test } from "node:test";
import type { Delivery, IncomingMessage, PublishMessage } from "../../../src/driver/pubsub.ts";
import { createVirtualClock } from "../../../src/kit/virtual-clock.ts";
import { collector } from "../../../test/conformance/pubsub.ts";
import { countRows, embeddedWorld } from "../../../test/harness/embedded-broker.ts";

const { signal } = new AbortController();
const utf8 = new TextEncoder();
const text = ({ data }: IncomingMessage): string => new TextDecoder().decode(data);
const message = (data: string, key = "", topic = "t"): PublishMessage => ({
  topic,
  data: utf8.encode(data),
  contentType: "",
  metadata: key === "" ? {} : { partitionKey: key },
});

test("keys: messages of a key come one after the other and in order, over all members of the group", async () => {
  const world = embeddedWorld();
  const busy = new Set<string>();
  const seen = new Map<string, number[]>();
  const handle = async (incoming: IncomingMessage): Promise<Delivery> => {
    const [key = "", index = ""] = text(incoming).split(" ");
    assert.equal(busy.has(key), false, `two messages of ${key} at once`);
    busy.add(key);
    await new Promise((resolve) => setTimeout(resolve));
    seen.set(key, [...(seen.get(key) ?? []), Number(index)]);
    busy.delete(key);
    return "ack";
  };
  const inboxes = [collector(handle), collector(handle)];
  const apps = [await world.open("app"), await embeddedWorld(world.path).open("app")];
  for (const [index, app] of apps.entries())
    await app.subscribe({ topic: "t", metadata: {} }, inboxes[index]!.handle, signal);
  const each = Array.from({ length: 25 }, (_, index) => index);
  for (const index of each)
    await Promise.all(["a", "b", "c"].map((key) => apps[index % 2]!.publish(message(`${key} ${index}`, key), signal)));
  while ([...seen.values()].reduce((sum, { length }) => sum + length, 0) < 75)
    await new Promise((resolve) => setTimeout(resolve, 5));
  for (const key of ["a", "b", "c"]) assert.deepEqual(seen.get(key), each, key);
  for (const app of apps) await app.close();
  assert.equal(await countRows(world, "pubsub_message", "topic >= 0"), 0);
});

test("keys: a message that comes again holds up its key, and nothing else", async () => {
  const world = embeddedWorld();
  const app = await world.open("app", { backOffInitialInterval: "40ms", backOffMaxInterval: "40ms" });
  const inbox = collector((incoming) => (text(incoming) === "a1" && incoming.attempt === 1 ? "retry" : "ack"));
  await app.bulkPublish?.(
    "t",
    ["a1", "a2", "b1", "a3", "free"].map((data) => ({
      entryId: data,
      ...message(data, data === "free" ? "" : data.slice(0, 1)),
    })),
    {},
    signal,
  );
  await app.subscribe({ topic: "t", metadata: {} }, inbox.handle, signal);
  await inbox.until(6);
  assert.deepEqual(
    inbox.texts().filter((each) => each.startsWith("a")),
    ["a1", "a1", "a2", "a3"],
  );
  assert.deepEqual(inbox.texts().slice(0, 3).sort(), ["a1", "b1", "free"]);
  await app.close();
});

test("keys: groups do not wait for each other, and order outlives a restart", async () => {
  const world = embeddedWorld();
  const one = await world.open("one");
  const stuck = Promise.withResolvers<"retry">();
  const held = collector(() => stuck.promise);
  await one.subscribe({ topic: "t", metadata: {} }, held.handle, signal);
  const two = await world.open("two");
  const inbox = collector();
  await two.subscribe({ topic: "t", metadata: {} }, inbox.handle, signal);
  for (const data of ["1", "2", "3"]) await two.publish(message(data, "k"), signal);
  await inbox.until(3);
  await held.until(1);
  assert.deepEqual([inbox.texts(), held.texts()], [["1", "2", "3"], ["1"]]);
  const closing = one.close();
  stuck.resolve("retry");
  await closing;
  await two.close();
  const again = await world.open("one");
  const rest = collector();
  await again.subscribe({ topic: "t", metadata: {} }, rest.handle, signal);
  await rest.until(3);
  assert.deepEqual(rest.texts(), ["1", "2", "3"]);
  await again.close();
});

test("keys: what has expired lets the next of its key go", async () => {
  const world = embeddedWorld();
  const app = await world.open("app");
  const release = Promise.withResolvers<"ack">();
  const inbox = collector((incoming) => (text(incoming) === "1" ? release.promise : "ack"));
  await app.subscribe({ topic: "t", metadata: {} }, inbox.handle, signal);
  await app.publish(message("1", "k"), signal);
  const short = { ...message("short", "k"), metadata: { partitionKey: "k", ttl: "1ms" } };
  await app.publish(short, signal);
  await app.publish(message("2", "k"), signal);
  await inbox.until(1);
  await new Promise((resolve) => setTimeout(resolve, 5));
  release.resolve("ack");
  await inbox.until(2);
  assert.deepEqual(inbox.texts(), ["1", "2"]);
  await app.close();
});

test("keys: an acknowledgement of an earlier attempt of the same process is refused", async () => {
  const world = embeddedWorld();
  const clock = createVirtualClock(Date.now());
  const stopped = await world.open("app", { leaseDuration: "200ms" }, clock);
  const gates: PromiseWithResolvers<"ack">[] = [];
  const inbox = collector(() => {
    const gate = Promise.withResolvers<"ack">();
    gates.push(gate);
    return gate.promise;
  });
  await stopped.subscribe({ topic: "t", metadata: {} }, inbox.handle, signal);
  await stopped.publish(message("x"), signal);
  await inbox.until(1);
  const other = await embeddedWorld(world.path).open("app", { leaseDuration: "200ms" });
  const taken = collector(() => "retry");
  const passing = await other.subscribe({ topic: "t", metadata: {} }, taken.handle, signal);
  await taken.until(1);
  await passing.close();
  await other.close();
  // Back with the first process, as another attempt: what it says of the first one counts no more.
  while (inbox.received.length < 2) {
    await clock.advance(1000);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  gates[0]!.resolve("ack");
  await clock.advance(100);
  await new Promise((resolve) => setTimeout(resolve, 20));
  assert.equal(await countRows(world, "pubsub_delivery"), 1);
  gates[1]!.resolve("ack");
  await stopped.close();
  assert.equal(await countRows(world, "pubsub_message", "topic >= 0"), 0);
});

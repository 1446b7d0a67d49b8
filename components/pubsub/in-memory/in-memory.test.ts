import assert from "node:assert/strict";
import { test } from "node:test";
import type { DriverContext } from "../../../src/driver/context.ts";
import type { Delivery } from "../../../src/driver/pubsub.ts";
import { collector, pubsubConformance } from "../../../test/conformance/pubsub.ts";
import driver from "./in-memory.ts";
import { createMemoryBus } from "./memory-bus.ts";

const log = { debug() {}, info() {}, warn() {}, error() {} };
const open = () =>
  driver.open(new Map(), { log } as unknown as DriverContext) as Promise<ReturnType<typeof createMemoryBus>>;
const { signal } = new AbortController();
const message = { topic: "t", data: new Uint8Array(), contentType: "", metadata: {} };

pubsubConformance("in-memory", () => ({ open }), { ordered: {} });

test("in-memory: a publisher waits while the subscription is busy with the message before", async () => {
  const bus = createMemoryBus(log);
  const release = Promise.withResolvers<void>();
  const inbox = collector(async (): Promise<Delivery> => {
    await release.promise;
    return "ack";
  });
  await bus.subscribe({ topic: "t", metadata: {} }, inbox.handle, signal);
  await bus.publish(message, signal);
  let isTaken = false;
  const second = bus.publish(message, signal).then(() => (isTaken = true));
  await new Promise((resolve) => setTimeout(resolve));
  assert.deepEqual([inbox.received.length, isTaken], [1, false]);
  release.resolve();
  await second;
  await inbox.until(2);
  await bus.close();
});

test("in-memory: a waiting publisher that gives up leaves the turn to the next", async () => {
  const bus = createMemoryBus(log);
  const release = Promise.withResolvers<void>();
  const inbox = collector(async (): Promise<Delivery> => {
    await release.promise;
    return "ack";
  });
  await bus.subscribe({ topic: "t", metadata: {} }, inbox.handle, signal);
  await bus.publish(message, signal);
  const giveUp = new AbortController();
  const refused = assert.rejects(bus.publish(message, giveUp.signal), { message: "context canceled" });
  const third = bus.publish(message, signal);
  giveUp.abort();
  await refused;
  release.resolve();
  await third;
  await inbox.until(2);
  await bus.close();
  assert.equal(inbox.received.length, 2);
});

test("in-memory: a subscriber is not told of a content type", async () => {
  const bus = createMemoryBus(log);
  const inbox = collector();
  await bus.subscribe({ topic: "t", metadata: {} }, inbox.handle, signal);
  await bus.publish({ ...message, contentType: "application/octet-stream" }, signal);
  await bus.close();
  assert.deepEqual(
    inbox.received.map(({ contentType }) => contentType),
    [""],
  );
});

test("in-memory: nothing is delivered twice, a pattern hears what is longer than it", async () => {
  const bus = createMemoryBus(log);
  const inbox = collector(() => "retry");
  await bus.subscribe({ topic: "ord*", metadata: {} }, inbox.handle, signal);
  for (const topic of ["ord", "orders", "order/1", "o"]) await bus.publish({ ...message, topic }, signal);
  await bus.close();
  assert.deepEqual(
    inbox.received.map(({ topic }) => topic),
    ["ord*", "ord*"],
  );
});

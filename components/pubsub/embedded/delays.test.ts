import assert from "node:assert/strict";
import { test } from "node:test";
import { DriverError } from "../../../src/driver/errors.ts";
import { createVirtualClock } from "../../../src/kit/virtual-clock.ts";
import { collector } from "../../../test/conformance/pubsub.ts";
import { countRows, embeddedWorld } from "../../../test/harness/embedded-broker.ts";

const { signal } = new AbortController();
const message = (data: string, metadata: Record<string, string> = {}) => ({
  topic: "t",
  data: new TextEncoder().encode(data),
  contentType: "",
  metadata,
});

test("delays: a delayed message waits on disk, over a restart, until it is due", async () => {
  const world = embeddedWorld();
  const before = createVirtualClock(1_000_000);
  const publisher = await world.open("app", {}, before);
  const at = new Date(1_000_000 + 3_600_000).toISOString();
  await publisher.publish(message("hour", { deliverAt: at, a: "1" }), signal);
  await publisher.publish(message("minute", { deliverAfter: "1m" }), signal);
  await publisher.publish(message("past", { deliverAt: "1970-01-01T00:00:00Z" }), signal);
  await publisher.close();
  assert.equal(await countRows(world, "pubsub_delayed"), 2);

  const settle = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 10));
  const clock = createVirtualClock(1_000_500, { settle });
  const app = await world.open("app", {}, clock);
  const inbox = collector();
  await app.subscribe({ topic: "t", metadata: {} }, inbox.handle, signal);
  await inbox.until(1);
  await clock.advance(59_000);
  assert.deepEqual(inbox.texts(), ["past"]);
  await clock.advance(600);
  await inbox.until(2);
  await app.close();

  // Due while nobody was there.
  const late = createVirtualClock(1_000_000 + 3_600_001, { settle });
  const after = await world.open("app", {}, late);
  const rest = collector();
  await after.subscribe({ topic: "t", metadata: {} }, rest.handle, signal);
  await late.advance(1);
  await rest.until(1);
  assert.deepEqual([rest.texts(), { ...rest.received[0]?.metadata }], [["hour"], { a: "1" }]);
  await after.close();
  assert.equal(await countRows(world, "pubsub_delayed"), 0);
});

test("delays: a message for a moment ahead comes at that moment, and in the order of the moments", async () => {
  const world = embeddedWorld();
  const app = await world.open("app", { concurrencyMode: "single" });
  const other = await embeddedWorld(world.path).open("other");
  const inbox = collector();
  await app.subscribe({ topic: "t", metadata: {} }, inbox.handle, signal);
  const started = Date.now();
  await other.publish(message("later", { deliverAfter: "900ms" }), signal);
  await app.publish(message("soon", { DeliverAfter: "300ms", ttl: "10s" }), signal);
  await app.publish(message("now"), signal);
  await inbox.until(3);
  assert.deepEqual(inbox.texts(), ["now", "soon", "later"]);
  assert.ok(Date.now() - started >= 899);
  await other.close();
  await app.close();
});

test("delays: a wish that cannot be read is refused, and nothing is kept", async () => {
  const world = embeddedWorld();
  const app = await world.open("app");
  for (const metadata of [
    { deliverAt: "tomorrow" },
    { deliverAfter: "soon" },
    { deliverAt: "2030-02-31T99:00:00Z" },
    { deliverAt: "2031-02-29T12:00:00Z" },
  ])
    await assert.rejects(
      app.publish(message("x", metadata as unknown as Record<string, string>), signal),
      (error) =>
        DriverError.is(error) && error.kind === "badMetadata" && error.message.includes(Object.keys(metadata)[0]!),
    );
  await app.close();
  assert.equal(await countRows(world, "pubsub_message", "topic >= 0"), 0);
});

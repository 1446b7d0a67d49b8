import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { test } from "node:test";
import { DriverError } from "../../../src/driver/errors.ts";
import { collector } from "../../../test/conformance/pubsub.ts";
import { countRows, embeddedWorld } from "../../../test/harness/embedded-broker.ts";

const { signal } = new AbortController();
const message = (data: string) => ({
  topic: "t",
  data: new TextEncoder().encode(data),
  contentType: "",
  metadata: {},
});
const isFull = (error: unknown): boolean => DriverError.is(error) && error.kind === "full";

/** Publishes numbered messages of 4 KB until one is refused; answers those that were taken. */
async function fill(publish: (text: string) => Promise<void>): Promise<string[]> {
  const taken: string[] = [];
  for (let index = 0; index < 2000; index++) {
    const text = `${index} ${"x".repeat(4000)}`;
    try {
      await publish(text);
      taken.push(text);
    } catch (error) {
      assert.ok(isFull(error), String(error));
      return taken;
    }
  }
  return assert.fail("the broker was never full");
}

test("faults: on a full disk publishing fails clearly, what was taken is delivered, then there is room again", async () => {
  const world = embeddedWorld();
  // The first one to open the file decides how large it may become.
  const storage = await world.storage({ pragmas: [["max_page_count", "200"]] });
  const app = await world.open("app");
  await (await app.subscribe({ topic: "t", metadata: {} }, async () => "retry", signal)).close();
  const taken = await fill((text) => app.publish(message(text), signal));
  assert.ok(taken.length > 20);
  const inbox = collector();
  const subscription = await app.subscribe({ topic: "t", metadata: {} }, inbox.handle, signal);
  await inbox.until(taken.length);
  assert.deepEqual(new Set(inbox.texts()), new Set(taken));
  await subscription.close();
  await app.publish(message("there is room"), signal);
  await app.close();
  await storage.close();
});

test("faults: a broker at its own limit refuses, keeps what it has, and takes more when subscribers caught up", async () => {
  const world = embeddedWorld();
  const app = await world.open("app", { maxSize: "400Ki" });
  await (await app.subscribe({ topic: "t", metadata: {} }, async () => "retry", signal)).close();
  const taken = await fill(async (text) => {
    await app.publish(message(text), signal);
    await new Promise((resolve) => setTimeout(resolve, 1));
  });
  await assert.rejects(
    app.bulkPublish!("t", [{ entryId: "1", ...message("x".repeat(400_000)) }], {}, signal),
    (error) =>
      isFull(error) &&
      /the broker is full: ".*broker\.db" holds \d+ bytes of at most 409600 \(400Ki\)/.test(String(error)),
  );
  const inbox = collector();
  const subscription = await app.subscribe({ topic: "t", metadata: {} }, inbox.handle, signal);
  await inbox.until(taken.length);
  await subscription.close();
  await new Promise((resolve) => setTimeout(resolve, 25));
  await app.publish(message("there is room"), signal);
  await app.close();
  assert.equal(await countRows(world, "pubsub_message", "topic >= 0"), 1);
});

test("faults: a file that is no database is refused by name and left as it is", async () => {
  const world = embeddedWorld();
  writeFileSync(world.path, "no database, but text ".repeat(500));
  await assert.rejects(
    world.open("app"),
    (error) => DriverError.is(error) && /failed to open the broker.*broker\.db.*damaged/s.test(error.message),
  );
  assert.match(readFileSync(world.path, "utf8"), /^no database/);
});

test("faults: a page that is damaged while apps run gives errors, not wrong messages", async () => {
  const world = embeddedWorld();
  const before = await world.open("app");
  for (let index = 0; index < 200; index++) await before.publish(message(`${index} ${"x".repeat(900)}`), signal);
  await before.close();
  const bytes = readFileSync(world.path);
  // Everything but the first pages, which say what there is.
  bytes.fill(0xff, 4096 * 20);
  writeFileSync(world.path, bytes);
  const after = await world.open("app");
  const inbox = collector();
  const opened = await after
    .subscribe({ topic: "t", metadata: {} }, inbox.handle, signal)
    .catch((error: unknown) => error);
  const isTold = (): boolean => DriverError.is(opened) || world.warnings.some((line) => line.includes("damaged"));
  for (const end = Date.now() + 20_000; !isTold() && Date.now() < end; )
    await new Promise((resolve) => setTimeout(resolve, 5));
  for (const text of inbox.texts()) assert.match(text, /^\d+ x+$/);
  assert.ok(isTold(), world.warnings.join());
  await after.close();
});

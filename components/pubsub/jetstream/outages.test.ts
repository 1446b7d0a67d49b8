import assert from "node:assert/strict";
import { test } from "node:test";
import { type Backend, startBackend } from "../../../scripts/backends.ts";
import { freePort } from "../../../scripts/free-ports.ts";
import type { Delivery, PubSub } from "../../../src/driver/pubsub.ts";
import { collector } from "../../../test/conformance/pubsub.ts";
import { driverContext } from "../../../test/harness/driver-context.ts";
import { hostPlatform } from "../../../test/harness/host-platform.ts";
import { type NatsAdmin, natsAdmin } from "../../../test/harness/nats-admin.ts";
import { startRelay } from "../../../test/harness/relay.ts";
import { temporaryFolder } from "../../../test/harness/temporary-folder.ts";
import driver from "./jetstream.ts";

const platform = await hostPlatform();
const { signal } = new AbortController();
const utf8 = new TextEncoder();
const open = (metadata: Readonly<Record<string, string>>): Promise<PubSub> =>
  driver.open(new Map(Object.entries(metadata)), driverContext(platform, "pubsub"));
const publish = (pubsub: PubSub, data: string): Promise<void> =>
  pubsub.publish({ topic: "t", data: utf8.encode(data), contentType: "", metadata: {} }, signal);
const numbers = (count: number, from = 0): string[] =>
  Array.from({ length: count }, (_unused, index) => String(from + index));

/** A server that tests end and start again on its data. */
async function restartable(): Promise<
  { server: Backend; admin: NatsAdmin; again(): Promise<void>; stop(): Promise<void> } | undefined
> {
  const { path: data } = temporaryFolder();
  const options = { port: await freePort(), webSocketPort: await freePort(), data };
  const first = await startBackend("nats", options);
  if (first === undefined) return undefined;
  const admin = natsAdmin(first.address);
  await admin.ask("STREAM.CREATE.tests", { name: "tests", subjects: ["t", "u"] });
  let running: Backend | undefined = first;
  return {
    server: first,
    admin,
    async again() {
      running = await startBackend("nats", options);
    },
    async stop() {
      await running?.stop();
      running = undefined;
    },
  };
}

/** Publishes until it succeeds, as a retry policy would. */
async function publishAtLast(pubsub: PubSub, data: string): Promise<void> {
  for (;;) {
    try {
      return await publish(pubsub, data);
    } catch {
      await platform.clock.sleep(50);
    }
  }
}

const settings = { durable: { durableName: "app" }, ephemeral: {} };
const probe = await startBackend("nats");
await probe?.stop();
const options = { skip: probe === undefined ? "there is no nats-server" : false };

for (const [kind, more] of Object.entries(settings)) {
  test(
    `pubsub.jetstream: a ${kind} subscription goes on when the server was killed and starts again`,
    options,
    async () => {
      const nats = (await restartable())!;
      const pubsub = await open({ natsURL: `nats://${nats.server.address}`, ackWait: "2s", ...more });
      const release = Promise.withResolvers<void>();
      const inbox = collector(async ({ data }): Promise<Delivery> => {
        // One is in the handler while the server is away.
        if (new TextDecoder().decode(data) === "10") await release.promise;
        return "ack";
      });
      await pubsub.subscribe({ topic: "t", metadata: {} }, inbox.handle, signal);
      for (const data of numbers(20)) await publish(pubsub, data);
      await inbox.until(11);
      await nats.stop();
      const late = publishAtLast(pubsub, "late");
      release.resolve();
      await nats.again();
      await late;
      for (const data of numbers(20, 100)) await publishAtLast(pubsub, data);
      const all = [...numbers(20), "late", ...numbers(20, 100)];
      while (new Set(inbox.texts()).size < all.length) await platform.clock.sleep(10);
      assert.deepEqual(new Set(inbox.texts()), new Set(all));
      assert.equal(inbox.texts().filter((text) => text === "10").length, 1, "what was acknowledged came again");
      await pubsub.close();
      await nats.stop();
    },
  );

  test(`pubsub.jetstream: a ${kind} subscription survives cuts and silences of the network`, options, async () => {
    const nats = (await restartable())!;
    const relay = await startRelay(nats.server.port);
    const pubsub = await open({
      natsURL: `nats://127.0.0.1:${relay.port}`,
      heartbeat: "500ms",
      ackWait: "1s",
      ...more,
    });
    const inbox = collector();
    await pubsub.subscribe({ topic: "t", metadata: {} }, inbox.handle, signal);
    await publish(pubsub, "before");
    await inbox.until(1);
    // What is not acknowledged when the network fails comes again, and rightly so.
    const settled = async (count: number): Promise<void> => {
      await inbox.until(count);
      for (;;) {
        const { consumers } = (await nats.admin.ask("CONSUMER.NAMES.tests")) as { consumers: string[] };
        const infos = await Promise.all(consumers.map((name) => nats.admin.ask(`CONSUMER.INFO.tests.${name}`)));
        const open = (infos as { num_ack_pending: number }[]).reduce((sum, info) => sum + info.num_ack_pending, 0);
        if (open === 0) return;
        await platform.clock.sleep(10);
      }
    };
    for (const [index, fail] of [relay.cut, relay.freeze, relay.cut].entries()) {
      await settled(1 + 2 * index);
      await fail();
      await nats.admin.publish("t", `away ${index}`);
      const late = publishAtLast(pubsub, `late ${index}`);
      await platform.clock.sleep(300);
      await relay.heal();
      await late;
    }
    const all = ["before", ...[0, 1, 2].flatMap((index) => [`away ${index}`, `late ${index}`])];
    while (new Set(inbox.texts()).size < all.length) await platform.clock.sleep(10);
    assert.deepEqual(inbox.texts().toSorted(), all.toSorted());
    await pubsub.close();
    await relay.close();
    nats.admin.close();
    await nats.stop();
  });
}

test("pubsub.jetstream: a publish waits for the server, and fails when it stays away", options, async () => {
  const nats = (await restartable())!;
  const pubsub = await open({ natsURL: `nats://${nats.server.address}` });
  await nats.stop();
  await assert.rejects(publish(pubsub, "lost"), {
    kind: "unavailable",
    message: /^NATS at nats:\/\/127.* is not connected$/,
  });
  const giveUp = new AbortController();
  const refused = assert.rejects(
    pubsub.publish({ topic: "t", data: utf8.encode("given up"), contentType: "", metadata: {} }, giveUp.signal),
    { kind: "timeout" },
  );
  giveUp.abort();
  await refused;
  await nats.again();
  await publishAtLast(pubsub, "kept");
  const admin = natsAdmin(nats.server.address);
  assert.equal((await admin.message("tests", 1)).data, "kept");
  await assert.rejects(admin.message("tests", 2), /no message found/);
  admin.close();
  await pubsub.close();
  await nats.stop();
});

test("pubsub.jetstream: a component closes while its server is away", options, async () => {
  const nats = (await restartable())!;
  const pubsub = await open({ natsURL: `nats://${nats.server.address}` });
  await pubsub.subscribe({ topic: "t", metadata: {} }, collector().handle, signal);
  await nats.stop();
  const refused = assert.rejects(publish(pubsub, "lost"), { kind: "closed" });
  await pubsub.close();
  await refused;
  nats.admin.close();
});

test("pubsub.jetstream: a consumer that somebody deletes is made again where it was", options, async () => {
  const nats = (await restartable())!;
  for (const more of Object.values(settings)) {
    const pubsub = await open({ natsURL: `nats://${nats.server.address}`, ...more });
    const inbox = collector();
    await pubsub.subscribe({ topic: "u", metadata: {} }, inbox.handle, signal);
    const send = (data: string) =>
      pubsub.publish({ topic: "u", data: utf8.encode(data), contentType: "", metadata: {} }, signal);
    await send("1");
    await inbox.until(1);
    const { consumers } = (await nats.admin.ask("CONSUMER.NAMES.tests")) as { consumers: string[] };
    for (const name of consumers) await nats.admin.ask(`CONSUMER.DELETE.tests.${name}`);
    await send("2");
    await inbox.until(2);
    assert.deepEqual(inbox.texts(), ["1", "2"]);
    // A new stream of the same name counts from the start again.
    await nats.admin.ask("STREAM.DELETE.tests");
    await nats.admin.ask("STREAM.CREATE.tests", { name: "tests", subjects: ["t", "u"] });
    await send("3");
    await inbox.until(3);
    assert.deepEqual(inbox.texts(), ["1", "2", "3"]);
    await pubsub.close();
    await nats.admin.ask("STREAM.PURGE.tests");
  }
  nats.admin.close();
  await nats.stop();
});

test("pubsub.jetstream: a slow consumer holds few messages, the rest waits at the server", options, async () => {
  const nats = (await restartable())!;
  for (const [more, most] of [
    [{}, 1],
    [{ concurrency: "parallel", maxAckPending: "20" }, 20],
  ] as const) {
    const pubsub = await open({ natsURL: `nats://${nats.server.address}`, durableName: `slow${most}`, ...more });
    const release = Promise.withResolvers<void>();
    const inbox = collector(async (): Promise<Delivery> => {
      await release.promise;
      return "ack";
    });
    await pubsub.subscribe({ topic: "t", metadata: {} }, inbox.handle, signal);
    await Promise.all(numbers(100).map((data) => publish(pubsub, data)));
    const pending = async () =>
      (await nats.admin.ask(`CONSUMER.INFO.tests.slow${most}`)) as { num_ack_pending: number; num_pending: number };
    while ((await pending()).num_ack_pending < most) await platform.clock.sleep(10);
    const { num_ack_pending: taken, num_pending: waiting } = await pending();
    assert.deepEqual([taken, waiting], [most, 100 - most]);
    release.resolve();
    await inbox.until(100);
    assert.equal(new Set(inbox.texts()).size, 100);
    await pubsub.close();
    await nats.admin.ask("STREAM.PURGE.tests");
  }
  nats.admin.close();
  await nats.stop();
});

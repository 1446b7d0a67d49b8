import assert from "node:assert/strict";
import { after, test } from "node:test";
import { createClient } from "redis";
import { startBackend, testBackend } from "../../../scripts/backends.ts";
import { freePort } from "../../../scripts/free-ports.ts";
import type { Delivery, IncomingMessage, PubSub } from "../../../src/driver/pubsub.ts";
import { collector, pubsubConformance } from "../../../test/conformance/pubsub.ts";
import { driverContext } from "../../../test/harness/driver-context.ts";
import { hostPlatform } from "../../../test/harness/host-platform.ts";
import { startRedisCluster } from "../../../test/harness/redis-cluster.ts";
import { temporaryFolder } from "../../../test/harness/temporary-folder.ts";
import driver from "./redis.ts";

const platform = await hostPlatform();
const { signal } = new AbortController();
const text = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);
const message = (topic: string, data: string, metadata: Record<string, string> = {}) => ({
  topic,
  data: new TextEncoder().encode(data),
  contentType: "",
  metadata,
});
function open(appId: string, metadata: Record<string, string>, lines: string[] = []): Promise<PubSub> {
  const line = (entry: string) => void lines.push(entry);
  const log = { debug() {}, info: line, warn: line, error: line };
  return driver.open(new Map(Object.entries(metadata)), driverContext(platform, "pubsub", { appId, log }));
}
const sleep = (ms: number) => platform.clock.sleep(ms);
async function eventually(check: () => Promise<boolean> | boolean): Promise<void> {
  for (let tries = 0; tries < 1000; tries++) {
    if (await check()) return;
    await sleep(20);
  }
  assert.fail("it did not come to pass within 20 s");
}
const quick = { processingTimeout: "100", redeliverInterval: "30" };
const run = crypto.randomUUID().slice(0, 8);

const address = await testBackend("redis");
if (address === undefined) test("pubsub.redis", { skip: "there is no redis-server" }, () => {});
else {
  const raw = await createClient({ url: `redis://${address}` }).connect();
  after(() => raw.destroy());
  const pendingOf = async (topic: string, group: string) => (await raw.xPending(topic, group)).pending;

  // A broker of its own for each test: all of them use the same topics.
  let database = 1;
  pubsubConformance(
    "pubsub.redis",
    () => {
      const own = String(1 + (database++ % 15));
      let isEmpty = false;
      return {
        async open(appId, settings = {}) {
          if (!isEmpty) {
            isEmpty = true;
            const cleaner = await createClient({ url: `redis://${address}/${own}` }).connect();
            await cleaner.flushDb();
            cleaner.destroy();
          }
          return open(appId, { redisHost: address, redisDB: own, ...settings });
        },
      };
    },
    { redelivery: quick, groups: true, retention: true, ordered: { concurrency: "1" } },
  );

  test("entries are upstream's, and those of other writers are read", async () => {
    const topic = `${run}-wire`;
    const pubsub = await open("app", { redisHost: address });
    await pubsub.publish(message(topic, '{"id":"1"}', { rawPayload: "true" }), signal);
    await pubsub.publish(message(topic, ""), signal);
    const [first, second] = (await raw.xRange(topic, "-", "+")) ?? [];
    assert.deepEqual({ ...first?.message }, { data: '{"id":"1"}', metadata: '{"rawPayload":"true"}' });
    assert.deepEqual({ ...second?.message }, { data: "", metadata: "{}" });
    await raw.xAdd(topic, "*", { metadata: '{"a":"<\\u003c"}', data: "x", other: "y" });
    await raw.xAdd(topic, "*", { other: "y" });
    await raw.xAdd(topic, "*", { data: "z", metadata: "oops" });
    await raw.xAdd(topic, "*", { data: "n", metadata: "null" });
    const inbox = collector();
    await pubsub.subscribe({ topic, metadata: {} }, inbox.handle, signal);
    await inbox.until(6);
    assert.deepEqual(
      inbox.received.slice(2).map(({ data, metadata }) => [text(data), { ...metadata }]),
      [
        ["x", { a: "<<" }],
        ["", {}],
        ["z", {}],
        ["n", {}],
      ],
    );
    const [group] = await raw.xInfoGroups(topic);
    assert.equal(group?.name, "app");
    assert.deepEqual(
      (await raw.xInfoConsumers(topic, "app")).map(({ name }) => name),
      ["app"],
    );
    await eventually(async () => (await pendingOf(topic, "app")) === 0);
    assert.equal(await raw.xLen(topic), 6);
    await pubsub.close();
  });

  test("what a dead member had in hand is taken over, what a live one has in hand is not", async () => {
    const topic = `${run}-dead`;
    await raw.xGroupCreate(topic, "app", "0", { MKSTREAM: true });
    for (const data of ["1", "2", "3"]) await raw.xAdd(topic, "*", { data });
    await raw.xReadGroup("app", "app", { key: topic, id: ">" });
    const release = Promise.withResolvers<void>();
    const slow = collector(async (): Promise<Delivery> => {
      await release.promise;
      return "ack";
    });
    const settings = { processingTimeout: "1000", redeliverInterval: "100", concurrency: "2" };
    const pubsub = await open("app", { redisHost: address, ...settings });
    await pubsub.subscribe({ topic, metadata: {} }, slow.handle, signal);
    await slow.until(2);
    // The third waits here for longer than a message may go unacknowledged.
    await sleep(1300);
    assert.deepEqual(await raw.xClaim(topic, "app", "peer", 990, [(await raw.xRange(topic, "-", "+"))![2]!.id]), []);
    assert.equal(slow.received.length, 2);
    release.resolve();
    await slow.until(3);
    assert.deepEqual(
      slow.received.map(({ data, attempt }) => [text(data), attempt]),
      [
        ["1", 2],
        ["2", 2],
        ["3", 2],
      ],
    );
    await eventually(async () => (await pendingOf(topic, "app")) === 0);
    await pubsub.close();
    assert.equal(slow.received.length, 3);
  });

  test("more messages are pending than fit in the queue, and some of them were trimmed", async () => {
    const topic = `${run}-many`;
    await raw.xGroupCreate(topic, "app", "0", { MKSTREAM: true });
    for (let index = 0; index < 50; index++) await raw.xAdd(topic, "*", { data: String(index) });
    await raw.xReadGroup("app", "app", { key: topic, id: ">" });
    await raw.xTrim(topic, "MAXLEN", 40);
    const pubsub = await open("app", { redisHost: address, ...quick, queueDepth: "7", concurrency: "2" });
    const inbox = collector(({ attempt, data }) => (attempt === 2 && Number(text(data)) % 2 === 0 ? "retry" : "ack"));
    await pubsub.subscribe({ topic, metadata: {} }, inbox.handle, signal);
    await eventually(async () => (await pendingOf(topic, "app")) === 0);
    await pubsub.close();
    const all = Array.from({ length: 40 }, (_unused, index) => String(index + 10));
    assert.deepEqual(new Set(inbox.texts()), new Set(all));
    assert.equal(inbox.received.length, 60);
  });

  test("without redelivery what is given back is acknowledged, as upstream does", async () => {
    const topic = `${run}-off`;
    const pubsub = await open("app", { redisHost: address, redeliverInterval: "0" });
    const inbox = collector(() => "retry");
    await pubsub.subscribe({ topic, metadata: {} }, inbox.handle, signal);
    await pubsub.publish(message(topic, "x"), signal);
    await inbox.until(1);
    await pubsub.close();
    assert.equal(await pendingOf(topic, "app"), 0);
  });

  test("what waits for a slot at closing goes to another member at once", async () => {
    const topic = `${run}-close`;
    const long = { redisHost: address, processingTimeout: "60s", redeliverInterval: "20ms" };
    const one = await open("app", { ...long, concurrency: "1" });
    const release = Promise.withResolvers<void>();
    const held = collector(async (): Promise<Delivery> => {
      await release.promise;
      return "ack";
    });
    const subscription = await one.subscribe({ topic, metadata: {} }, held.handle, signal);
    for (const data of ["1", "2", "3"]) await one.publish(message(topic, data), signal);
    await held.until(1);
    await eventually(async () => (await pendingOf(topic, "app")) === 3);
    const closing = subscription.close();
    release.resolve();
    await closing;
    const two = await open("app", long);
    const rest = collector();
    await two.subscribe({ topic, metadata: {} }, rest.handle, signal);
    await rest.until(2);
    assert.deepEqual(rest.texts().sort(), ["2", "3"]);
    await Promise.all([one.close(), two.close()]);
    assert.deepEqual(held.texts(), ["1"]);
  });

  test("a slow app keeps messages in the stream, not in memory", async () => {
    const topic = `${run}-slow`;
    const pubsub = await open("app", { redisHost: address, queueDepth: "10", concurrency: "3" });
    for (let index = 0; index < 100; index++) await pubsub.publish(message(topic, String(index)), signal);
    const release = Promise.withResolvers<void>();
    const inbox = collector(async (): Promise<Delivery> => {
      await release.promise;
      return "ack";
    });
    await pubsub.subscribe({ topic, metadata: {} }, inbox.handle, signal);
    await inbox.until(3);
    await sleep(100);
    assert.ok((await pendingOf(topic, "app")) <= 13);
    assert.equal(inbox.received.length, 3);
    release.resolve();
    await inbox.until(100);
    await pubsub.close();
  });

  test("a handler that gathers messages gets as many at once as it wants", async () => {
    const topic = `${run}-bulk`;
    const pubsub = await open("app", { redisHost: address, concurrency: "1", queueDepth: "1" });
    const full = Promise.withResolvers<void>();
    const inbox = collector(async (): Promise<Delivery> => {
      if (inbox.received.length === 20) full.resolve();
      await full.promise;
      return "ack";
    });
    await pubsub.subscribe({ topic, metadata: {}, atOnce: 20 }, inbox.handle, signal);
    for (let index = 0; index < 20; index++) await pubsub.publish(message(topic, String(index)), signal);
    await inbox.until(20);
    await pubsub.close();
    assert.equal(await pendingOf(topic, "app"), 0);
  });

  test("a group that was deleted is made again, from the first message on", async () => {
    const topic = `${run}-nogroup`;
    const lines: string[] = [];
    const pubsub = await open("app", { redisHost: address }, lines);
    const inbox = collector();
    await pubsub.subscribe({ topic, metadata: {} }, inbox.handle, signal);
    await pubsub.publish(message(topic, "1"), signal);
    await inbox.until(1);
    await raw.del(topic);
    await pubsub.publish(message(topic, "2"), signal);
    await inbox.until(2);
    await pubsub.publish(message(topic, "3"), signal);
    await inbox.until(3);
    assert.deepEqual(inbox.texts(), ["1", "2", "3"]);
    assert.ok(
      lines.some((line) => line.startsWith(`redis streams: recreating group app for stream ${topic}`)),
      lines.join("\n"),
    );
    await pubsub.close();
  });

  test("streams are trimmed by length and by age", async () => {
    const [byLength, byAge] = [`${run}-len`, `${run}-age`];
    const short = await open("app", { redisHost: address, maxLenApprox: "100" });
    for (let index = 0; index < 500; index++) await short.publish(message(byLength, "x"), signal);
    assert.ok((await raw.xLen(byLength)) < 500);
    const young = await open("app", { redisHost: address, streamTTL: "1h" });
    for (let index = 1; index <= 300; index++) await raw.xAdd(byAge, `${index}-1`, { data: "old" });
    await young.publish(message(byAge, "new"), signal);
    assert.ok((await raw.xLen(byAge)) < 200);
    await Promise.all([short.close(), young.close()]);
    const lines: string[] = [];
    await (await open("app", { redisHost: address, maxLenApprox: "1", streamTTL: "1h" }, lines)).close();
    assert.equal(lines.length, 1);
    assert.match(lines[0]!, /"streamTTL" has no effect/);
  });

  test("a key of another type and odd settings are told", async () => {
    const topic = `${run}-list`;
    await raw.lPush(topic, "x");
    const pubsub = await open("app", { redisHost: address });
    await assert.rejects(pubsub.publish(message(topic, "x"), signal), {
      kind: "failed",
      message: /^redis streams: error from publish: WRONGTYPE/,
    });
    await assert.rejects(
      pubsub.subscribe({ topic, metadata: {} }, async () => "ack", signal),
      { kind: "failed", message: /^redis streams: WRONGTYPE/ },
    );
    await pubsub.close();
    for (const [settings, wanted] of [
      [{ concurrency: "0" }, 'property "concurrency" must be 1 or more'],
      [{ queueDepth: "-1" }, 'property "queueDepth" must be 1 or more'],
      [{ maxLenApprox: "-1" }, 'property "maxLenApprox" must be 0 or more'],
    ] as const)
      await assert.rejects(open("app", { redisHost: address, ...settings }), { kind: "badMetadata", message: wanted });
    await assert.rejects(open("app", { redisHost: `127.0.0.1:${await freePort()}` }), {
      kind: "unavailable",
      message: /^redis streams: error connecting to redis at 127/,
    });
  });

  test("nothing is lost while the server restarts and members come and go", async () => {
    const data = temporaryFolder().path;
    const port = await freePort();
    const options = { port, data, args: ["--appendonly", "yes", "--appendfsync", "always"] };
    let server = (await startBackend("redis", options))!;
    const settings = { redisHost: server.address, ...quick, redisMaxRetries: "20", redisMinRetryInterval: "20" };
    const lines: string[] = [];
    const apps = [await open("app", settings, lines), await open("app", settings)];
    const seen = new Set<string>();
    const handle = async ({ data: bytes }: IncomingMessage): Promise<Delivery> => {
      await sleep(2);
      seen.add(text(bytes));
      return "ack";
    };
    for (const app of apps) await app.subscribe({ topic: "t", metadata: {} }, handle, signal);
    const accepted: string[] = [];
    let isOver = false;
    const publishing = (async () => {
      const publisher = await open("other", settings);
      for (let index = 0; !isOver; index++) {
        await publisher.publish(message("t", String(index)), signal).then(
          () => accepted.push(String(index)),
          () => undefined,
        );
        await sleep(1);
      }
      await publisher.close();
    })();
    for (let round = 0; round < 2; round++) {
      await eventually(() => accepted.length > 100 * (round + 1));
      await server.stop();
      await sleep(300);
      server = (await startBackend("redis", options))!;
    }
    await eventually(() => accepted.length > 400);
    isOver = true;
    await publishing;
    await eventually(() => accepted.every((each) => seen.has(each)));
    const left = await createClient({ url: `redis://${server.address}` }).connect();
    await eventually(async () => (await left.xPending("t", "app")).pending === 0);
    for (const app of apps) await app.close();
    assert.equal((await left.xPending("t", "app")).pending, 0);
    left.destroy();
    await server.stop();
    assert.ok(lines.includes("Reading from stream t again"), lines.join("\n"));
  });

  test("topics of a cluster are on all of its nodes", async () => {
    const cluster = await startRedisCluster();
    const redisHost = cluster.nodes.map((node) => node.address).join(",");
    const pubsub = await open("app", { redisHost, redisType: "cluster", ...quick });
    const inbox = collector(({ attempt }) => (attempt === 1 ? "retry" : "ack"));
    const topics = ["a", "b", "c", "d", "e"];
    for (const topic of topics) await pubsub.subscribe({ topic, metadata: {} }, inbox.handle, signal);
    for (const topic of topics) await pubsub.publish(message(topic, topic), signal);
    await inbox.until(10);
    assert.deepEqual(inbox.texts().sort(), [...topics, ...topics].sort());
    await pubsub.close();
    await cluster.stop();
  });
}

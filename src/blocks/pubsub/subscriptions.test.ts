import assert from "node:assert/strict";
import { test } from "node:test";
import { createPubSubWorld } from "../../../test/harness/pubsub-world.ts";
import { encodeUtf8 } from "../../kit/bytes.ts";
import { createHttpSubscriber } from "./deliver-http.ts";
import { readSubscriptions } from "./discover-http.ts";
import type { SubscriptionSpec } from "./model.ts";
import type { SubscriberApp } from "./ports.ts";
import { isTopicAllowed, openBroker } from "./scope.ts";
import { mergeSubscriptions } from "./subscriptions.ts";

const off = { enabled: false, maxMessagesCount: 0, maxAwaitDurationMs: 0 };
const spec = (topic: string, path = "/", more: Partial<SubscriptionSpec> = {}): SubscriptionSpec => ({
  pubsubName: "bus",
  topic,
  metadata: {},
  rules: [{ match: "", path }],
  deadLetterTopic: "",
  bulkSubscribe: off,
  ...more,
});
const app = (discover: SubscriberApp["discover"] = async () => []): SubscriberApp => ({
  discover,
  deliver: async () => "success",
  deliverBulk: async () => new Map(),
});
const silent = { debug() {}, info() {}, warn() {}, error() {} };

test("the first declared subscription of a topic holds, one of the app takes its place, the app's last one wins", () => {
  const merged = mergeSubscriptions(
    [spec("a", "/1"), spec("a", "/2"), spec("b", "/3")],
    [spec("b", "/4"), spec("c", "/5"), spec("c", "/6"), spec("a", "/7", { pubsubName: "other" })],
  );
  assert.deepEqual(
    merged.map(({ pubsubName, topic, rules, type }) => [pubsubName, topic, rules[0]?.path, type]),
    [
      ["bus", "a", "/1", "DECLARATIVE"],
      ["bus", "b", "/4", "PROGRAMMATIC"],
      ["bus", "c", "/6", "PROGRAMMATIC"],
      ["other", "a", "/7", "PROGRAMMATIC"],
    ],
  );
});

test("the answer of /dapr/subscribe", () => {
  const lines: string[] = [];
  const log = { ...silent, warn: (line: string) => void lines.push(line) };
  const body = [
    { pubsubname: "p", topic: "a", route: "/a", metadata: { rawPayload: "true" }, deadLetterTopic: "d" },
    {
      PubsubName: "p",
      topic: "b",
      route: "/no",
      routes: { rules: [{ match: "x", path: "/x" }], default: "/b" },
      bulkSubscribe: { enabled: true, maxMessagesCount: 5, maxAwaitDurationMs: 6 },
    },
    { pubsubname: "p", topic: "none" },
  ];
  assert.deepEqual(readSubscriptions(encodeUtf8(JSON.stringify(body)), log), [
    {
      pubsubName: "p",
      topic: "a",
      deadLetterTopic: "d",
      metadata: { rawPayload: "true" },
      rules: [{ match: "", path: "/a" }],
      bulkSubscribe: off,
    },
    {
      pubsubName: "p",
      topic: "b",
      deadLetterTopic: "",
      metadata: {},
      rules: [
        { match: "x", path: "/x" },
        { match: "", path: "/b" },
      ],
      bulkSubscribe: { enabled: true, maxMessagesCount: 5, maxAwaitDurationMs: 6 },
    },
  ]);
  assert.deepEqual(lines, ["topic none has an empty routes. removing from subscriptions list"]);
  assert.deepEqual(readSubscriptions(new Uint8Array(), log), []);
  assert.throws(() => readSubscriptions(encodeUtf8("{}"), log), /cannot unmarshal object/);
  assert.throws(() => readSubscriptions(encodeUtf8('[{"bulkSubscribe":{"enabled":"true"}}]'), log), {
    message: "json: cannot unmarshal string into Go struct field BulkSubscribeJSON.bulkSubscribe.enabled of type bool",
  });
});

test("an app is asked with its id; 404 means none, other refusals and broken answers are logged", async () => {
  const lines: string[] = [];
  const log = { ...silent, error: (line: string) => void lines.push(line) };
  const ask = (status: number, body: string) => {
    const calls: unknown[] = [];
    const subscriber = createHttpSubscriber({
      appId: "app",
      channel: {
        async call({ method, path, headers }) {
          calls.push([method, path, headers]);
          return { status, headers: [], body: encodeUtf8(body) };
        },
      },
      beginSpan: (_, parent) => parent,
      log,
    });
    return subscriber.discover(new AbortController().signal).then((found) => [found.length, calls]);
  };
  const headers = [
    ["Content-Type", "application/json"],
    ["Dapr-App-Id", "app"],
  ];
  assert.deepEqual(await ask(404, "x"), [0, [["GET", "/dapr/subscribe", headers]]]);
  assert.equal((await ask(200, '[{"pubsubname":"p","topic":"t","route":"/"}]'))[0], 1);
  assert.deepEqual(lines, []);
  assert.equal((await ask(500, ""))[0], 0);
  assert.equal((await ask(200, "{"))[0], 0);
  assert.deepEqual(lines, [
    "app returned http status code 500 from subscription endpoint",
    "error getting topics from app: unexpected EOF",
  ]);
});

test("subscriptions open with the app, close with its health, and open again without another question", async () => {
  let questions = 0;
  const { driver, pubsub, lines } = createPubSubWorld({
    app: app(async () => {
      questions += 1;
      return [spec("mine"), spec("also")];
    }),
  });
  const { subscriptions } = pubsub;
  await subscriptions.declare([{ ...spec("declared"), name: "d" }]);
  assert.equal(driver.subscribed.length, 0);
  await subscriptions.start();
  await subscriptions.start();
  assert.deepEqual(
    driver.subscribed.map(({ topic }) => topic),
    ["declared", "mine", "also"],
  );
  assert.ok(lines.includes("info: app is subscribed to the following topics: [[mine also]] through pubsub=bus"));
  await subscriptions.pause();
  await assert.rejects(driver.deliver({ topic: "mine" }), /nobody subscribed/);
  await subscriptions.start();
  assert.deepEqual([questions, driver.subscribed.length], [1, 6]);
  await subscriptions.stop();
  await assert.rejects(driver.deliver({ topic: "mine" }), /nobody subscribed/);
  await subscriptions.start();
  assert.equal(driver.subscribed.length, 6);
});

test("changed files open and close only what differs", async () => {
  const { driver, pubsub } = createPubSubWorld({ app: app() });
  const { subscriptions } = pubsub;
  await subscriptions.start();
  await subscriptions.declare([
    { ...spec("a"), name: "a" },
    { ...spec("b"), name: "b" },
  ]);
  await subscriptions.declare([
    { ...spec("a"), name: "a" },
    { ...spec("b", "/new"), name: "b" },
    { ...spec("c"), name: "c" },
  ]);
  assert.deepEqual(
    driver.subscribed.map(({ topic }) => topic),
    ["a", "b", "b", "c"],
  );
  await subscriptions.declare([]);
  await assert.rejects(driver.deliver({ topic: "a" }), /nobody subscribed/);
  assert.deepEqual(subscriptions.list(), []);
});

test("a broker that comes later gets its subscriptions then, one that goes loses them", async () => {
  const world = createPubSubWorld({ app: app(async () => [spec("mine")]) });
  const { subscriptions } = world.pubsub;
  world.present(false);
  await subscriptions.start();
  assert.deepEqual([world.driver.subscribed.length, subscriptions.list().length], [0, 0]);
  world.present(true);
  await subscriptions.reload("bus");
  assert.deepEqual([world.driver.subscribed.length, subscriptions.list().length], [1, 1]);
  world.present(false);
  await subscriptions.reload("bus");
  await assert.rejects(world.driver.deliver({ topic: "mine" }), /nobody subscribed/);
});

test("a subscription that fails does not hold up the others and is tried again", async () => {
  const { driver, pubsub, clock, lines } = createPubSubWorld({ app: app() });
  driver.fault = { error: new Error("not yet"), topic: "bad" };
  await pubsub.subscriptions.declare([
    { ...spec("bad"), name: "1" },
    { ...spec("good"), name: "2" },
  ]);
  await pubsub.subscriptions.start();
  assert.deepEqual(
    driver.subscribed.map(({ topic }) => topic),
    ["good"],
  );
  await clock.advance(2000);
  driver.fault = undefined;
  await clock.advance(60_000);
  assert.equal(driver.subscribed.at(-1)?.topic, "bad");
  assert.ok(lines.includes("error: Failed to start subscription for pubsub bus, topic bad: not yet"));
  assert.ok(lines.some((line) => line.startsWith("info: Successfully started subscription after retry")));
});

test("tries end when the sidecar stops", async () => {
  const { driver, pubsub, clock } = createPubSubWorld({ app: app() });
  driver.fault = { error: new Error("never") };
  await pubsub.subscriptions.declare([{ ...spec("t"), name: "1" }]);
  await pubsub.subscriptions.start();
  await pubsub.subscriptions.stop();
  await clock.advance(600_000);
  assert.equal(clock.pending, 0);
});

test("a topic outside the scope, and a rule that cannot be read, are logged", async () => {
  const { driver, pubsub, lines, clock } = createPubSubWorld({
    app: app(),
    properties: { subscriptionScopes: "app=ok" },
  });
  const broken = spec("ok", "/", { rules: [{ match: "event.", path: "/" }] });
  await pubsub.subscriptions.declare([
    { ...spec("no"), name: "1" },
    { ...broken, name: "2" },
  ]);
  await pubsub.subscriptions.start();
  assert.equal(driver.subscribed.length, 0);
  assert.ok(
    lines.includes(
      "error: Failed to start subscription for pubsub bus, topic no: subscription to topic 'no' on pubsub 'bus' is not allowed",
    ),
  );
  assert.ok(lines.some((line) => line.includes('cannot read routing rule "event."')));
  await pubsub.subscriptions.stop();
  await clock.advance(1);
});

test("without an app, or when it is not to be asked, only a warning", async () => {
  const none = createPubSubWorld();
  await none.pubsub.subscriptions.start();
  assert.match(none.lines.join(), /app channel not initialized/);
  const skipped = createPubSubWorld({ app: app(async () => assert.fail("asked")), asksApp: false });
  await skipped.pubsub.subscriptions.start();
  assert.match(skipped.lines.join(), /Skipping programmatic subscription loading/);
});

test("an app that cannot be asked leaves the declared subscriptions", async () => {
  const { driver, pubsub, lines } = createPubSubWorld({ app: app(() => Promise.reject(new Error("EOF"))) });
  await pubsub.subscriptions.declare([{ ...spec("t"), name: "1" }]);
  await pubsub.subscriptions.start();
  assert.equal(driver.subscribed.length, 1);
  assert.ok(lines.includes("error: error getting topic list from app: EOF"));
});

test("scopes", () => {
  const allowed = (properties: Record<string, string>, topic: string) => {
    const { pubsub } = createPubSubWorld().pubsub.broker("bus", null);
    const settings = { name: "b", pubsub, properties: new Map(Object.entries(properties)), isNamespaced: false };
    const { scopes } = openBroker(settings, "app");
    return isTopicAllowed(topic, scopes, scopes.publishing);
  };
  assert.equal(allowed({}, "t"), true);
  assert.equal(allowed({ allowedTopics: "a, t" }, "t"), true);
  assert.equal(allowed({ ALLOWEDTOPICS: "a,b" }, "t"), false);
  assert.equal(allowed({ protectedTopics: "t" }, "t"), false);
  assert.equal(allowed({ protectedTopics: "t", publishingScopes: "app = t" }, "t"), true);
  assert.equal(allowed({ publishingScopes: "other=a" }, "t"), true);
  assert.equal(allowed({ publishingScopes: "app=a;app=t" }, "t"), true);
  assert.equal(allowed({ publishingScopes: "app=" }, "t"), false);
  assert.equal(allowed({ publishingScopes: "app" }, "t"), true);
  assert.equal(allowed({ publishingScopes: "app=t", allowedTopics: "a" }, "t"), false);
});

import assert from "node:assert/strict";
import { test } from "node:test";
import { sendGrpc } from "../../test/harness/grpc-exchange.ts";
import { hostPlatform } from "../../test/harness/host-platform.ts";
import { createJointWorld, type JointWorldOptions } from "../../test/harness/joint-world.ts";
import { mapStateStore } from "../../test/harness/map-state-store.ts";
import { openOneFile } from "../../test/harness/one-file.ts";
import { createNotedBroker } from "../../test/harness/pubsub-world.ts";
import { temporaryFolder } from "../../test/harness/temporary-folder.ts";
import { decodeUtf8, encodeUtf8 } from "../kit/bytes.ts";
import { createVirtualClock } from "../kit/virtual-clock.ts";

const platform = await hostPlatform();
const path = "state/store/transaction";
const settings = { publishPubsub: "events", publishTopic: "out", outboxPubsub: "events", discardsMissing: false };
const upsert = (key: string, value: unknown, metadata: Record<string, string> = {}) => ({
  operation: "upsert",
  request: { key, value, metadata },
});
const json = (data: Uint8Array | undefined) =>
  JSON.parse(decodeUtf8(data ?? new Uint8Array())) as Record<string, unknown>;

/** A store and a broker that know nothing of each other. */
function apart(more: Partial<JointWorldOptions> = {}) {
  const store = mapStateStore();
  const broker = createNotedBroker();
  const clock = createVirtualClock(Date.UTC(2024, 0, 2, 3, 4, 5));
  const world = createJointWorld({
    platform,
    clock,
    stores: { store },
    brokers: { events: broker },
    outboxes: { store: settings },
    ...more,
  });
  return { ...world, store, broker, clock, rows: () => [...store.rows.keys()] };
}

async function joined(outbox = true, broker: Readonly<Record<string, string>> = {}) {
  const file = await openOneFile(platform, `${temporaryFolder().path}/one.db`, { broker });
  const world = createJointWorld({
    platform,
    stores: { store: file.store, other: mapStateStore() },
    brokers: { events: file.broker, elsewhere: createNotedBroker() },
    ...(outbox && { outboxes: { store: settings } }),
  });
  const messages = () =>
    file
      .read("SELECT name, data FROM pubsub_message m JOIN pubsub_topic t ON t.id = m.topic ORDER BY seq", [])
      .map(({ name, data }) => ({ topic: name, event: json(data as Uint8Array) }));
  const keys = () => file.read("SELECT key FROM state ORDER BY key", []).map(({ key }) => key);
  return { ...world, file, messages, keys };
}

test("outbox: the event waits on the internal topic until the marker of its transaction is there, then it is published", async () => {
  const world = apart();
  await world.relay.settle();
  assert.deepEqual(world.broker.subscribed, [{ topic: "nsappoutoutbox", metadata: {} }]);
  const body = { operations: [upsert("1", "2", { "outbox.cloudevent.myapp": "x", data: "a", id: "b" })] };
  assert.equal((await world.post(path, body)).status, 204);
  const [internal] = world.broker.published;
  const waiting = json(internal?.data);
  const id = String(waiting["id"]);
  assert.match(id, /^outbox-[0-9a-f-]{36}$/);
  assert.equal(internal?.topic, "nsappoutoutbox");
  assert.deepEqual(world.rows(), ["app||1", id]);
  assert.equal(decodeUtf8(world.store.rows.get(id)!.bytes), '"0"');
  assert.deepEqual(waiting, {
    data: "2",
    datacontenttype: "text/plain",
    id,
    "outbox.cloudevent.myapp": "x",
    pubsubname: "events",
    source: "app",
    specversion: "1.0",
    time: waiting["time"],
    topic: "",
    traceid: "",
    traceparent: "",
    tracestate: "",
    type: "com.dapr.event.sent",
  });
  const relayed = world.broker.deliver({ topic: "nsappoutoutbox", data: internal!.data });
  await world.clock.advance(999);
  assert.equal(world.broker.published.length, 1);
  await world.clock.advance(1);
  assert.equal(await relayed, "ack");
  const last = world.broker.published[1];
  assert.equal(last?.topic, "out");
  assert.deepEqual(json(last?.data), { ...waiting, topic: "out" });
  assert.deepEqual(world.rows(), ["app||1"]);
  await world.stop();
});

test("outbox: an event whose transaction is not there comes again, or is discarded where that is wanted", async () => {
  for (const discardsMissing of [false, true]) {
    const world = apart({ outboxes: { store: { ...settings, discardsMissing } } });
    await world.relay.settle();
    world.store.fault = new Error("disk on fire");
    assert.equal((await world.post(path, { operations: [upsert("1", "2")] })).status, 500);
    world.store.fault = undefined;
    const relayed = world.broker.deliver({ topic: "nsappoutoutbox", data: world.broker.published[0]!.data });
    await world.clock.advance(12_000);
    assert.equal(await relayed, discardsMissing ? "ack" : "retry");
    assert.equal(world.broker.published.length, 1);
    const end = discardsMissing ? "discarding message" : "rejecting for later processing";
    assert.ok(world.lines.some((line) => line.startsWith("error: failed to publish outbox") && line.endsWith(end)));
    await world.stop();
  }
});

test("outbox: a relay that stops gives its message back", async () => {
  const world = apart();
  await world.relay.settle();
  await world.post(path, { operations: [upsert("1", "2")] });
  const relayed = world.broker.deliver({ topic: "nsappoutoutbox", data: world.broker.published[0]!.data });
  const stopped = world.relay.stop();
  assert.equal(await relayed, "retry");
  await stopped;
});

test("outbox: when the event cannot be published the transaction is not begun", async () => {
  const world = apart();
  world.broker.fault = { error: new Error("broker is away") };
  const answer = await world.post(path, { operations: [upsert("1", "2")] });
  assert.equal(answer.status, 500);
  assert.deepEqual(JSON.parse(answer.text), {
    errorCode: "ERR_PUBLISH_OUTBOX",
    message: "error while publishing outbox message: broker is away",
    details: [
      {
        "@type": "type.googleapis.com/google.rpc.ErrorInfo",
        domain: "dapr.io",
        metadata: { appID: "app", error: "broker is away" },
        reason: "DAPR_PUBSUB_OUTBOX",
      },
    ],
  });
  assert.deepEqual(world.rows(), []);
});

test("outbox: a projection is published in place of what is written; deletes are not published", async () => {
  const world = apart();
  const operations = [
    upsert("a", { full: 1 }),
    upsert("a", { short: 1 }, { "outbox.projection": "true", contentType: "application/json" }),
    upsert("b", { z: [1, null], a: "t" }),
    { operation: "delete", request: { key: "c" } },
  ];
  assert.equal((await world.post(path, { operations })).status, 204);
  const events = world.broker.published.map(({ data }) => json(data));
  assert.deepEqual(
    events.map(({ data, datacontenttype }) => [data, datacontenttype]),
    [
      [{ short: 1 }, "application/json"],
      ["map[a:t z:[1 <nil>]]", "text/plain"],
    ],
  );
  assert.equal(decodeUtf8(world.store.rows.get("app||a")!.bytes), '{"full":1}');
});

test("outbox: encrypted values leave encrypted", async () => {
  const cipher = {
    encrypt: async (value: Uint8Array) => encodeUtf8(`sealed ${value.length}`),
    decrypt: async (value: Uint8Array) => value,
  };
  const world = apart({ cipher });
  await world.post(path, { operations: [upsert("1", "secret")] });
  assert.equal(json(world.broker.published[0]?.data)["data"], "sealed 6");
});

test("outbox in one database: the event is on its topic in the commit of the write, and nothing else is needed", async () => {
  const world = await joined();
  await world.relay.settle();
  const before = world.file.written.length;
  const answer = await world.post(path, { operations: [upsert("1", "2"), upsert("2", "3")] });
  assert.equal(answer.status, 204);
  assert.deepEqual(world.keys(), ["app||1", "app||2"]);
  assert.deepEqual(
    world.messages().map(({ topic, event }) => [topic, event["topic"], event["pubsubname"], event["data"]]),
    [
      ["out", "out", "events", "2"],
      ["out", "out", "events", "3"],
    ],
  );
  const joint = world.file.written.slice(before).filter((steps) => steps.length > 1);
  assert.equal(joint.length, 1);
  assert.equal(joint[0]?.filter((sql) => sql.includes("INTO pubsub_message")).length, 2);
  assert.equal(joint[0]?.filter((sql) => sql.includes('INTO "state"')).length, 2);
  await world.stop();
  await world.file.close();
});

test("outbox in one database: a transaction that fails publishes nothing", async () => {
  const world = await joined();
  const stale = { operation: "upsert", request: { key: "2", value: 1, etag: "gone" } };
  const answer = await world.post(path, { operations: [upsert("1", "2"), stale] });
  assert.equal(answer.status, 500);
  assert.match(answer.text, /possible etag mismatch/);
  assert.deepEqual([world.keys(), world.messages()], [[], []]);
  await world.file.close();
});

test("a publish among the operations goes with the transaction, as the publish API would make it", async () => {
  const world = await joined(false);
  const publish = (key: string, value: unknown, metadata: Record<string, string>) => ({
    operation: "publish",
    request: { key, value, metadata: { pubsubName: "events", ...metadata } },
  });
  const operations = [
    upsert("1", "2"),
    publish("a", { n: 1 }, { "cloudevent.id": "own" }),
    publish("b", "text", { contentType: "text/plain" }),
  ];
  assert.equal((await world.post(path, { operations })).status, 204);
  await sendGrpc(world.grpc, "executeStateTransaction", {
    storeName: "store",
    operations: [
      {
        operationType: "publish",
        request: { key: "c", value: encodeUtf8("bytes"), metadata: { pubsubName: "events" } },
      },
    ],
  });
  assert.deepEqual(
    world.messages().map(({ topic, event }) => [topic, event["data"], event["datacontenttype"]]),
    [
      ["a", { n: 1 }, "application/json"],
      ["b", "text", "text/plain"],
      ["c", "bytes", "text/plain"],
    ],
  );
  assert.equal(world.messages()[0]?.event["id"], "own");
  await world.file.close();
});

test("what the broker cannot take of a transaction is refused as publishing would refuse it, and nothing is written", async () => {
  const world = await joined(false, { maxSize: "300Ki" });
  const write = (value: string, metadata: Record<string, string> = {}) => ({
    operations: [
      upsert("1", "2"),
      { operation: "publish", request: { key: "t", value, metadata: { pubsubName: "events", ...metadata } } },
    ],
  });
  const full = await world.post(path, write("x".repeat(300_000)));
  assert.equal(full.status, 507);
  assert.match(full.text, /ERR_PUBSUB_FULL.*the broker is full/);
  const odd = await world.post(path, write("x", { deliverAfter: "soon" }));
  assert.equal(odd.status, 400);
  assert.match(odd.text, /ERR_PUBSUB_REQUEST_METADATA.*deliverAfter/);
  assert.deepEqual([world.keys(), world.messages()], [[], []]);
  await world.file.close();
});

test("what is not in the store's database is refused by name", async () => {
  const world = await joined();
  const publish = (pubsubName: string) => ({
    operation: "publish",
    request: { key: "t", value: 1, metadata: { pubsubName } },
  });
  const refusals: [string, object, number, RegExp][] = [
    ["store", publish("elsewhere"), 400, /cannot commit a publish on pubsub elsewhere together with state store store/],
    ["other", publish("events"), 400, /ERR_STATE_NOT_ONE_DATABASE/],
    ["store", publish("missing"), 404, /ERR_PUBSUB_NOT_FOUND/],
    ["store", publish(""), 404, /ERR_PUBSUB_EMPTY/],
  ];
  for (const [store, operation, status, text] of refusals) {
    const answer = await world.post(`state/${store}/transaction`, { operations: [operation] });
    assert.equal(answer.status, status);
    assert.match(answer.text, text);
  }
  const unknown = await world.post(path, { operations: [] }, { "dapr-delivery-id": "what" });
  assert.equal(unknown.status, 409);
  assert.match(unknown.text, /ERR_STATE_DELIVERY_GONE.*delivery what: it is not in the app/);
  assert.deepEqual([world.keys(), world.messages()], [[], []]);
  await world.file.close();
});

import assert from "node:assert/strict";
import { test } from "node:test";
import type { ComponentResource } from "../host/component.ts";
import { localServers, onEmbeddedEngine } from "./local-components.ts";

const component = (type: string, metadata: Readonly<Record<string, string>>, name = "it"): ComponentResource => ({
  name,
  type,
  namespace: "",
  version: "v1",
  secretStore: "",
  ignoreErrors: false,
  initTimeoutMs: 5000,
  metadata: Object.entries(metadata).map(([key, value]) => ({ name: key, value })),
});
const properties = (resource: ComponentResource): Record<string, string | undefined> =>
  Object.fromEntries(resource.metadata.map(({ name, value }) => [name, value]));

test("stores and brokers on this machine are found by the property that names their server", () => {
  for (const [type, metadata, place] of [
    ["state.redis", { redisHost: "localhost:6379" }, "localhost:6379"],
    ["pubsub.redis", { redisHost: "[::1]" }, "::1:6379"],
    ["pubsub.jetstream", { natsURL: "nats://u:p@127.0.0.1:4333, nats://localhost" }, "127.0.0.1:4333"],
    ["pubsub.kafka", { brokers: "localhost:9092,127.0.0.1:9093" }, "localhost:9092"],
    ["pubsub.rabbitmq", { connectionString: "amqp://guest:guest@localhost:5672/vhost" }, "localhost:5672"],
    ["pubsub.rabbitmq", { host: "amqp://localhost" }, "localhost:5672"],
    ["pubsub.mqtt3", { url: "mqtt://localhost" }, "localhost:1883"],
    ["pubsub.mqtt", { url: "tcp://user@127.0.0.1:1884" }, "127.0.0.1:1884"],
  ] as const) {
    const [found] = localServers([component(type, metadata)]);
    assert.equal(`${found?.host}:${found?.port}`, place, type);
  }
});

test("what is elsewhere, or on no server, is left alone", () => {
  for (const [type, metadata] of [
    ["state.redis", { redisHost: "redis:6379" }],
    ["state.redis", { redisHost: "" }],
    ["pubsub.kafka", { brokers: "localhost:9092,kafka:9092" }],
    ["pubsub.jetstream", { natsURL: "nats://demo.nats.io:4222" }],
    ["pubsub.embedded", {}],
    ["bindings.redis", { redisHost: "localhost:6379" }],
  ] as const) {
    assert.deepEqual(localServers([component(type, metadata)]), [], type);
  }
});

test("a replaced broker keeps its name, its scopes and its consumer group", () => {
  const scopes = { allowedTopics: "a,b", publishingScopes: "x=a", subscriptionScopes: "x=b", protectedTopics: "a" };
  for (const [type, metadata, expected] of [
    ["pubsub.redis", { redisHost: "localhost", consumerID: "g" }, { consumerID: "g" }],
    ["pubsub.jetstream", { natsURL: "localhost" }, { concurrencyMode: "single" }],
    [
      "pubsub.jetstream",
      { natsURL: "localhost", durableName: "d", queueGroupName: "q", concurrency: "parallel" },
      { consumerID: "d", concurrencyMode: "parallel" },
    ],
    ["pubsub.kafka", { brokers: "localhost", consumerGroup: "g", consumerID: "c" }, { consumerID: "g" }],
    ["pubsub.rabbitmq", { host: "amqp://localhost", durable: "true" }, {}],
    ["pubsub.mqtt3", { url: "mqtt://localhost", consumerID: "{uuid}" }, {}],
  ] as const) {
    const changed = onEmbeddedEngine(component(type, { ...metadata, ...scopes }), "/data");
    assert.deepEqual([changed.name, changed.type, changed.version], ["it", "pubsub.embedded", "v1"]);
    assert.deepEqual(properties(changed), { ...scopes, path: "/data/pillion.db", ...expected }, type);
  }
});

test("a replaced store has a table of its own and keeps what the runtime reads", () => {
  const metadata = {
    redisHost: "localhost",
    redisPassword: "x",
    actorStateStore: "true",
    keyPrefix: "none",
    outboxPublishPubsub: "pubsub",
    outboxPublishTopic: "orders",
  };
  assert.deepEqual(properties(onEmbeddedEngine(component("state.redis", metadata, "my-store"), "/data")), {
    actorStateStore: "true",
    keyPrefix: "none",
    outboxPublishPubsub: "pubsub",
    outboxPublishTopic: "orders",
    connectionString: "/data/pillion.db",
    tableName: "state_my_store",
    metadataTableName: "state_my_store_metadata",
    countsWrites: "true",
  });
});

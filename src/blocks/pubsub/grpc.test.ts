import assert from "node:assert/strict";
import { test } from "node:test";
import { create, fromBinary, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import { refusedGrpc, sendGrpc } from "../../../test/harness/grpc-exchange.ts";
import { createPubSubWorld } from "../../../test/harness/pubsub-world.ts";
import {
  ListTopicSubscriptionsResponseSchema,
  TopicEventResponse_TopicEventResponseStatus as Status,
  TopicEventBulkRequestSchema,
  TopicEventBulkResponseSchema,
  TopicEventRequestSchema,
  TopicEventResponseSchema,
} from "../../gen/dapr/proto/runtime/v1/appcallback_pb.ts";
import {
  type SubscribeTopicEventsRequestAlpha1,
  SubscribeTopicEventsRequestAlpha1Schema,
} from "../../gen/dapr/proto/runtime/v1/pubsub_pb.ts";
import { encodeUtf8 } from "../../kit/bytes.ts";
import { createGrpcSubscriber } from "./deliver-grpc.ts";
import { subscribeStream } from "./stream-grpc.ts";

const utf8 = new TextDecoder();
const silent = { debug() {}, info() {}, warn() {}, error() {} };
const { signal } = new AbortController();

test("publishing over gRPC", async () => {
  const { grpc, driver, event } = createPubSubWorld();
  const data = encodeUtf8('{"a":1.0}');
  const request = { pubsubName: "bus", topic: "t", data, dataContentType: "application/json", metadata: { k: "v" } };
  await sendGrpc(grpc, "publishEvent", request);
  assert.match(utf8.decode(driver.published[0]?.data), /^\{"data":\{"a":1\.0\}/);
  assert.deepEqual(driver.published[0]?.metadata, { k: "v" });
  assert.equal(event()["tracestate"], "");
  await sendGrpc(grpc, "publishEvent", { ...request, metadata: { rawPayload: "1" } });
  assert.deepEqual(driver.published[1]?.data, data);
  assert.deepEqual(driver.published[1]?.metadata, { rawPayload: "1", traceid: "", tracestate: "" });
  await sendGrpc(grpc, "publishEvent", { pubsubName: "bus", topic: "t" });
  assert.equal(event()["data"], "");
});

test("refusals over gRPC", async () => {
  const { grpc, driver } = createPubSubWorld({ properties: { protectedTopics: "t" } });
  const refuse = (request: object) => refusedGrpc(grpc, "publishEvent", { pubsubName: "bus", topic: "a", ...request });
  const named = (message: string) => ({
    kind: "ResourceInfo",
    resourceType: "pubsub",
    resourceName: "bus",
    owner: "",
    description: message,
  });
  const info = (reason: string, metadata: object) => ({ kind: "ErrorInfo", reason, domain: "dapr.io", metadata });
  assert.deepEqual(await refuse({ pubsubName: "", metadata: { a: "1" } }), {
    code: Code.InvalidArgument,
    message: "pubsub name is empty",
    details: [{ ...named("pubsub name is empty"), resourceName: "" }, info("DAPR_PUBSUB_NAME_EMPTY", { a: "1" })],
  });
  assert.deepEqual(await refuse({ pubsubName: "no", metadata: { a: "1" } }), {
    code: Code.InvalidArgument,
    message: "pubsub no is not found",
    details: [info("DAPR_PUBSUB_NOT_FOUND", {})],
  });
  assert.deepEqual(await refuse({ topic: "" }), {
    code: Code.InvalidArgument,
    message: "topic is empty in pubsub bus",
    details: [named("topic is empty in pubsub bus"), info("DAPR_PUBSUB_TOPIC_NAME_EMPTY", {})],
  });
  assert.equal((await refuse({ metadata: { rawPayload: "x" } })).code, Code.InvalidArgument);
  const denied = await refuse({ topic: "t" });
  assert.deepEqual([denied.code, denied.message], [Code.PermissionDenied, "topic t is not allowed for app id app"]);
  const broken = await refuse({ data: encodeUtf8("["), dataContentType: "application/cloudevents+json" });
  assert.deepEqual(
    broken.details[1],
    info("DAPR_PUBSUB_CLOUD_EVENT_CREATION", { appID: "app", error: "unexpected EOF" }),
  );
  driver.fault = { error: new Error("no room") };
  const failed = await refuse({});
  assert.deepEqual(
    [failed.code, failed.message],
    [Code.Internal, "error when publishing to topic a in pubsub bus: no room"],
  );
});

test("bulk publish over gRPC: all or an error", async () => {
  const { grpc, driver } = createPubSubWorld({ features: ["BULK_PUBLISH"] });
  const entry = (entryId: string, metadata = {}) => ({
    entryId,
    event: encodeUtf8("{broken"),
    contentType: "application/json",
    metadata,
  });
  for (const name of ["bulkPublishEvent", "bulkPublishEventAlpha1"]) {
    const request = {
      pubsubName: "bus",
      topic: "t",
      entries: [entry("1"), entry("2", { own: "1" })],
      metadata: { all: "1" },
    };
    const done = await sendGrpc(grpc, name, request);
    assert.deepEqual((done as unknown as { failedEntries: unknown[] }).failedEntries, []);
    assert.deepEqual(
      driver.bulks.at(-1)?.entries.map(({ metadata }) => metadata),
      [{}, { own: "1", all: "1" }],
    );
    const twice = await refusedGrpc(grpc, name, { ...request, entries: [entry("1"), entry("1")] });
    assert.match(twice.message, /error: entryId is duplicated or not present for entry$/);
    const partly = await refusedGrpc(grpc, name, { ...request, entries: [entry("1"), entry("2", { fail: "full" })] });
    assert.deepEqual(
      [partly.code, partly.message],
      [Code.Internal, "error when publishing to topic t in pubsub bus: full"],
    );
  }
});

type Sent = {
  readonly path: string;
  readonly message: Uint8Array;
  readonly metadata: Readonly<Record<string, unknown>>;
};

/** An app that speaks gRPC and answers with these bytes or errors, the last one for ever. */
function grpcApp(...answers: (Uint8Array | Error)[]) {
  const calls: Sent[] = [];
  const subscriber = createGrpcSubscriber({
    channel: {
      async unary(path, message, metadata) {
        calls.push({ path, message, metadata });
        const next = answers[Math.min(calls.length, answers.length) - 1]!;
        if (next instanceof Error) throw next;
        return { message: next, header: {}, trailer: {} };
      },
    },
    beginSpan: (_, parent) => parent,
    log: silent,
  });
  return { calls, subscriber };
}
const status = (value: Status) =>
  toBinary(TopicEventResponseSchema, create(TopicEventResponseSchema, { status: value }));
const topicEvent = (event: Record<string, unknown>) => ({
  event,
  body: new Uint8Array(),
  pubsubName: "bus",
  topic: "t",
  path: "/p",
  deliveryId: "d-1",
  isCommittable: false,
  metadata: { PartitionKey: "k", pubsubName: "bus", "Content-Type": "no", bad: "ü", "bad name": "x" },
});

test("OnTopicEvent carries the event, its extensions and the metadata", async () => {
  const { calls, subscriber } = grpcApp(status(Status.SUCCESS));
  const event = {
    id: "1",
    source: "s",
    type: "y",
    specversion: "1.0",
    datacontenttype: "application/json",
    data: { b: "<", a: 1 },
    topic: "x",
    traceparent: "00-a-b-01",
    ext: { n: [1, null] },
  };
  assert.equal(await subscriber.deliver(topicEvent(event), signal), "success");
  assert.equal(calls[0]?.path, "/dapr.proto.runtime.v1.AppCallback/OnTopicEvent");
  assert.deepEqual(calls[0]?.metadata, {
    partitionkey: "k",
    pubsubname: "bus",
    traceparent: "00-a-b-01",
    "dapr-delivery-id": "d-1",
  });
  const sent = fromBinary(TopicEventRequestSchema, calls[0]!.message);
  assert.deepEqual(
    [sent.id, sent.source, sent.type, sent.specVersion, sent.dataContentType, sent.topic, sent.pubsubName, sent.path],
    ["1", "s", "y", "1.0", "application/json", "t", "bus", "/p"],
  );
  assert.equal(utf8.decode(sent.data), '{"a":1,"b":"\\u003c"}');
  assert.deepEqual(sent.extensions, { topic: "x", traceparent: "00-a-b-01", ext: { n: [1, null] } });
});

test("data of every kind reaches a gRPC app", async () => {
  const { calls, subscriber } = grpcApp(status(Status.SUCCESS));
  const dataOf = async (event: Record<string, unknown>) => {
    await subscriber.deliver(topicEvent(event), signal);
    return utf8.decode(fromBinary(TopicEventRequestSchema, calls.at(-1)!.message).data);
  };
  assert.equal(await dataOf({ data_base64: "YWI=" }), "ab");
  assert.equal(await dataOf({ datacontenttype: "text/plain", data: "x" }), "x");
  assert.equal(await dataOf({ datacontenttype: "application/json; a=b", data: "x" }), '"x"');
  assert.equal(await dataOf({ datacontenttype: "application/vnd.x+json", data: "{}" }), "{}");
  assert.equal(await dataOf({ datacontenttype: "foo/bar", data: "{}" }), "");
  assert.equal(await dataOf({ data: "{}" }), "{}");
  assert.equal(await dataOf({ data: { a: 1 } }), '{"a":1}');
  assert.equal(await dataOf({ data: null }), "");
  for (const broken of [{ data_base64: 5 }, { data_base64: "*" }, { datacontenttype: "text/plain", data: {} }])
    await assert.rejects(subscriber.deliver(topicEvent(broken), signal), { isLocal: true });
});

test("the answer of OnTopicEvent decides", async () => {
  const deliver = (given: Uint8Array | Error) => grpcApp(given).subscriber.deliver(topicEvent({ id: "1" }), signal);
  assert.equal(await deliver(new Uint8Array()), "success");
  assert.equal(await deliver(status(Status.DROP)), "drop");
  assert.equal(await deliver(new ConnectError("no", Code.Unimplemented)), "unknownMethod");
  await assert.rejects(deliver(status(Status.RETRY)), /RETRY status/);
  await assert.rejects(deliver(status(7 as Status)), /unknown status/);
  await assert.rejects(deliver(new ConnectError("no", Code.NotFound)), { code: Code.NotFound });
  await assert.rejects(deliver(new Error("gone")), { code: undefined });
});

test("bulks go to OnBulkTopicEvent, or to its alpha", async () => {
  const verdict = (init: MessageInitShape<typeof TopicEventBulkResponseSchema>) =>
    toBinary(TopicEventBulkResponseSchema, create(TopicEventBulkResponseSchema, init));
  const statuses = [
    { entryId: "1", status: Status.SUCCESS },
    { entryId: "2", status: Status.RETRY },
    { entryId: "3", status: Status.DROP },
    { entryId: "4", status: 9 as Status },
  ];
  const entry = (entryId: string, event: Record<string, unknown> | Uint8Array) => ({
    entryId,
    event,
    contentType: "",
    metadata: { m: entryId },
  });
  const bulk = {
    id: "b",
    entries: [
      entry("1", { id: "e", datacontenttype: "text/plain", data: "x" }),
      entry("2", { id: "e", data_base64: "YQ==" }),
      entry("3", new Uint8Array([9])),
      entry("5", { datacontenttype: "text/plain", data: 5 }),
    ],
    pubsubName: "bus",
    topic: "t",
    path: "/p",
    metadata: { pubsubName: "bus" },
  };
  const unimplemented = new ConnectError("no", Code.Unimplemented);
  const { calls, subscriber } = grpcApp(unimplemented, verdict({ statuses }));
  const verdicts = await subscriber.deliverBulk(bulk, signal);
  assert.deepEqual(
    calls.map(({ path }) => path),
    [
      "/dapr.proto.runtime.v1.AppCallback/OnBulkTopicEvent",
      "/dapr.proto.runtime.v1.AppCallbackAlpha/OnBulkTopicEventAlpha1",
    ],
  );
  assert.deepEqual(
    [...verdicts].map(([entryId, outcome]) => [entryId, outcome instanceof Error ? "retry" : outcome]).sort(),
    [
      ["1", "success"],
      ["2", "retry"],
      ["3", "drop"],
      ["4", "retry"],
      ["5", "retry"],
    ],
  );
  const sent = fromBinary(TopicEventBulkRequestSchema, calls[0]!.message);
  assert.deepEqual(
    sent.entries.map(({ entryId, event, metadata }) => [
      entryId,
      utf8.decode(event.case === "bytes" ? event.value : event.value?.data),
      metadata["m"],
    ]),
    [
      ["1", "x", "1"],
      ["2", "a", "2"],
      ["3", "\t", "3"],
    ],
  );
  const none = grpcApp(unimplemented);
  const dropped = await none.subscriber.deliverBulk(bulk, signal);
  assert.deepEqual([dropped.get("1"), none.calls.length], ["unknownMethod", 2]);
  await assert.rejects(grpcApp(new ConnectError("x", Code.Internal)).subscriber.deliverBulk(bulk, signal), {
    code: Code.Internal,
  });
});

test("ListTopicSubscriptions", async () => {
  const message = create(ListTopicSubscriptionsResponseSchema, {
    subscriptions: [
      { pubsubName: "bus", topic: "a" },
      {
        pubsubName: "bus",
        topic: "b",
        metadata: { x: "1" },
        routes: { rules: [{ match: "m", path: "/m" }], default: "/d" },
        deadLetterTopic: "dead",
        bulkSubscribe: { enabled: true, maxMessagesCount: 2, maxAwaitDurationMs: 3 },
      },
      { pubsubName: "bus", topic: "c", routes: { rules: [{ match: "m", path: "/m" }] } },
    ],
  });
  const { subscriber } = grpcApp(toBinary(ListTopicSubscriptionsResponseSchema, message));
  const found = await subscriber.discover(signal);
  assert.deepEqual(
    found.map(({ topic, rules }) => [topic, rules.map(({ match, path }) => [match, path])]),
    [
      ["a", [["", ""]]],
      [
        "b",
        [
          ["m", "/m"],
          ["", "/d"],
        ],
      ],
      ["c", [["m", "/m"]]],
    ],
  );
  assert.deepEqual(found[1]?.bulkSubscribe, { enabled: true, maxMessagesCount: 2, maxAwaitDurationMs: 3 });
  assert.deepEqual(await grpcApp(new ConnectError("", Code.Unimplemented)).subscriber.discover(signal), []);
  await assert.rejects(grpcApp(new ConnectError("x", Code.Unavailable)).subscriber.discover(signal));
});

type Initial = { pubsubName?: string; topic?: string; deadLetterTopic?: string };

/** A stream under test: what the app sends, and what it gets. */
function openStream(world = createPubSubWorld()) {
  const incoming: SubscribeTopicEventsRequestAlpha1[] = [];
  let wake = (): void => undefined;
  let isOver = false;
  const cancel = new AbortController();
  async function* requests() {
    for (;;) {
      const next = incoming.shift();
      if (next !== undefined) yield next;
      else if (isOver) return;
      else await new Promise<void>((resolve) => (wake = resolve));
    }
  }
  const push = (type: MessageInitShape<typeof SubscribeTopicEventsRequestAlpha1Schema>): void => {
    incoming.push(create(SubscribeTopicEventsRequestAlpha1Schema, type));
    wake();
  };
  const answers = subscribeStream(world.pubsub, requests(), cancel.signal);
  return {
    ...world,
    cancel,
    answers,
    initial: (value: Initial) =>
      push({
        subscribeTopicEventsRequestType: { case: "initialRequest", value: { pubsubName: "bus", topic: "t", ...value } },
      }),
    processed: (id: string, given: Status) =>
      push({ subscribeTopicEventsRequestType: { case: "eventProcessed", value: { id, status: { status: given } } } }),
    end(): void {
      isOver = true;
      wake();
    },
    async next() {
      const { value } = await answers.next();
      return value?.subscribeTopicEventsResponseType as {
        case: string;
        value: { id: string; path: string; data: Uint8Array };
      };
    },
    send: (id: string) => world.driver.deliver({ topic: "t", data: encodeUtf8(`{"id":"${id}","data":"x"}`) }),
  };
}

test("a stream gets events and answers them by id, in any order", async () => {
  const stream = openStream();
  stream.initial({});
  assert.equal((await stream.next()).case, "initialResponse");
  assert.deepEqual(
    stream.pubsub.subscriptions.list().map(({ topic, type, rules }) => [topic, type, rules[0]?.path]),
    [["t", "STREAMING", "/"]],
  );
  const handled = ["a", "b", "c"].map(stream.send);
  const got = [await stream.next(), await stream.next(), await stream.next()];
  assert.deepEqual(
    got.map(({ case: kind, value }) => [kind, value.id, value.path, utf8.decode(value.data)]),
    ["a", "b", "c"].map((id) => ["eventMessage", id, "/", "x"]),
  );
  stream.processed("nobody", Status.SUCCESS);
  stream.processed("c", Status.SUCCESS);
  stream.processed("b", Status.RETRY);
  stream.processed("a", Status.DROP);
  assert.deepEqual(await Promise.all(handled), ["ack", "retry", "ack"]);
  assert.deepEqual(stream.counts.map(([, , , kind, status]) => [kind, status]).sort(), [
    ["drop", ""],
    ["retry", ""],
    ["retry", ""],
    ["success", ""],
  ]);
  await stream.answers.return(undefined);
  assert.deepEqual(stream.pubsub.subscriptions.list(), []);
});

test("events of one id go one after the other", async () => {
  const stream = openStream();
  stream.initial({});
  await stream.next();
  const handled = [stream.send("a"), stream.send("a")];
  await stream.next();
  stream.processed("a", Status.SUCCESS);
  assert.equal(await handled[0], "ack");
  assert.equal((await stream.next()).value.id, "a");
  stream.processed("a", Status.RETRY);
  assert.equal(await handled[1], "retry");
  await stream.answers.return(undefined);
});

test("what is unanswered when a stream ends goes back, dead letters get what was dropped", async () => {
  const stream = openStream();
  stream.initial({ deadLetterTopic: "dead" });
  await stream.next();
  const dropped = stream.send("a");
  await stream.next();
  stream.processed("a", Status.DROP);
  assert.equal(await dropped, "ack");
  assert.equal(stream.driver.published[0]?.topic, "dead");
  stream.end();
  await assert.rejects(stream.answers.next(), { message: "EOF" });
  await assert.rejects(stream.send("b"), /nobody subscribed/);

  const cut = openStream();
  cut.initial({});
  await cut.next();
  const open = cut.send("a");
  await cut.next();
  const waiting = cut.answers.next();
  cut.cancel.abort(new ConnectError("client is gone", Code.Canceled));
  await assert.rejects(waiting, { rawMessage: "client is gone" });
  assert.equal(await open, "retry");
});

test("the sidecar's end waits for answers and then ends the stream", async () => {
  const stream = openStream();
  stream.initial({});
  await stream.next();
  const open = stream.send("a");
  await stream.next();
  const waiting = assert.rejects(stream.answers.next(), { message: "stream closed" });
  const stopped = stream.pubsub.subscriptions.stop();
  stream.processed("a", Status.SUCCESS);
  assert.equal(await open, "ack");
  await stopped;
  await waiting;
});

test("streams that begin wrong", async () => {
  const begin = async (prepare: (stream: ReturnType<typeof openStream>) => void, world = createPubSubWorld()) => {
    const stream = openStream(world);
    prepare(stream);
    return stream.answers.next().then(
      () => "began",
      (error: unknown) => (error instanceof Error ? error.message : String(error)),
    );
  };
  assert.equal(await begin((stream) => stream.end()), "EOF");
  assert.equal(await begin((stream) => stream.processed("a", 0)), "initial request is required");
  assert.equal(await begin((stream) => stream.initial({ pubsubName: "" })), "pubsubName is required");
  assert.equal(await begin((stream) => stream.initial({ topic: "" })), "topic is required");
  assert.equal(await begin((stream) => stream.initial({ pubsubName: "no" })), "pubsub no is not found");
  const scoped = createPubSubWorld({ properties: { subscriptionScopes: "app=a" } });
  assert.equal(
    await begin((stream) => stream.initial({}), scoped),
    "failed to create subscription for bus: subscription to topic 't' on pubsub 'bus' is not allowed",
  );
  const twice = openStream();
  twice.initial({});
  await twice.next();
  twice.initial({});
  await assert.rejects(twice.answers.next(), { message: "duplicate initial request received" });
});

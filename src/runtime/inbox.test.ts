import assert from "node:assert/strict";
import { test } from "node:test";
import { create } from "@bufbuild/protobuf";
import { sendGrpc } from "../../test/harness/grpc-exchange.ts";
import { hostPlatform } from "../../test/harness/host-platform.ts";
import { createJointWorld } from "../../test/harness/joint-world.ts";
import { mapStateStore } from "../../test/harness/map-state-store.ts";
import { openOneFile } from "../../test/harness/one-file.ts";
import { createNotedBroker } from "../../test/harness/pubsub-world.ts";
import { temporaryFolder } from "../../test/harness/temporary-folder.ts";
import { pubsubGrpc } from "../blocks/pubsub/grpc.ts";
import { TopicEventResponseSchema } from "../gen/dapr/proto/runtime/v1/appcallback_pb.ts";
import { SubscribeTopicEventsRequestAlpha1Schema } from "../gen/dapr/proto/runtime/v1/pubsub_pb.ts";
import { ExecuteStateTransactionRequestSchema } from "../gen/dapr/proto/runtime/v1/state_pb.ts";
import { decodeUtf8, encodeUtf8 } from "../kit/bytes.ts";
import type { HttpCall } from "../kit/http-message.ts";
import { createStorages } from "../storage/storages.ts";

const platform = await hostPlatform();
const write = (key: string, more: object = {}) => ({ operation: "upsert", request: { key, value: 1, ...more } });
const answerOf = (storeName: string, ...operations: object[]) => ({
  status: "SUCCESS",
  transaction: { storeName, operations },
});

interface Given {
  readonly deliveryId: string;
  readonly body: { readonly id: string; readonly entries?: readonly Record<string, unknown>[] };
}

/** State and events in one file, and stores and brokers elsewhere; the app answers with what `handle` gives. */
async function open(handle: (given: Given, turn: number) => unknown) {
  const path = `${temporaryFolder().path}/one.db`;
  const file = await openOneFile(platform, path);
  const elsewhere = createNotedBroker();
  let turn = 0;
  const world = createJointWorld({
    platform,
    stores: { store: file.store, other: mapStateStore() },
    brokers: { events: file.broker, elsewhere },
    http: {
      async call({ headers, body }: HttpCall) {
        const deliveryId = headers.find(([name]) => name === "dapr-delivery-id")?.[1] ?? "";
        const given = { deliveryId, body: JSON.parse(decodeUtf8(body as Uint8Array)) as Given["body"] };
        const answer = await handle(given, ++turn);
        if (typeof answer === "number") return { status: answer, headers: [], body: null };
        return { status: 200, headers: [], body: new Response(JSON.stringify(answer)).body };
      },
    } as never,
  });
  const storages = createStorages({ platform });
  return {
    ...world,
    file,
    elsewhere,
    turns: () => turn,
    keys: () => file.read("SELECT key FROM state ORDER BY key", []).map(({ key }) => key),
    known: () => file.read("SELECT id FROM pubsub_inbox ORDER BY id", []).map(({ id }) => id),
    open: () => file.read("SELECT seq FROM pubsub_delivery", []).length,
    /** Writes into the file as another process would. */
    async meddle(sql: string) {
      const storage = await storages.open(path);
      await storage.write([{ sql, params: [] }]);
      await storage.close();
    },
    async end() {
      await world.stop();
      await file.close();
    },
  };
}

async function until(what: string, look: () => boolean): Promise<void> {
  for (const end = Date.now() + 20_000; !look(); await new Promise((resolve) => setTimeout(resolve, 5)))
    if (Date.now() > end) throw new Error(`waited 20 s for ${what}`);
}

test("a known event does not reach the app again", async () => {
  const world = await open(() => answerOf("store", write("a")));
  await world.subscribe("events", "in");
  await world.publish("events", "in", "event-1", {});
  await until("the effect", () => world.known().length === 1);
  await world.publish("events", "in", "event-1", {});
  await until("the second message to be done", () => world.lines.some((line) => line.includes("is known")));
  assert.equal(world.turns(), 1);
  await world.end();
});

test("what a request has committed stays done, whatever the handler answers then", async () => {
  for (const answer of [500, 404, { status: "RETRY" }, { status: "DROP" }]) {
    const world = await open(async ({ deliveryId }) => {
      const path = "state/store/transaction";
      const done = await world.post(path, { operations: [write("a")] }, { "dapr-delivery-id": deliveryId });
      assert.equal(done.status, 204);
      const again = await world.post(path, { operations: [write("b")] }, { "dapr-delivery-id": deliveryId });
      assert.equal(again.status, 409);
      assert.match(again.text, /ERR_STATE_DELIVERY_GONE.*a transaction has committed it already/);
      return answer;
    });
    await world.subscribe("events", "in", { deadLetterTopic: "dead" });
    await world.publish("events", "in", "event-1", {});
    await world.publish("events", "in", "event-2", {});
    await until("both effects", () => world.known().length === 2);
    await world.stop();
    assert.deepEqual([world.turns(), world.keys(), world.open()], [2, ["app||a"], 0]);
    const dead = "SELECT 1 FROM pubsub_message WHERE topic = (SELECT id FROM pubsub_topic WHERE name = 'dead')";
    assert.deepEqual(world.file.read(dead, []), []);
    await world.file.close();
  }
});

test("an ETag that does not match brings the event again, with nothing of the answer done", async () => {
  const world = await open((_, turn) =>
    answerOf("store", write("before"), write("a", turn === 1 ? { etag: "stale" } : {})),
  );
  await world.subscribe("events", "in");
  await world.publish("events", "in", "event-1", {});
  await until("the effect", () => world.known().length === 1);
  assert.equal(world.turns(), 2);
  assert.deepEqual(world.keys(), ["app||a", "app||before"]);
  assert.ok(world.lines.some((line) => line.includes("possible etag mismatch")));
  await world.end();
});

test("an answer for a store in another database is refused by name; the event goes to the dead letters or comes again", async () => {
  const world = await open(() => answerOf("other", write("a")));
  await world.subscribe("events", "in", { deadLetterTopic: "dead" });
  await world.publish("events", "in", "event-1", {});
  const dead = "SELECT 1 FROM pubsub_message WHERE topic = (SELECT id FROM pubsub_topic WHERE name = 'dead')";
  await until("the dead letter", () => world.file.read(dead, []).length === 1);
  const text =
    "cannot commit the acknowledgement of pubsub events together with state store other: they are not in one embedded database";
  assert.ok(world.lines.some((line) => line.includes(text)));
  assert.deepEqual([world.keys(), world.known()], [[], []]);
  await world.end();
});

test("deliveries of other brokers have an id too, with which a commit is refused", async () => {
  const statuses: number[] = [];
  const world = await open(async ({ deliveryId }) => {
    const body = { operations: [write("a")] };
    const answer = await world.post("state/store/transaction", body, { "dapr-delivery-id": deliveryId });
    statuses.push(answer.status);
    assert.match(answer.text, /ERR_STATE_NOT_ONE_DATABASE/);
    return {};
  });
  await world.subscribe("elsewhere", "in");
  const data = encodeUtf8('{"id":"1"}');
  assert.equal(await world.elsewhere.deliver({ topic: "in", data }), "ack");
  assert.deepEqual([statuses, world.keys()], [[400], []]);
  await world.end();
});

test("a delivery that went to another process cannot be committed by the one that lost it", async () => {
  let refused = "";
  const world = await open(async ({ deliveryId }, turn) => {
    if (turn > 1) return answerOf("store", write("second"));
    await world.meddle("UPDATE pubsub_delivery SET owner = 0, due_at = 1");
    const body = { operations: [write("first")] };
    const answer = await world.post("state/store/transaction", body, { "dapr-delivery-id": deliveryId });
    assert.equal(answer.status, 409);
    refused = answer.text;
    return { status: "RETRY" };
  });
  await world.subscribe("events", "in");
  await world.publish("events", "in", "event-1", {});
  await until("the effect", () => world.known().length === 1);
  assert.match(refused, /it was taken over by another process/);
  assert.deepEqual(world.keys(), ["app||second"]);
  await world.end();
});

test("entries of a bulk are committed each by itself, by answer or by request", async () => {
  const world = await open(async ({ body }) => {
    const statuses = (body.entries ?? []).map(async (entry) => {
      const { id } = entry["event"] as { id: string };
      const deliveryId = (entry["metadata"] as Record<string, string>)["dapr-delivery-id"] ?? "";
      if (id === "event-1") return { entryId: entry["entryId"], ...answerOf("store", write("answered")) };
      const request = { operations: [write("requested")] };
      await world.post("state/store/transaction", request, { "dapr-delivery-id": deliveryId });
      return { entryId: entry["entryId"], status: "RETRY" };
    });
    return { statuses: await Promise.all(statuses) };
  });
  await world.subscribe("events", "in", { bulk: true });
  await world.publish("events", "in", "event-1", {});
  await world.publish("events", "in", "event-2", {});
  await until("both effects", () => world.known().length === 2);
  assert.deepEqual(world.keys(), ["app||answered", "app||requested"]);
  await world.stop();
  assert.equal(world.open(), 0);
  await world.file.close();
});

test("an event of a stream is committed by its answer, or by a request with the id among its extensions", async () => {
  const world = await open(() => ({}));
  const operation = (key: string) => ({ operationType: "upsert", request: { key, value: encodeUtf8("1") } });
  type Sent = { subscribeTopicEventsResponseType: { case: string; value: { id: string; extensions: object } } };
  const answers: { id: string; key: string }[] = [];
  let wake: () => void = () => undefined;
  async function* requests() {
    const initialRequest = { pubsubName: "events", topic: "in", metadata: {} };
    yield create(SubscribeTopicEventsRequestAlpha1Schema, {
      subscribeTopicEventsRequestType: { case: "initialRequest", value: initialRequest },
    });
    for (;;) {
      const answer = answers.shift();
      if (answer === undefined) {
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
        continue;
      }
      const transaction = create(ExecuteStateTransactionRequestSchema, {
        storeName: "store",
        operations: [operation(answer.key)],
      });
      const status = create(TopicEventResponseSchema, answer.key === "" ? {} : { transaction });
      yield create(SubscribeTopicEventsRequestAlpha1Schema, {
        subscribeTopicEventsRequestType: { case: "eventProcessed", value: { id: answer.id, status } },
      });
    }
  }
  const ending = new AbortController();
  const call = { signal: ending.signal, trace: { traceparent: "", tracestate: "", baggage: "" } };
  const subscribe = pubsubGrpc(world.pubsub).methods["subscribeTopicEventsAlpha1"] as unknown as (
    messages: AsyncIterable<unknown>,
    context: unknown,
  ) => AsyncIterable<Sent>;
  await world.publish("events", "in", "event-1", {});
  await world.publish("events", "in", "event-2", {});
  const read = (async () => {
    for await (const { subscribeTopicEventsResponseType: type } of subscribe(requests(), {
      call,
      signal: call.signal,
    })) {
      if (type.case !== "eventMessage") continue;
      const { id, extensions } = type.value;
      const deliveryId = String((extensions as Record<string, unknown>)["dapr-delivery-id"]);
      if (id === "event-2") {
        const request = { storeName: "store", operations: [operation("requested")] };
        await sendGrpc(world.grpc, "executeStateTransaction", request, { "dapr-delivery-id": deliveryId });
      }
      answers.push({ id, key: id === "event-2" ? "" : "answered" });
      wake();
    }
  })();
  read.catch(() => undefined);
  await until("both effects", () => world.known().length === 2);
  assert.deepEqual(world.keys(), ["app||answered", "app||requested"]);
  ending.abort(new Error("the stream is over"));
  await read.catch(() => undefined);
  await world.end();
});

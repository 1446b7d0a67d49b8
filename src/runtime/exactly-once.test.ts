import assert from "node:assert/strict";
import { test } from "node:test";
import { create, fromBinary, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import { sendGrpc } from "../../test/harness/grpc-exchange.ts";
import { hostPlatform } from "../../test/harness/host-platform.ts";
import { createJointWorld, type JointWorld } from "../../test/harness/joint-world.ts";
import { type OneFile, openOneFile } from "../../test/harness/one-file.ts";
import { temporaryFolder } from "../../test/harness/temporary-folder.ts";
import { TopicEventRequestSchema, TopicEventResponseSchema } from "../gen/dapr/proto/runtime/v1/appcallback_pb.ts";
import {
  ExecuteStateTransactionRequestSchema,
  type TransactionalStateOperationSchema,
} from "../gen/dapr/proto/runtime/v1/state_pb.ts";
import { decodeUtf8, encodeUtf8 } from "../kit/bytes.ts";
import type { HttpCall } from "../kit/http-message.ts";

const platform = await hostPlatform();
const utf8 = encodeUtf8;

/** What the app does with an event; `count` is the stored counter before. */
interface Work {
  readonly deliveryId: string;
  readonly world: JointWorld;
  readonly count: number;
  readonly etag: string | undefined;
}

/** The operations of the app: one more on the counter, one message downstream. */
function operationsOf({ count, etag }: Pick<Work, "count" | "etag">) {
  return [
    {
      operation: "upsert",
      request: {
        key: "count",
        value: count + 1,
        ...(etag === undefined ? { options: { concurrency: "first-write" } } : { etag }),
      },
    },
    { operation: "publish", request: { key: "out", value: { n: count + 1 }, metadata: { pubsubName: "events" } } },
  ];
}

function messageOperations(
  work: Pick<Work, "count" | "etag">,
): MessageInitShape<typeof TransactionalStateOperationSchema>[] {
  return operationsOf(work).map(({ operation, request }) => ({
    operationType: operation,
    request: {
      key: request.key,
      value: utf8(JSON.stringify(request.value)),
      ...("etag" in request && request.etag !== undefined && { etag: { value: request.etag } }),
      ...("options" in request && { options: { concurrency: 1 } }),
      metadata: "metadata" in request ? (request.metadata as Record<string, string>) : {},
    },
  }));
}

/** The four ways of an app to its commit: in its answer or by a request, over HTTP or gRPC. Each gives the body of its answer. */
const ways: Readonly<Record<string, { readonly wire: "http" | "grpc"; run(work: Work): Promise<Uint8Array> }>> = {
  "an HTTP answer": {
    wire: "http",
    run: async (work) =>
      utf8(JSON.stringify({ status: "SUCCESS", transaction: { storeName: "store", operations: operationsOf(work) } })),
  },
  "an HTTP request": {
    wire: "http",
    async run(work) {
      const body = { operations: operationsOf(work) };
      const answer = await work.world.post("state/store/transaction", body, { "dapr-delivery-id": work.deliveryId });
      return utf8(JSON.stringify({ status: answer.status === 204 ? "SUCCESS" : "RETRY" }));
    },
  },
  "a gRPC answer": {
    wire: "grpc",
    async run(work) {
      const transaction = create(ExecuteStateTransactionRequestSchema, {
        storeName: "store",
        operations: messageOperations(work),
      });
      return toBinary(TopicEventResponseSchema, create(TopicEventResponseSchema, { transaction }));
    },
  },
  "a gRPC request": {
    wire: "grpc",
    async run(work) {
      const request = { storeName: "store", operations: messageOperations(work) };
      await sendGrpc(work.world.grpc, "executeStateTransaction", request, { "dapr-delivery-id": work.deliveryId });
      return new Uint8Array();
    },
  },
  "a gRPC request that names the delivery in its metadata": {
    wire: "grpc",
    async run(work) {
      const metadata = { "inbox.deliveryId": work.deliveryId };
      const request = { storeName: "store", operations: messageOperations(work), metadata };
      await sendGrpc(work.world.grpc, "executeStateTransaction", request);
      return new Uint8Array();
    },
  },
};

interface Process {
  readonly file: OneFile;
  readonly world: JointWorld;
  /** Ids of the events that the app was given. */
  readonly seen: string[];
}

/** One process with its app; `afterWork` runs between the app's work and its answer. */
async function start(
  path: string,
  way: (typeof ways)[string],
  afterWork: (file: OneFile) => Promise<void> | void = () => undefined,
): Promise<Process> {
  const file = await openOneFile(platform, path);
  const seen: string[] = [];
  async function handle(id: string, deliveryId: string): Promise<Uint8Array> {
    seen.push(id);
    const request = { key: "app||count", consistency: "" as const, metadata: {} };
    const item = await file.store.get(request, new AbortController().signal);
    const count = item === null ? 0 : Number(item === null ? 0 : decodeUtf8(item.bytes));
    const work = { deliveryId, world, count, etag: item?.etag ?? undefined };
    if (way === ways["an HTTP answer"] || way === ways["a gRPC answer"]) {
      const answer = await way.run(work);
      await afterWork(file);
      return answer;
    }
    await afterWork(file);
    return way.run(work);
  }
  const world: JointWorld = createJointWorld({
    platform,
    stores: { store: file.store },
    brokers: { events: file.broker },
    ...(way.wire === "http"
      ? {
          http: {
            async call({ headers, body }: HttpCall) {
              const deliveryId = headers.find(([name]) => name === "dapr-delivery-id")?.[1] ?? "";
              const event = JSON.parse(decodeUtf8(body as Uint8Array)) as { id: string };
              const answer = await handle(event.id, deliveryId);
              return { status: 200, headers: [], body: new Response(answer as BodyInit).body };
            },
          } as never,
        }
      : {
          grpc: {
            async unary(_path: string, message: Uint8Array, metadata: Record<string, string>) {
              const { id } = fromBinary(TopicEventRequestSchema, message);
              return { message: await handle(id, metadata["dapr-delivery-id"] ?? ""), header: {}, trailer: {} };
            },
          } as never,
        }),
  });
  return { file, world, seen };
}

async function until(what: string, look: () => boolean): Promise<void> {
  for (const end = Date.now() + 20_000; !look(); await new Promise((resolve) => setTimeout(resolve, 5)))
    if (Date.now() > end) throw new Error(`waited 20 s for ${what}`);
}

const outSql = "SELECT data FROM pubsub_message WHERE topic = (SELECT id FROM pubsub_topic WHERE name = 'out')";
const effects = (file: OneFile) => ({
  counters: file.read("SELECT CAST(value AS TEXT) AS value FROM state", []).map(({ value }) => {
    const text = String(value);
    // Bytes of a gRPC caller are kept as base64.
    return Number(/^\d$/.test(text) ? text : atob(text));
  }),
  downstream: file.read(outSql, []).length,
  open: file.read("SELECT seq FROM pubsub_delivery", []).length,
});
const oneEffect = { counters: [1], downstream: 1, open: 0 };

/** Kills the process at a step of the first delivery. */
const deaths: Readonly<Record<string, (path: string, way: (typeof ways)[string]) => Promise<Process>>> = {
  async "before the delivery"(path, way) {
    const first = await start(path, way);
    await first.world.publish("events", "in", "event-1", {});
    first.file.die();
    return first;
  },
  async "after the app's work"(path, way) {
    const dead = Promise.withResolvers<void>();
    const first = await start(path, way, async (file) => {
      file.die();
      dead.resolve();
      await new Promise(() => undefined);
    });
    await first.world.subscribe("events", "in");
    await first.world.publish("events", "in", "event-1", {});
    await dead.promise;
    return first;
  },
  async "before the commit"(path, way) {
    const first = await start(path, way);
    const dead = first.file.dieAt("beforeCommit");
    await first.world.subscribe("events", "in");
    await first.world.publish("events", "in", "event-1", {});
    await dead;
    return first;
  },
  async "after the commit, before the answer"(path, way) {
    const first = await start(path, way);
    const dead = first.file.dieAt("afterCommit");
    await first.world.subscribe("events", "in");
    await first.world.publish("events", "in", "event-1", {});
    await dead;
    return first;
  },
};

for (const [name, way] of Object.entries(ways))
  for (const [step, kill] of Object.entries(deaths))
    test(`${name}: a process that dies ${step} leaves one effect and one message`, async () => {
      const path = `${temporaryFolder().path}/one.db`;
      const first = await kill(path, way);
      const second = await start(path, way);
      await second.world.subscribe("events", "in");
      // The publisher had no answer either, and publishes the same event again.
      await second.world.publish("events", "in", "event-1", {});
      await second.world.publish("events", "in", "event-2", {});
      const isDone = () => second.file.read("SELECT 1 FROM pubsub_inbox", []).length === 2;
      await until("both events", () => isDone() && effects(second.file).open === 0);
      assert.deepEqual(effects(second.file), { counters: [2], downstream: 2, open: 0 });
      if (step.startsWith("after the commit"))
        assert.ok(!second.seen.includes("event-1"), "a known event is delivered");
      await second.world.stop();
      await second.file.close();
      await first.file.close();
    });

test("writes, message and acknowledgement are one transaction", async () => {
  const { file, world } = await start(`${temporaryFolder().path}/one.db`, ways["an HTTP answer"]!);
  await world.subscribe("events", "in");
  await world.publish("events", "in", "event-1", {});
  await until("the effect", () => file.read("SELECT 1 FROM pubsub_inbox", []).length === 1);
  assert.deepEqual(effects(file), oneEffect);
  const joint = file.written.filter((steps) => steps.some((sql) => sql.includes("pubsub_inbox")));
  assert.equal(joint.length, 1);
  const tables = ["DELETE FROM pubsub_delivery", "INTO pubsub_inbox", "INTO pubsub_message", 'INTO "state"'];
  for (const table of tables)
    assert.ok(
      joint[0]?.some((sql) => sql.includes(table)),
      table,
    );
  await world.stop();
  await file.close();
});

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { MessageInitShape } from "@bufbuild/protobuf";
import { Code, ConnectError, type ServiceImpl } from "@connectrpc/connect";
import { createStreamPair } from "../../../test/harness/stream-pair.ts";
import { type GrpcPart, grpcPart } from "../../api/grpc/part.ts";
import { createReflectionParts } from "../../api/grpc/reflection.ts";
import { createGrpcServer } from "../../api/grpc/server.ts";
import type { DriverContext } from "../../driver/context.ts";
import type { Delivery, IncomingMessage } from "../../driver/pubsub.ts";
import { InputBinding, OutputBinding } from "../../gen/dapr/proto/components/v1/bindings_pb.ts";
import {
  PubSub,
  type PullMessagesRequest,
  type PullMessagesResponseSchema,
} from "../../gen/dapr/proto/components/v1/pubsub_pb.ts";
import { SecretStore } from "../../gen/dapr/proto/components/v1/secretstore_pb.ts";
import {
  QueriableStateStore,
  type QueryRequest,
  type SetRequest,
  StateStore,
  TransactionalStateStore,
  TransactionalStoreMultiMaxSize,
} from "../../gen/dapr/proto/components/v1/state_pb.ts";
import { BadRequestSchema, ErrorInfoSchema } from "../../gen/google/rpc/error_details_pb.ts";
import { createVirtualClock } from "../../kit/virtual-clock.ts";
import type { Http2Client, Platform, StreamHandler } from "../../platform/types.ts";
import { openBinding } from "./binding.ts";
import { listServices } from "./discover.ts";
import { createOutbox } from "./outbox.ts";
import { openPubSub } from "./pubsub.ts";
import { openSecretStore } from "./secret-store.ts";
import { openStateStore } from "./state-store.ts";

const signal = new AbortController().signal;
const limits = { maxReceiveBytes: 1 << 20, maxSendBytes: 1 << 20 };
const properties = new Map([["color", "blue"]]);

/** A component, and what a driver gets to reach it. `restart` cuts the connection and forgets what the component was told. */
function component(parts: readonly GrpcPart[]) {
  const clock = createVirtualClock();
  const handler: StreamHandler = createGrpcServer({ parts, limits, clock });
  const state = { isConnected: false, dials: 0 };
  const connectHttp2 = (): Http2Client => {
    const pair = createStreamPair(handler);
    return {
      get openStreams() {
        return pair.openStreams;
      },
      get connected() {
        return state.isConnected;
      },
      request(headers, handlers) {
        if (!state.isConnected) state.dials++;
        state.isConnected = true;
        return pair.request(headers, handlers);
      },
      close: () => pair.close(),
    };
  };
  const log = { debug() {}, info() {}, warn() {}, error() {} };
  const platform = { name: "test", connectHttp2 } as unknown as Platform;
  const context = { name: "mine", signal, log, clock, platform } as unknown as DriverContext;
  return { clock, context, connectHttp2, lose: () => (state.isConnected = false) };
}

const etagFault = (code: Code) =>
  new ConnectError("no", code, undefined, [
    { desc: BadRequestSchema, value: { fieldViolations: [{ field: "etag", description: "it is 7" }] } },
  ]);
const infoFault = (code: Code, metadata: Record<string, string>) =>
  new ConnectError("told so", code, undefined, [
    { desc: ErrorInfoSchema, value: { reason: "why", domain: "where", metadata } },
  ]);

function stateParts(own: Partial<ServiceImpl<typeof StateStore>> = {}, seen: unknown[] = []): readonly GrpcPart[] {
  return [
    grpcPart(StateStore, {
      init({ metadata }, context) {
        seen.push(["init", metadata?.properties, context.requestHeader.get("x-component-instance")]);
        return {};
      },
      features: () => ({ features: ["ETAG", "TRANSACTIONAL"] }),
      ...own,
    }),
  ];
}

const open = (parts: readonly GrpcPart[], services: readonly string[] = []) =>
  openStateStore("/s/x.sock", new Set(services), properties, component(parts).context);
const write = (etag: string | null) => ({
  key: "k",
  value: { bytes: Uint8Array.of(1, 2), binary: true },
  etag,
  concurrency: "first-write",
  consistency: "strong",
  metadata: { a: "b" },
});
const asWrite = (etag: string | null) => write(etag) as Parameters<Awaited<ReturnType<typeof open>>["set"]>[0];

describe("discovery", () => {
  for (const [name, keep] of [
    ["v1alpha", (part: GrpcPart) => part.service.typeName.includes("v1alpha")],
    ["v1 alone", (part: GrpcPart) => !part.service.typeName.includes("v1alpha")],
  ] as const) {
    it(`lists the services by reflection ${name}`, async () => {
      const reflection = createReflectionParts([StateStore, PubSub]).filter(keep);
      assert.equal(reflection.length, 1);
      const { connectHttp2, clock } = component([...stateParts(), ...reflection]);
      const found = await listServices("/s/x.sock", { connect: connectHttp2, clock });
      assert.ok(found.includes(StateStore.typeName) && found.includes(PubSub.typeName), String(found));
    });
  }

  it("refuses a component without reflection", async () => {
    const { connectHttp2, clock } = component(stateParts());
    await assert.rejects(listServices("/s/x.sock", { connect: connectHttp2, clock }), { code: Code.Unimplemented });
  });
});

describe("a state store", () => {
  it("is initialised with its metadata and name, and again after it came back", async () => {
    const seen: unknown[] = [];
    const { context, lose } = component(stateParts({ get: () => ({ data: Uint8Array.of(9) }) }, seen));
    const store = await openStateStore("/s/x.sock", new Set(), properties, context);
    assert.deepEqual(seen, [["init", { color: "blue" }, "mine"]]);
    assert.deepEqual(store.features, ["ETAG", "TRANSACTIONAL"]);
    const get = { key: "k", consistency: "" as const, metadata: {} };
    await store.get(get, signal);
    assert.equal(seen.length, 1);
    lose();
    assert.deepEqual((await Promise.all([store.get(get, signal), store.get(get, signal)]))[0]?.bytes, Uint8Array.of(9));
    assert.equal(seen.length, 2);
  });

  it("reads and writes", async () => {
    const sets: SetRequest[] = [];
    const store = await open(
      stateParts({
        get: ({ key }) =>
          key === "none" ? {} : { data: Uint8Array.of(5), etag: { value: "3" }, metadata: { m: "n" } },
        set(request) {
          sets.push(request);
          return {};
        },
        bulkGet: ({ items }) => ({
          items: items.map(({ key }) => (key === "bad" ? { key, error: "broken" } : { key, data: Uint8Array.of(1) })),
        }),
      }),
    );
    const get = (key: string) => ({ key, consistency: "" as const, metadata: {} });
    assert.equal(await store.get(get("none"), signal), null);
    assert.deepEqual(await store.get(get("k"), signal), { bytes: Uint8Array.of(5), etag: "3", metadata: { m: "n" } });
    await store.set(asWrite("7"), signal);
    await store.set(asWrite(null), signal);
    const [first, second] = sets;
    assert.deepEqual([first?.key, first?.value, first?.metadata], ["k", Uint8Array.of(1, 2), { a: "b" }]);
    assert.deepEqual([first?.etag?.value, first?.options?.concurrency, first?.options?.consistency], ["7", 1, 2]);
    assert.equal(second?.etag, undefined);
    assert.deepEqual(await store.bulkGet?.([get("a"), get("bad")], 0, signal), [
      { key: "a", item: { bytes: Uint8Array.of(1), etag: null, metadata: {} } },
      { key: "bad", item: null, error: "broken" },
    ]);
  });

  it("tells apart ETags, asked-for statuses and other failures", async () => {
    const kit = { kit_error: "true", http_code: "512", tag: "t" };
    const cases: [Error, Record<string, unknown>][] = [
      [
        etagFault(Code.FailedPrecondition),
        { kind: "etagMismatch", message: "possible etag mismatch. error from state store: it is 7" },
      ],
      [etagFault(Code.InvalidArgument), { kind: "etagInvalid", message: "invalid etag value: it is 7" }],
      [etagFault(Code.Internal), { kind: "failed", message: "rpc error: code = Internal desc = no" }],
      [
        infoFault(Code.Internal, { affected: "1", expected: "2" }),
        { kind: "failed", message: "delete affected only 1 rows, expected 2" },
      ],
      [infoFault(Code.Aborted, { ...kit, http_code: "x" }), { message: "rpc error: code = Aborted desc = told so" }],
      [
        infoFault(Code.ResourceExhausted, kit),
        {
          message: "api error: code = ResourceExhausted desc = told so",
          status: { http: 512, grpc: 8, message: "told so", tag: "t", reason: "why", domain: "where" },
        },
      ],
    ];
    for (const [fault, expected] of cases) {
      const fails = () => {
        throw fault;
      };
      const store = await open(stateParts({ set: fails, bulkDelete: fails }));
      await assert.rejects(store.set(asWrite("7"), signal), expected);
      await assert.rejects(store.bulkDelete?.([asWrite("7"), asWrite("8")], signal) ?? Promise.resolve(), expected);
    }
  });

  it("passes on transactions and queries, and asks for the limit once", async () => {
    let asked = 0;
    const steps: (string | undefined)[] = [];
    let query: QueryRequest | undefined;
    const parts = [
      ...stateParts(),
      grpcPart(TransactionalStateStore, {
        transact({ operations }) {
          steps.push(...operations.map(({ request }) => request.case));
          return {};
        },
      }),
      grpcPart(TransactionalStoreMultiMaxSize, { multiMaxSize: () => ({ maxSize: BigInt(++asked) }) }),
      grpcPart(QueriableStateStore, {
        query(request) {
          query = request;
          return { items: [{ key: "app||a", data: Uint8Array.of(1) }, { key: "other||b" }], token: "next" };
        },
      }),
    ];
    const store = await open(parts, [TransactionalStoreMultiMaxSize.typeName]);
    assert.equal(asked, 0);
    assert.equal(await store.askMaxTransactionOperations?.(), 1);
    assert.equal(await store.askMaxTransactionOperations?.(), 1);
    await store.transact?.(
      [
        { kind: "upsert", request: asWrite(null) },
        { kind: "delete", request: asWrite(null) },
      ],
      {},
      signal,
    );
    assert.deepEqual(steps, ["set", "delete"]);
    const found = await store.query?.(
      {
        filter: {
          op: "OR",
          filters: [
            { op: "EQ", key: "s", value: "CA" },
            { op: "IN", key: "n", values: [1, 2] },
          ],
        },
        sort: [{ key: "n", order: "DESC" }],
        page: { limit: 3, token: "t" },
        metadata: {},
        keyPrefix: "app||",
      },
      signal,
    );
    assert.deepEqual(found, {
      results: [{ key: "app||a", bytes: Uint8Array.of(1), etag: null }],
      token: "next",
      metadata: {},
    });
    const filter = query?.query?.filter ?? {};
    assert.deepEqual(Object.keys(filter), ["OR"]);
    assert.equal(new TextDecoder().decode(filter["OR"]?.value), '[{"EQ":{"s":"CA"}},{"IN":{"n":[1,2]}}]');
    assert.equal((await open(stateParts())).askMaxTransactionOperations, undefined);
  });

  it("does not open when the component refuses its metadata", async () => {
    const init = () => {
      throw new ConnectError("no color", Code.InvalidArgument);
    };
    await assert.rejects(open(stateParts({ init })), { message: "rpc error: code = InvalidArgument desc = no color" });
  });
});

it("a secret store answers single secrets and all of them", async () => {
  const parts = [
    grpcPart(SecretStore, {
      init: () => ({}),
      features: () => ({ features: [] }),
      get: ({ key }) => ({ data: { [key]: "value" } }),
      bulkGet: () => ({ data: { a: { secrets: { a: "1" } } } }),
    }),
  ];
  const store = await openSecretStore("/s/x.sock", properties, component(parts).context);
  assert.deepEqual(await store.get("k", {}, signal), { k: "value" });
  assert.deepEqual(await store.bulkGet({}, signal), { a: { a: "1" } });
  await store.close();
});

describe("a binding", () => {
  const outbox = createOutbox<{ data: Uint8Array; messageId: string; metadata: Record<string, string> }>();
  const told: unknown[] = [];
  const inits: string[] = [];
  const parts = [
    grpcPart(InputBinding, {
      init() {
        inits.push("input");
        return {};
      },
      async *read(requests) {
        void (async () => {
          for await (const { messageId, responseData, responseError } of requests)
            told.push([messageId, new TextDecoder().decode(responseData), responseError?.message]);
          outbox.end();
        })().catch(() => undefined);
        yield* outbox;
      },
    }),
    grpcPart(OutputBinding, {
      init() {
        inits.push("output");
        return {};
      },
      listOperations: () => ({ operations: ["create"] }),
      invoke: ({ operation, data, metadata }) => ({ data, metadata: { ...metadata, operation } }),
    }),
  ];
  const services = new Set([InputBinding.typeName, OutputBinding.typeName]);
  const openIt = (given: ReadonlyMap<string, string>) =>
    openBinding("/s/x.sock", services, given, component(parts).context);

  it("invokes, and brings events whose outcome the component hears", async () => {
    const binding = await openIt(new Map());
    assert.deepEqual(binding.operations, ["create"]);
    const request = { operation: "create", data: Uint8Array.of(1), metadata: { a: "b" } };
    assert.deepEqual(await binding.invoke?.(request, signal), {
      data: Uint8Array.of(1),
      metadata: { a: "b", operation: "create" },
    });
    const reader = await binding.read?.(async ({ metadata }) => {
      if (metadata["bad"] !== undefined) throw new Error("no");
      return new TextEncoder().encode("yes");
    }, signal);
    outbox.put({ data: Uint8Array.of(1), messageId: "1", metadata: {} });
    outbox.put({ data: Uint8Array.of(1), messageId: "2", metadata: { bad: "1" } });
    while (told.length < 2) await new Promise<void>((resolve) => setImmediate(resolve));
    await reader?.close();
    outbox.put({ data: Uint8Array.of(1), messageId: "3", metadata: { bad: "late" } });
    while (told.length < 3) await new Promise<void>((resolve) => setImmediate(resolve));
    assert.deepEqual(told, [
      ["1", "yes", undefined],
      ["2", "", "no"],
      ["3", "", "no"],
    ]);
  });

  it("has only the directions that its component names", async () => {
    inits.length = 0;
    const binding = await openIt(new Map([["direction", "input"]]));
    assert.deepEqual([binding.operations, binding.invoke, inits], [[], undefined, ["input"]]);
  });
});

describe("a broker", () => {
  /** A component whose streams the test feeds. */
  function broker() {
    const asked: PullMessagesRequest[] = [];
    const calls: string[] = [];
    const streams: { send(id: string): void; end(): void }[] = [];
    const told = { wake: () => {} };
    const note = (): void => told.wake();
    const parts = [
      grpcPart(PubSub, {
        init: () => ({}),
        features: () => ({ features: ["BULK_PUBLISH"] }),
        publish({ topic, pubsubName, data }) {
          calls.push(`publish ${pubsubName} ${topic} ${data.length}`);
          return {};
        },
        bulkPublish: ({ entries }) => ({ failedEntries: [{ entryId: entries[0]?.entryId ?? "", error: "full" }] }),
        pause() {
          calls.push("pause");
          note();
          return {};
        },
        resume() {
          calls.push("resume");
          return {};
        },
        async *pullMessages(requests) {
          const outbox = createOutbox<MessageInitShape<typeof PullMessagesResponseSchema>>();
          streams.push({
            send: (id) => outbox.put({ id, topicName: "t", data: Uint8Array.of(1), contentType: "text/plain" }),
            end: () => outbox.end(),
          });
          void (async () => {
            for await (const request of requests) {
              asked.push(request);
              note();
            }
            outbox.end();
          })().catch(() => undefined);
          yield* outbox;
        },
      }),
    ];
    /** Resolves when `holds`; the test's own time limit ends a wait in vain. */
    const until = async (holds: () => boolean): Promise<void> => {
      while (!holds()) await new Promise<void>((resolve) => setImmediate(resolve));
    };
    return { ...component(parts), asked, calls, streams, until };
  }
  const acks = (asked: readonly PullMessagesRequest[]) =>
    asked
      .filter(({ topic }) => topic === undefined)
      .map(({ ackMessageId, ackError }) => [ackMessageId, ackError !== undefined]);

  it("publishes, and names the entries of a bulk that failed", async () => {
    const { context, calls } = broker();
    const pubsub = await openPubSub("/s/x.sock", properties, context);
    await pubsub.publish({ topic: "t", data: Uint8Array.of(1, 2), contentType: "text/plain", metadata: {} }, signal);
    assert.deepEqual(calls, ["publish mine t 2"]);
    const entries = ["a", "b"].map((entryId) => ({ entryId, data: Uint8Array.of(1), contentType: "", metadata: {} }));
    const failed = await pubsub.bulkPublish?.("t", entries, {}, signal);
    assert.deepEqual(
      failed?.map(({ entryId, error }) => [entryId, error.message]),
      [["a", "full"]],
    );
  });

  it("acknowledges what was taken and refuses the rest, one at a time", async () => {
    const { context, asked, streams, until } = broker();
    const pubsub = await openPubSub("/s/x.sock", properties, context);
    const got: IncomingMessage[] = [];
    const answers: ((delivery: Delivery) => void)[] = [];
    const subscription = await pubsub.subscribe(
      { topic: "t", metadata: { a: "b" } },
      (message) => {
        got.push(message);
        return new Promise((resolve) => answers.push(resolve));
      },
      signal,
    );
    await until(() => streams.length === 1 && asked.length === 1);
    assert.deepEqual([asked[0]?.topic?.name, asked[0]?.topic?.metadata], ["t", { a: "b" }]);
    streams[0]?.send("1");
    streams[0]?.send("2");
    await until(() => got.length === 1);
    assert.deepEqual(got[0], { topic: "t", data: Uint8Array.of(1), contentType: "text/plain", metadata: {} });
    answers[0]?.("ack");
    await until(() => got.length === 2);
    answers[1]?.("retry");
    await until(() => acks(asked).length === 2);
    assert.deepEqual(acks(asked), [
      ["1", false],
      ["2", true],
    ]);
    await subscription.close();
  });

  it("closes after the message in hand is acknowledged, and pauses the component first", async () => {
    const { context, clock, asked, calls, streams, until } = broker();
    const pubsub = await openPubSub("/s/x.sock", properties, context);
    const answer = Promise.withResolvers<Delivery>();
    let got = 0;
    const subscription = await pubsub.subscribe(
      { topic: "t", metadata: {} },
      () => {
        got++;
        return answer.promise;
      },
      signal,
    );
    await until(() => streams.length === 1);
    streams[0]?.send("1");
    await until(() => got === 1);
    const closed = subscription.close();
    await until(() => calls.includes("pause"));
    streams[0]?.send("2");
    answer.resolve("ack");
    await until(() => acks(asked).length === 1);
    await clock.advance(1000);
    await closed;
    assert.deepEqual([got, acks(asked)], [1, [["1", false]]]);
    await (await pubsub.subscribe({ topic: "t", metadata: {} }, async () => "ack", signal)).close();
    assert.deepEqual(calls, ["pause", "resume", "pause"]);
  });

  it("opens a lost stream again", async () => {
    const { context, clock, streams, until } = broker();
    const pubsub = await openPubSub("/s/x.sock", properties, context);
    let got = 0;
    const subscription = await pubsub.subscribe(
      { topic: "t", metadata: {} },
      async () => {
        got++;
        return "ack";
      },
      signal,
    );
    await until(() => streams.length === 1);
    streams[0]?.end();
    while (streams.length < 2) {
      await clock.advance(100);
      await new Promise<void>((resolve) => setImmediate(resolve));
    }
    streams[1]?.send("1");
    await until(() => got === 1);
    await subscription.close();
  });
});

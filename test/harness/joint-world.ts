import { createHttpApi } from "../../src/api/http/app.ts";
import { createGrpcSubscriber } from "../../src/blocks/pubsub/deliver-grpc.ts";
import { createHttpSubscriber } from "../../src/blocks/pubsub/deliver-http.ts";
import type { SubscriberApp } from "../../src/blocks/pubsub/ports.ts";
import { createPubSub } from "../../src/blocks/pubsub/pubsub.ts";
import { openBroker } from "../../src/blocks/pubsub/scope.ts";
import { stateGrpc } from "../../src/blocks/state/grpc.ts";
import { stateHttp } from "../../src/blocks/state/http.ts";
import type { OpenStateStore } from "../../src/blocks/state/ports.ts";
import { createState } from "../../src/blocks/state/state.ts";
import type { PubSub } from "../../src/driver/pubsub.ts";
import type { StateStore } from "../../src/driver/state.ts";
import type { GrpcAppChannel, HttpAppChannel } from "../../src/kit/app-channel.ts";
import type { BeginSpan } from "../../src/kit/call.ts";
import type { Clock } from "../../src/kit/clock.ts";
import { createSeededRandom } from "../../src/kit/seeded-random.ts";
import type { Platform } from "../../src/platform/types.ts";
import { createAnswerCommit } from "../../src/runtime/answered-transaction.ts";
import { createOutboxRelay } from "../../src/runtime/outbox-relay.ts";
import type { OutboxSettings } from "../../src/runtime/outbox-settings.ts";
import { createAccompaniment } from "../../src/runtime/wire-outbox.ts";
import { createTracer } from "../../src/telemetry/trace.ts";

export interface JointWorldOptions {
  readonly platform: Platform;
  readonly clock?: Clock;
  readonly stores: Readonly<Record<string, StateStore>>;
  readonly brokers: Readonly<Record<string, PubSub>>;
  /** By store. */
  readonly outboxes?: Readonly<Record<string, OutboxSettings>>;
  /** Keys of the stores are encrypted with it. */
  readonly cipher?: OpenStateStore["cipher"];
  readonly http?: HttpAppChannel;
  readonly grpc?: GrpcAppChannel;
}

/** State and pub/sub of app "app" in namespace "ns", joined as a sidecar joins them. */
export function createJointWorld(options: JointWorldOptions) {
  const { platform, stores, brokers } = options;
  const clock = options.clock ?? platform.clock;
  const random = options.platform.random;
  const lines: string[] = [];
  const note =
    (level: string) =>
    (line: string): void =>
      void lines.push(`${level}: ${line}`);
  const log = { debug: note("debug"), info: note("info"), warn: note("warn"), error: note("error") };
  const open = new Map<string, OpenStateStore>();
  for (const [name, store] of Object.entries(stores))
    open.set(name, { name, store, prefix: "app||", ...(options.cipher !== undefined && { cipher: options.cipher }) });
  const loaded = new Map(
    Object.entries(brokers).map(([name, pubsub]) => [
      name,
      openBroker({ name, pubsub, properties: new Map(), isNamespaced: false }, "app"),
    ]),
  );
  const outboxes = {
    of: (name: string) => options.outboxes?.[name],
    stores: () => Object.keys(options.outboxes ?? {}),
  };
  const shared = { appId: "app", namespace: "ns", outboxes };
  const accompaniment = createAccompaniment({ ...shared, pubsub: () => pubsub, clock, random });
  const state = createState({
    appId: "app",
    accompaniment,
    stores: { find: (name) => open.get(name), any: () => open.size > 0 },
  });
  const beginSpan: BeginSpan = (_, parent) => parent;
  const appOptions = { beginSpan, log };
  let app: SubscriberApp | undefined;
  if (options.http !== undefined) app = createHttpSubscriber({ appId: "app", channel: options.http, ...appOptions });
  if (options.grpc !== undefined) app = createGrpcSubscriber({ channel: options.grpc, ...appOptions });
  const nothing = (): void => undefined;
  const pubsub = createPubSub({
    appId: "app",
    namespace: "ns",
    brokers: {
      find: (name) => loaded.get(name),
      findToPublish: (name) => loaded.get(name),
      list: () => [...loaded.values()],
    },
    app: () => app,
    asksApp: false,
    policies: { inbound: () => (run, signal) => run(signal), initialization: (run, signal) => run(signal) },
    commit: createAnswerCommit(state),
    beginSpan,
    clock,
    random,
    log,
    meter: {
      pubsubPublished: nothing,
      pubsubBulkPublished: nothing,
      pubsubDelivered: nothing,
      pubsubBulkDelivered: nothing,
      pubsubBulkEntries: nothing,
    },
  });
  const relay = createOutboxRelay({
    ...shared,
    pubsub,
    store: (name) => open.get(name),
    clock,
    log: { ...log, fatal: note("fatal"), level: "info", scope: () => relayLog } as never,
  });
  const relayLog = log;
  const api = createHttpApi({
    routes: stateHttp(state),
    clock,
    tracer: createTracer({ samplingRate: "", hasExporter: false, random: createSeededRandom(2) }),
    bodyLimit: 0,
  });
  return {
    state,
    pubsub,
    relay,
    lines,
    grpc: stateGrpc(state),
    /** Subscribes the app to a topic of a broker. */
    async subscribe(pubsubName: string, topic: string, more: { bulk?: boolean; deadLetterTopic?: string } = {}) {
      await pubsub.subscriptions.declare([
        {
          name: topic,
          pubsubName,
          topic,
          metadata: {},
          rules: [{ match: "", path: "/take" }],
          deadLetterTopic: more.deadLetterTopic ?? "",
          bulkSubscribe: { enabled: more.bulk ?? false, maxMessagesCount: 10, maxAwaitDurationMs: 5 },
        },
      ]);
      await pubsub.subscriptions.start();
    },
    /** Publishes JSON data under an event id. */
    async publish(pubsubName: string, topic: string, id: string, data: unknown) {
      const request = {
        topic,
        data: new TextEncoder().encode(JSON.stringify(data)),
        contentType: "application/json",
        metadata: { "cloudevent.id": id },
        isRaw: false,
      };
      const trace = { traceparent: "", tracestate: "", baggage: "" };
      const call = { signal: new AbortController().signal, trace };
      await pubsub.publisher.publish(pubsub.broker(pubsubName, null), request, call);
    },
    async post(path: string, body: unknown, headers: Record<string, string> = {}) {
      const request = new Request(`http://localhost/v1.0/${path}`, {
        method: "POST",
        headers,
        body: JSON.stringify(body),
      });
      const response = await api(request, { remoteAddress: "127.0.0.1" });
      return { status: response.status, text: await response.text() };
    },
    async stop() {
      await pubsub.subscriptions.stop();
      await relay.stop();
    },
  };
}

export type JointWorld = ReturnType<typeof createJointWorld>;

import { createHttpApi } from "../../src/api/http/app.ts";
import { pubsubGrpc } from "../../src/blocks/pubsub/grpc.ts";
import { pubsubHttp } from "../../src/blocks/pubsub/http.ts";
import type { PubSubPorts, SubscriberApp } from "../../src/blocks/pubsub/ports.ts";
import { createPubSub } from "../../src/blocks/pubsub/pubsub.ts";
import { openBroker } from "../../src/blocks/pubsub/scope.ts";
import type {
  BulkEntry,
  Delivery,
  IncomingMessage,
  PublishMessage,
  PubSub,
  PubSubFeature,
  SubscribeRequest,
} from "../../src/driver/pubsub.ts";
import { createSeededRandom } from "../../src/kit/seeded-random.ts";
import { createVirtualClock } from "../../src/kit/virtual-clock.ts";
import { createTracer, type Tracer } from "../../src/telemetry/trace.ts";

/** A broker that notes what it is asked and delivers what a test gives it. */
export interface NotedBroker extends PubSub {
  readonly published: PublishMessage[];
  readonly bulks: { readonly topic: string; readonly entries: readonly BulkEntry[]; readonly metadata: object }[];
  readonly subscribed: SubscribeRequest[];
  /** Makes the next calls fail; a subscription or publish to `topic` only, if given. */
  fault: { readonly error: Error; readonly topic?: string } | undefined;
  /** Hands a message to the subscription of its topic. */
  deliver(message: Partial<IncomingMessage> & { readonly topic: string }): Promise<Delivery>;
}

export function createNotedBroker(features: readonly PubSubFeature[] = []): NotedBroker {
  const handlers = new Map<string, (message: IncomingMessage) => Promise<Delivery>>();
  const inHand = new Set<Promise<unknown>>();
  const check = (topic: string): void => {
    const { fault } = broker;
    if (fault !== undefined && (fault.topic === undefined || fault.topic === topic)) throw fault.error;
  };
  const broker: NotedBroker = {
    features,
    published: [],
    bulks: [],
    subscribed: [],
    fault: undefined,
    async publish(message) {
      check(message.topic);
      broker.published.push(message);
    },
    ...(features.includes("BULK_PUBLISH") && {
      async bulkPublish(topic: string, entries: readonly BulkEntry[], metadata: object) {
        check(topic);
        broker.bulks.push({ topic, entries, metadata });
        return entries
          .filter(({ metadata: own }) => own["fail"] !== undefined)
          .map(({ entryId, metadata: own }) => ({ entryId, error: new Error(own["fail"]) }));
      },
    }),
    async subscribe(request, handle) {
      check(request.topic);
      broker.subscribed.push(request);
      handlers.set(request.topic, handle);
      return {
        async close() {
          handlers.delete(request.topic);
          await Promise.all(inHand);
        },
      };
    },
    async deliver(message) {
      const handle = handlers.get(message.topic);
      if (handle === undefined) throw new Error(`nobody subscribed to ${message.topic}`);
      const handled = handle({ data: new Uint8Array(), contentType: "", metadata: {}, ...message });
      inHand.add(handled);
      return handled.finally(() => inHand.delete(handled));
    },
    close: async () => undefined,
  };
  return broker;
}

export interface PubSubWorldOptions {
  /** Absent: trace headers are passed on. */
  readonly tracer?: Tracer;
  readonly features?: readonly PubSubFeature[];
  readonly properties?: Readonly<Record<string, string>>;
  readonly isNamespaced?: boolean;
  readonly app?: SubscriberApp;
  readonly asksApp?: boolean;
  readonly traceparent?: string;
  readonly policies?: Partial<PubSubPorts["policies"]>;
  readonly bodyLimit?: number;
}

/** 2024-01-02T03:04:05.678Z */
export const worldStart = Date.UTC(2024, 0, 2, 3, 4, 5, 678);

/** The pub/sub block of app "app" in namespace "ns" over one noted broker "bus", with both faces. */
export function createPubSubWorld(options: PubSubWorldOptions = {}) {
  const driver = createNotedBroker(options.features);
  const clock = createVirtualClock(worldStart);
  const lines: string[] = [];
  const counts: unknown[][] = [];
  const note =
    (level: string) =>
    (line: string): void =>
      void lines.push(`${level}: ${line}`);
  const log = { debug: note("debug"), info: note("info"), warn: note("warn"), error: note("error") };
  const count =
    (name: string) =>
    (...values: unknown[]): void =>
      void counts.push([name, ...values.slice(0, -1)]);
  const settings = {
    name: "bus",
    pubsub: driver,
    properties: new Map(Object.entries(options.properties ?? {})),
    isNamespaced: options.isNamespaced ?? false,
  };
  let broker: ReturnType<typeof openBroker> | undefined = openBroker(settings, "app");
  const pubsub = createPubSub({
    appId: "app",
    namespace: "ns",
    brokers: {
      find: (name) => (name === "bus" ? broker : undefined),
      findToPublish: (name) => (name === "bus" ? broker : undefined),
      list: () => (broker === undefined ? [] : [broker]),
    },
    app: () => options.app,
    asksApp: options.asksApp ?? true,
    policies: {
      inbound: () => (run, signal) => run(signal),
      initialization: (run, signal) => run(signal),
      ...options.policies,
    },
    beginSpan: options.tracer?.below ?? ((_, parent) => parent),
    clock,
    random: createSeededRandom(1),
    log,
    meter: {
      pubsubPublished: count("published"),
      pubsubBulkPublished: count("bulkPublished"),
      pubsubDelivered: count("delivered"),
      pubsubBulkDelivered: count("bulkDelivered"),
      pubsubBulkEntries: (...values) => void counts.push(["bulkEntries", ...values]),
    },
  });
  const api = createHttpApi({
    routes: pubsubHttp(pubsub),
    clock,
    tracer: options.tracer ?? createTracer({ samplingRate: "", hasExporter: false, random: createSeededRandom(2) }),
    bodyLimit: options.bodyLimit ?? 0,
  });
  return {
    driver,
    clock,
    pubsub,
    lines,
    counts,
    grpc: pubsubGrpc(pubsub),
    /** Takes the broker away, or puts it back. */
    present(isThere: boolean): void {
      broker = isThere ? openBroker(settings, "app") : undefined;
    },
    async post(path: string, body: string | Uint8Array, contentType?: string, method = "POST") {
      const headers: Record<string, string> = contentType === undefined ? {} : { "content-type": contentType };
      if (options.traceparent !== undefined) headers["traceparent"] = options.traceparent;
      const bytes = typeof body === "string" ? new TextEncoder().encode(body) : body;
      const request = new Request(`http://localhost/${path}`, {
        method,
        headers,
        body: bytes as Uint8Array<ArrayBuffer>,
      });
      const response = await api(request, { remoteAddress: "127.0.0.1" });
      return { status: response.status, headers: response.headers, text: await response.text() };
    },
    /** The event that was published last. */
    event(): Record<string, unknown> {
      return JSON.parse(new TextDecoder().decode(driver.published.at(-1)?.data)) as Record<string, unknown>;
    },
    eventText: () => new TextDecoder().decode(driver.published.at(-1)?.data),
  };
}

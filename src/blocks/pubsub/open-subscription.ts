import type { Subscription } from "../../driver/pubsub.ts";
import { createBulkBuffer } from "./bulk-buffer.ts";
import { createDeadLetters } from "./dead-letter.ts";
import { createDelivery, type DeliveryPorts } from "./deliver.ts";
import { createBulkDelivery } from "./deliver-bulk.ts";
import type { Deliveries } from "./deliveries.ts";
import type { SubscriptionSpec } from "./model.ts";
import type { Broker, EventSink, PubSubPorts } from "./ports.ts";
import type { Publisher } from "./publish.ts";
import { createRouter } from "./route.ts";
import { isTopicAllowed } from "./scope.ts";

/** The app may not read the topic. */
export class TopicDenied extends Error {
  constructor(topic: string, pubsubName: string) {
    super(`subscription to topic '${topic}' on pubsub '${pubsubName}' is not allowed`);
    this.name = "TopicDenied";
  }
}

/** A subscription that gets messages. */
export interface OpenSubscription {
  /** Takes no new message and waits for those in the app, at most 30 s; what is then not done goes back to the broker. */
  close(): Promise<void>;
}

const drainMs = 30_000;
const defaultCount = 100;
const defaultAwaitMs = 1000;

export interface OpenSubscriptionPorts
  extends Pick<PubSubPorts, "namespace" | "policies" | "clock" | "random" | "log" | "meter" | "commit"> {
  readonly publisher: Publisher;
  readonly deliveries: Deliveries;
}

/** Opens a subscription at its broker. Rejects with TopicDenied, the fault of a routing rule, or the broker's error. */
export async function openSubscription(
  ports: OpenSubscriptionPorts,
  broker: Broker,
  spec: SubscriptionSpec,
  sink: EventSink,
): Promise<OpenSubscription> {
  const { namespace, policies, publisher, deliveries, clock, random, log, meter } = ports;
  if (!isTopicAllowed(spec.topic, broker.scopes, broker.scopes.subscribing))
    throw new TopicDenied(spec.topic, broker.name);
  const route = await createRouter(spec.rules);
  const giveUp = new AbortController();
  const { signal } = giveUp;
  let isClosing = false;
  const delivery: DeliveryPorts = {
    spec,
    broker,
    namespace,
    route,
    sink,
    deliveries,
    commit: ports.commit,
    deadLetters: createDeadLetters({ broker, topic: spec.deadLetterTopic, publisher, clock, log, signal }),
    policy: policies.inbound(broker.name),
    clock,
    random,
    log,
    meter,
    signal,
    isClosing: () => isClosing,
  };
  const request = { topic: broker.isNamespaced ? namespace + spec.topic : spec.topic, metadata: spec.metadata };
  let subscription: Subscription;
  let flush = (): void => undefined;
  if (spec.bulkSubscribe.enabled) {
    // compat: pkg/runtime/pubsub/default_bulksub.go gathers nothing for brokers that bring messages in bulks of their own
    const isImmediate = broker.pubsub.features.includes("BULK_SUBSCRIBE_IMMEDIATE");
    const maxMessagesCount = isImmediate ? 1 : spec.bulkSubscribe.maxMessagesCount || defaultCount;
    const buffer = createBulkBuffer({
      maxMessagesCount,
      maxAwaitDurationMs: spec.bulkSubscribe.maxAwaitDurationMs || defaultAwaitMs,
      clock,
      newId: () => random.uuid(),
      handle: createBulkDelivery(delivery),
    });
    flush = buffer.close;
    subscription = await broker.pubsub.subscribe({ ...request, atOnce: maxMessagesCount }, buffer.add, signal);
  } else subscription = await broker.pubsub.subscribe(request, createDelivery(delivery), signal);

  async function close(): Promise<void> {
    isClosing = true;
    flush();
    const late = Promise.withResolvers<void>();
    const cancel = clock.after(drainMs, () => {
      log.warn(`drain exceeded 30s; giving up the messages in the app on topic ${spec.topic}`);
      giveUp.abort(new Error("subscription drain ceiling exceeded"));
      late.resolve();
    });
    try {
      const closed = subscription.close();
      closed.catch(() => undefined);
      await Promise.race([closed, late.promise]);
    } finally {
      cancel();
      giveUp.abort(new Error("subscription is closed"));
    }
  }
  let closing: Promise<void> | undefined;
  return { close: () => (closing ??= close()) };
}

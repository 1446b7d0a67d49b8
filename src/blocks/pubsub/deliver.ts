import type { Delivery, IncomingMessage } from "../../driver/pubsub.ts";
import type { Clock } from "../../kit/clock.ts";
import type { Random } from "../../kit/random.ts";
import { hasExpired } from "./cloudevent.ts";
import type { DeadLetters } from "./dead-letter.ts";
import { type Deliveries, type HeldDelivery, identityOf } from "./deliveries.ts";
import type { CloudEvent, Metadata, SubscriptionSpec, TopicEvent } from "./model.ts";
import {
  type AnsweredTransaction,
  type Broker,
  DeliveryError,
  type EventSink,
  type Policy,
  type PubSubLog,
  type PubSubMeter,
  type PubSubPorts,
} from "./ports.ts";
import { isRawPayload } from "./raw-payload.ts";
import { type ReceivedEvent, receiveEvent } from "./receive.ts";
import type { Router } from "./route.ts";

/** What the deliveries of one subscription need. */
export interface DeliveryPorts {
  readonly spec: SubscriptionSpec;
  readonly broker: Broker;
  readonly namespace: string;
  readonly route: Router;
  readonly sink: EventSink;
  readonly deliveries: Deliveries;
  readonly commit: PubSubPorts["commit"];
  readonly deadLetters: DeadLetters;
  readonly policy: Policy;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: PubSubLog;
  readonly meter: PubSubMeter;
  /** Aborts when the app's time to answer is over. */
  readonly signal: AbortSignal;
  /** The subscription ends: what fails now is given back, not put aside. */
  isClosing(): boolean;
}

/** The topic as the app knows it. */
export function appTopic(broker: Broker, namespace: string, topic: string): string {
  // compat: pkg/runtime/subscription/subscription.go takes the namespace out wherever it stands first
  return broker.isNamespaced && namespace !== "" ? topic.replace(namespace, "") : topic;
}

/** Metadata of a message with what the runtime adds. */
export function deliveryMetadata(broker: Broker, metadata: Metadata): Metadata {
  return { ...metadata, pubsubName: broker.name };
}

function textOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

const commitless = "no component of this sidecar can commit it";

/**
 * Commits what an app answered together with the acknowledgement of an event. Rejects with a DeliveryError: then nothing of it was
 * done, and the event comes again.
 */
export async function commitAnswer(
  commit: PubSubPorts["commit"],
  delivery: HeldDelivery,
  transaction: AnsweredTransaction,
  event: CloudEvent | undefined,
  signal: AbortSignal,
): Promise<void> {
  const traced = (name: string): string => (typeof event?.[name] === "string" ? event[name] : "");
  const trace = { traceparent: traced("traceparent"), tracestate: traced("tracestate"), baggage: "" };
  try {
    if (commit === undefined) throw new Error(commitless);
    await commit(delivery, transaction, { signal, trace });
  } catch (cause) {
    // A commit of the app's own, beside this answer: the event is done.
    if (delivery.isCommitted) return;
    const id = delivery.identity.id;
    throw new DeliveryError(`failed to commit the answer to pub/sub event ${id}: ${textOf(cause)}`, { cause });
  }
}

/** Whether the subscription takes payloads without envelopes; throws, each time, when its metadata cannot be read. */
function readsRaw({ metadata }: SubscriptionSpec): () => boolean {
  try {
    const isRaw = isRawPayload(metadata);
    return () => isRaw;
  } catch {
    return () => isRawPayload(metadata);
  }
}

/** Whether no routing rule and no app looks at more of an event than its attributes. */
export function needsHeadOnly({ spec, sink }: Pick<DeliveryPorts, "spec" | "sink">): boolean {
  return sink.passesJson === true && spec.rules.every(({ match }) => match.trim() === "");
}

/** Takes each message of a broker through envelope, expiry, routes, the app and the dead letters. */
export function createDelivery(ports: DeliveryPorts): (message: IncomingMessage) => Promise<Delivery> {
  const { spec, broker, namespace, route, sink, deadLetters, policy, clock, random, log, meter, signal } = ports;
  const { deliveries, commit } = ports;
  const newId = (): string => random.uuid();
  const isRaw = readsRaw(spec);
  const headOnly = needsHeadOnly(ports);

  /** The message cannot reach the app: aside with it, or back to the broker. */
  async function setAside(message: IncomingMessage, metadata: Metadata, topic: string): Promise<Delivery> {
    const isAside = await deadLetters.put(message, metadata);
    meter.pubsubDelivered(broker.name, topic, isAside ? "drop" : "retry", "", 0);
    return isAside ? "ack" : "retry";
  }

  async function hand(delivery: HeldDelivery, event: TopicEvent, message: IncomingMessage): Promise<void> {
    const { metadata } = event;
    const started = clock.monotonic();
    const count = (processStatus: string, status = ""): void =>
      meter.pubsubDelivered(broker.name, event.topic, processStatus, status, clock.monotonic() - started);
    await policy(async (attempt) => {
      try {
        // What an earlier attempt has committed is done.
        const verdict = delivery.isCommitted ? "success" : await sink.deliver(event, attempt);
        if (typeof verdict === "object") await commitAnswer(commit, delivery, verdict, event.event, attempt);
        if (verdict === "success" || typeof verdict === "object" || delivery.isCommitted) return count("success");
        count("drop", verdict === "drop" ? "success" : "");
        if (verdict === "unknownMethod" || spec.deadLetterTopic === "") return;
        if (!(await deadLetters.put(message, metadata)))
          throw new DeliveryError(`failed to put dropped message of topic ${event.topic} aside`);
      } catch (error) {
        if (delivery.isCommitted) return count("success");
        count("retry");
        if (!signal.aborted)
          log.warn(
            `encountered a retriable error while publishing a subscribed message to topic ${event.topic}, err: ${textOf(error)}`,
          );
        throw error;
      }
    }, signal);
  }

  return async (message) => {
    if (ports.isClosing()) return "retry";
    const topic = appTopic(broker, namespace, message.topic);
    const metadata = deliveryMetadata(broker, message.metadata);
    let received: ReceivedEvent;
    try {
      received = receiveEvent(message, { topic, pubsubName: broker.name, isRaw: isRaw(), headOnly }, newId);
    } catch (error) {
      log.error(`error deserializing cloud event in pubsub ${broker.name} and topic ${topic}: ${textOf(error)}`);
      return setAside(message, metadata, topic);
    }
    const { event, body } = received;
    if (hasExpired(event, clock.now())) {
      log.warn(`dropping expired pub/sub event ${event["id"]} as of ${event["expiration"]}`);
      meter.pubsubDelivered(broker.name, topic, "drop", "", 0);
      await deadLetters.put(message, metadata);
      return "ack";
    }
    let path: string | undefined;
    try {
      path = route(event);
    } catch (error) {
      const place = `in pubsub ${broker.name} and topic ${topic}`;
      log.error(`error finding matching route for event ${event["id"]} ${place}: ${textOf(error)}`);
      return setAside(message, metadata, topic);
    }
    if (path === undefined) {
      log.debug(`no matching route for event ${event["id"]} in pubsub ${broker.name} and topic ${topic}; skipping`);
      meter.pubsubDelivered(broker.name, topic, "drop", "success", 0);
      await deadLetters.put(message, metadata);
      return "ack";
    }
    const enveloped = isRaw() ? undefined : event;
    if (message.embedded?.isKnown(identityOf(message, enveloped)) === true) {
      log.info(`pub/sub event ${event["id"]} of topic ${topic} is known and has had its effect; acknowledging it`);
      meter.pubsubDelivered(broker.name, topic, "success", "", 0);
      return "ack";
    }
    const delivery = deliveries.hold(message, enveloped, broker.name);
    const told = { deliveryId: delivery.id, isCommittable: delivery.embedded !== undefined };
    const topicEvent = { event, body, pubsubName: broker.name, topic, path, metadata, ...told };
    try {
      await hand(delivery, topicEvent, message);
      return "ack";
    } catch {
      // Its attempts are logged and counted.
      if (ports.isClosing() || signal.aborted) return "retry";
      return setAside(message, metadata, topic);
    } finally {
      deliveries.release(delivery);
    }
  };
}

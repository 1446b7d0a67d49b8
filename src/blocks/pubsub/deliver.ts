import type { Delivery, IncomingMessage } from "../../driver/pubsub.ts";
import type { Clock } from "../../kit/clock.ts";
import type { Random } from "../../kit/random.ts";
import { hasExpired } from "./cloudevent.ts";
import type { DeadLetters } from "./dead-letter.ts";
import type { Metadata, SubscriptionSpec, TopicEvent } from "./model.ts";
import { type Broker, DeliveryError, type EventSink, type Policy, type PubSubLog, type PubSubMeter } from "./ports.ts";
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

/** Takes each message of a broker through envelope, expiry, routes, the app and the dead letters. */
export function createDelivery(ports: DeliveryPorts): (message: IncomingMessage) => Promise<Delivery> {
  const { spec, broker, namespace, route, sink, deadLetters, policy, clock, random, log, meter, signal } = ports;
  const newId = (): string => random.uuid();

  /** The message cannot reach the app: aside with it, or back to the broker. */
  async function setAside(message: IncomingMessage, metadata: Metadata, topic: string): Promise<Delivery> {
    const isAside = await deadLetters.put(message, metadata);
    meter.pubsubDelivered(broker.name, topic, isAside ? "drop" : "retry", "", 0);
    return isAside ? "ack" : "retry";
  }

  async function hand(event: TopicEvent, message: IncomingMessage, metadata: Metadata): Promise<void> {
    const started = clock.monotonic();
    const count = (processStatus: string, status = ""): void =>
      meter.pubsubDelivered(broker.name, event.topic, processStatus, status, clock.monotonic() - started);
    await policy(async (attempt) => {
      try {
        const verdict = await sink.deliver(event, attempt);
        if (verdict === "success") return count("success");
        count("drop", verdict === "drop" ? "success" : "");
        if (verdict !== "drop" || spec.deadLetterTopic === "") return;
        if (!(await deadLetters.put(message, metadata)))
          throw new DeliveryError(`failed to put dropped message of topic ${event.topic} aside`);
      } catch (error) {
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
      const isRaw = isRawPayload(spec.metadata);
      received = receiveEvent(message, { topic, pubsubName: broker.name, isRaw }, newId);
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
    try {
      await hand({ event, body, pubsubName: broker.name, topic, path, metadata }, message, metadata);
      return "ack";
    } catch {
      // Its attempts are logged and counted.
      if (ports.isClosing() || signal.aborted) return "retry";
      return spec.deadLetterTopic === "" ? "retry" : setAside(message, metadata, topic);
    }
  };
}

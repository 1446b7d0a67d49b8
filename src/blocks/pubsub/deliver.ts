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
  type Verdict,
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

/** Makes the metadata of messages with what the runtime adds; those that have none of their own share it. */
function deliveryMetadata({ name }: Broker): (own: Metadata) => Metadata {
  const alone = Object.freeze({ pubsubName: name });
  return (own) => {
    for (const _ in own) return { ...own, pubsubName: name };
    return alone;
  };
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

/**
 * An event on its way into the app. Each event that an app has needs one, and an app may have thousands: promises of a class take half of
 * the memory that async functions and closures do.
 */
class Handover implements TopicEvent {
  readonly #ports: DeliveryPorts;
  readonly #message: IncomingMessage;
  readonly #started: number;
  readonly delivery: HeldDelivery;
  readonly event: CloudEvent;
  readonly body: Uint8Array;
  readonly topic: string;
  readonly path: string;
  readonly metadata: Metadata;

  constructor(
    ports: DeliveryPorts,
    message: IncomingMessage,
    delivery: HeldDelivery,
    { event, body }: ReceivedEvent,
    to: { readonly topic: string; readonly path: string; readonly metadata: Metadata },
  ) {
    this.#ports = ports;
    this.#message = message;
    this.#started = ports.clock.monotonic();
    this.delivery = delivery;
    this.event = event;
    this.body = body;
    this.topic = to.topic;
    this.path = to.path;
    this.metadata = to.metadata;
  }

  get pubsubName(): string {
    return this.#ports.broker.name;
  }
  get deliveryId(): string {
    return this.delivery.id;
  }
  get isCommittable(): boolean {
    return this.delivery.embedded !== undefined;
  }

  /** Gives the event to the app; rejects where it may be tried again. */
  attempt(signal: AbortSignal): Promise<void> {
    // What an earlier attempt has committed is done.
    if (this.delivery.isCommitted) return Promise.resolve(this.#count("success"));
    return this.#ports.sink.deliver(this, signal).then(
      (verdict) => this.#settle(verdict, signal),
      (error: unknown) => this.#refuse(error),
    );
  }

  #settle(verdict: Verdict | AnsweredTransaction, signal: AbortSignal): void | Promise<void> {
    if (typeof verdict === "object") return this.#commit(verdict, signal);
    if (verdict === "success" || this.delivery.isCommitted) return this.#count("success");
    return this.#drop(verdict);
  }

  async #commit(transaction: AnsweredTransaction, signal: AbortSignal): Promise<void> {
    try {
      await commitAnswer(this.#ports.commit, this.delivery, transaction, this.event, signal);
    } catch (error) {
      return this.#refuse(error);
    }
    this.#count("success");
  }

  async #drop(verdict: Verdict): Promise<void> {
    const { spec, deadLetters } = this.#ports;
    this.#count("drop", verdict === "drop" ? "success" : "");
    if (verdict === "unknownMethod" || spec.deadLetterTopic === "") return;
    if (!(await deadLetters.put(this.#message, this.metadata)))
      this.#refuse(new DeliveryError(`failed to put dropped message of topic ${this.topic} aside`));
  }

  #refuse(error: unknown): void {
    if (this.delivery.isCommitted) {
      this.#count("success");
      return;
    }
    this.#count("retry");
    const { log, signal } = this.#ports;
    const what = "encountered a retriable error while publishing a subscribed message to topic";
    if (!signal.aborted) log.warn(`${what} ${this.topic}, err: ${textOf(error)}`);
    throw error;
  }

  #count(processStatus: string, status = ""): void {
    const { meter, broker, clock } = this.#ports;
    meter.pubsubDelivered(broker.name, this.topic, processStatus, status, clock.monotonic() - this.#started);
  }
}

/** Takes each message of a broker through envelope, expiry, routes, the app and the dead letters. */
export function createDelivery(ports: DeliveryPorts): (message: IncomingMessage) => Promise<Delivery> {
  const { spec, broker, namespace, route, deadLetters, policy, clock, random, log, meter, signal } = ports;
  const { deliveries } = ports;
  const newId = (): string => random.uuid();
  const isRaw = readsRaw(spec);
  const headOnly = needsHeadOnly(ports);
  const metadataOf = deliveryMetadata(broker);

  /** The message cannot reach the app: aside with it, or back to the broker. */
  async function setAside(message: IncomingMessage, metadata: Metadata, topic: string): Promise<Delivery> {
    const isAside = await deadLetters.put(message, metadata);
    meter.pubsubDelivered(broker.name, topic, isAside ? "drop" : "retry", "", 0);
    return isAside ? "ack" : "retry";
  }

  /** The message is for nobody: it is done with, whether it can be put aside or not. */
  async function drop(message: IncomingMessage, metadata: Metadata, topic: string, status: string): Promise<Delivery> {
    meter.pubsubDelivered(broker.name, topic, "drop", status, 0);
    await deadLetters.put(message, metadata);
    return "ack";
  }

  /** The app did not take it; its attempts are logged and counted. */
  async function giveUp(message: IncomingMessage, { delivery, metadata, topic }: Handover): Promise<Delivery> {
    try {
      if (ports.isClosing() || signal.aborted) return "retry";
      return await setAside(message, metadata, topic);
    } finally {
      deliveries.release(delivery);
    }
  }

  function hand(message: IncomingMessage, handover: Handover): Promise<Delivery> {
    return policy((attempt) => handover.attempt(attempt), signal).then(
      () => {
        deliveries.release(handover.delivery);
        return "ack";
      },
      () => giveUp(message, handover),
    );
  }

  function take(message: IncomingMessage): Delivery | Promise<Delivery> {
    if (ports.isClosing()) return "retry";
    const topic = appTopic(broker, namespace, message.topic);
    const metadata = metadataOf(message.metadata);
    let received: ReceivedEvent;
    try {
      received = receiveEvent(message, { topic, pubsubName: broker.name, isRaw: isRaw(), headOnly }, newId);
    } catch (error) {
      log.error(`error deserializing cloud event in pubsub ${broker.name} and topic ${topic}: ${textOf(error)}`);
      return setAside(message, metadata, topic);
    }
    const { event } = received;
    if (hasExpired(event, clock.now())) {
      log.warn(`dropping expired pub/sub event ${event["id"]} as of ${event["expiration"]}`);
      return drop(message, metadata, topic, "");
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
      return drop(message, metadata, topic, "success");
    }
    const enveloped = isRaw() ? undefined : event;
    if (message.embedded?.isKnown(identityOf(message, enveloped)) === true) {
      log.info(`pub/sub event ${event["id"]} of topic ${topic} is known and has had its effect; acknowledging it`);
      meter.pubsubDelivered(broker.name, topic, "success", "", 0);
      return "ack";
    }
    const delivery = deliveries.hold(message, enveloped, broker.name);
    return hand(message, new Handover(ports, message, delivery, received, { topic, path, metadata }));
  }

  return (message) => {
    try {
      const taken = take(message);
      return taken instanceof Promise ? taken : Promise.resolve(taken);
    } catch (error) {
      return Promise.reject(error);
    }
  };
}

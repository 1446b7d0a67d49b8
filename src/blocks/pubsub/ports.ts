import type { PubSub } from "../../driver/pubsub.ts";
import type { BeginSpan, Call } from "../../kit/call.ts";
import type { Clock } from "../../kit/clock.ts";
import type { Random } from "../../kit/random.ts";
import type { HeldDelivery } from "./deliveries.ts";
import type { BulkTopicEvent, SubscriptionSpec, TopicEvent } from "./model.ts";

/** Who may use which topics of a broker. An empty list does not limit, a list of one empty name allows nothing. */
export interface TopicScopes {
  readonly publishing: readonly string[];
  readonly subscribing: readonly string[];
  readonly allowed: readonly string[];
  readonly protected: readonly string[];
}

/** A loaded broker, ready for requests. Made by `openBroker`. */
export interface Broker {
  readonly name: string;
  /** Guarded driver instance. */
  readonly pubsub: PubSub;
  readonly scopes: TopicScopes;
  /** Its topics carry the namespace in front. */
  readonly isNamespaced: boolean;
}

/**
 * What the app did with an event: took it, wants no more of it (it goes to the dead letters), refused it (the same, counted in another
 * way), or has no such method (it is acknowledged).
 */
export type Verdict = "success" | "drop" | "refuse" | "unknownMethod";

/** What the app wants committed together with the acknowledgement of an event. */
export interface AnsweredTransaction {
  readonly wire: "http" | "grpc";
  /** Decoded JSON, or the message. */
  readonly body: unknown;
}

/** The app did not take an event, and may get it again. */
export class DeliveryError extends Error {
  /** HTTP status or gRPC code of the app's answer; undefined when there was none. */
  readonly code: number | undefined;
  /** The event itself is at fault: the app was not called. */
  readonly isLocal: boolean;
  constructor(message: string, options: { code?: number; isLocal?: boolean; cause?: unknown } = {}) {
    super(message, { cause: options.cause });
    this.name = "DeliveryError";
    this.code = options.code;
    this.isLocal = options.isLocal ?? false;
  }
}

/** Outcome of one entry of a bulk delivery; what has no method here had none for the whole bulk. */
export type BulkVerdict = "success" | "drop" | "unknownMethod" | AnsweredTransaction | Error;

/** What is counted of the entries of bulks. */
export type BulkStatus = "SUCCESS" | "DROP" | "RETRY";

/** The way of events into an app. */
export interface EventSink {
  /** Whether events go into the app as the JSON that they are, so that nobody needs their payload decoded. */
  readonly passesJson?: boolean;
  /** Rejects with a DeliveryError when the event should come again. */
  deliver(event: TopicEvent, signal: AbortSignal): Promise<Verdict | AnsweredTransaction>;
  /** Answers every entry. Rejects with a DeliveryError when the app took none of them. */
  deliverBulk(bulk: BulkTopicEvent, signal: AbortSignal): Promise<ReadonlyMap<string, BulkVerdict>>;
}

/** An app that gets events and can be asked for its own subscriptions. */
export interface SubscriberApp extends EventSink {
  /** The subscriptions that the app asks for; rejects when it gives no usable answer. */
  discover(signal: AbortSignal): Promise<readonly SubscriptionSpec[]>;
}

/** Runs an operation under a policy of timeouts, retries and breakers. */
export type Policy = <T>(run: (signal: AbortSignal) => Promise<T>, signal: AbortSignal) => Promise<T>;

export interface PubSubLog {
  debug(message: string): void;
  info(message: string): void;
  warn(message: string): void;
  error(message: string): void;
}

/** Counts what passes; times in milliseconds. */
export interface PubSubMeter {
  pubsubPublished(component: string, topic: string, success: boolean, ms: number): void;
  pubsubBulkPublished(component: string, topic: string, success: boolean, published: number, ms: number): void;
  pubsubDelivered(component: string, topic: string, processStatus: string, status: string, ms: number): void;
  pubsubBulkDelivered(component: string, topic: string, ms: number): void;
  pubsubBulkEntries(component: string, topic: string, processStatus: BulkStatus, entries: number): void;
}

/** What the pub/sub block needs of its surroundings. */
export interface PubSubPorts {
  readonly appId: string;
  /** Empty when there is none. */
  readonly namespace: string;
  readonly brokers: {
    find(name: string): Broker | undefined;
    /** As `find`; also one that leaves, until its subscriptions have come to their end. */
    findToPublish(name: string): Broker | undefined;
    list(): readonly Broker[];
  };
  /** The app; undefined without one. */
  app(): SubscriberApp | undefined;
  /** False: the app is not asked for subscriptions. */
  readonly asksApp: boolean;
  readonly policies: {
    /** Around each delivery of a broker's messages. */
    inbound(brokerName: string): Policy;
    /** Around the question for the app's subscriptions. */
    readonly initialization: Policy;
  };
  /** Commits what an app answered, with the acknowledgement; absent where nothing can. Rejects with an ApiError. */
  commit?(delivery: HeldDelivery, transaction: AnsweredTransaction, call: Call): Promise<void>;
  /** Begins a step below `parent`; whoever begins it ends its span. */
  readonly beginSpan: BeginSpan;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: PubSubLog;
  readonly meter: PubSubMeter;
}

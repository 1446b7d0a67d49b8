import type { Step, Storage } from "../storage/storage.ts";
import type { TopicAdmin } from "./topic-admin.ts";

/** Over which API a message came: whether its failure is repeated can depend on that API's status codes. gRPC by default. */
export type PublishWire = "http" | "grpc";
/** A message on its way to a broker. `data` is what subscribers get, envelope included. */
export interface PublishMessage {
  readonly topic: string;
  readonly data: Uint8Array;
  readonly contentType: string;
  readonly metadata: Readonly<Record<string, string>>;
  readonly wire?: PublishWire;
  /** The topic from which this message was put aside, where it is a dead letter. */
  readonly deadLetterOf?: string;
}
/** A message that a broker hands over. */
export interface IncomingMessage {
  readonly topic: string;
  readonly data: Uint8Array;
  readonly contentType: string;
  readonly metadata: Readonly<Record<string, string>>;
  /** Which delivery of this message it is, from 1, where the broker counts. */
  readonly attempt?: number;
  /** The broker's own stable id of the message, where it has one. */
  readonly id?: string;
  /** Present where the acknowledgement can share a transaction with other writes. */
  readonly embedded?: EmbeddedDelivery;
}
/** What tells an event from all others, whoever brings it and however often. */
export interface EventIdentity {
  readonly source: string;
  readonly id: string;
}
/** A delivery of an embedded broker while it is in the handler. */
export interface EmbeddedDelivery {
  readonly storage: Storage;
  /** The inbox: whether an earlier transaction of the consumer group has acknowledged this event. */
  isKnown(event: EventIdentity): boolean;
  /** Adds the steps that acknowledge the delivery, if it is still this process's own, and enter the event into the inbox, if it is new. */
  acknowledge(event: EventIdentity, steps: Step[]): void;
  /** What it means that the first of these steps or a later one did not meet its expectation: the delivery is another process's now, or the inbox has the event. */
  fault(step: number): "lost" | "known";
  /** The steps are on disk: what the handler answers has no meaning any more. */
  acknowledged(): void;
}
/** Messages as steps for somebody else's transaction. */
export interface PreparedPublish {
  readonly steps: readonly Step[];
  /** To be called in the turn in which the steps are handed to the writer. */
  submitted(): void;
  /** To be called when they are on disk. */
  written(): void;
}
/** What a broker on the embedded engine can do beside the others. */
export interface EmbeddedBroker {
  readonly storage: Storage;
  /** A publish whose steps the caller writes, in a transaction of `storage`. At once where nothing has to be waited for. */
  prepare(message: PublishMessage): PreparedPublish | Promise<PreparedPublish>;
}
/** What happened to a delivered message: `ack` it, or give it back for redelivery. */
export type Delivery = "ack" | "retry";
export interface SubscribeRequest {
  readonly topic: string;
  readonly metadata: Readonly<Record<string, string>>;
  /** The handler gathers so many messages before it settles any: a broker that limits them should allow at least as many at once. */
  readonly atOnce?: number;
}
export interface BulkEntry {
  readonly entryId: string;
  readonly data: Uint8Array;
  readonly contentType: string;
  readonly metadata: Readonly<Record<string, string>>;
  readonly wire?: PublishWire;
  /** As in PublishMessage. */
  readonly deadLetterOf?: string;
}
export interface Subscription {
  /** Takes no new message, waits for those in the handler, then gives up the subscription. */
  close(): Promise<void>;
}
export type PubSubFeature =
  | "SUBSCRIBE_WILDCARDS"
  | "MESSAGE_TTL"
  | "BULK_PUBLISH"
  | "BULK_SUBSCRIBE"
  /** Bulk subscriptions hand each message on at once. */
  | "BULK_SUBSCRIBE_IMMEDIATE"
  | "ORDERED"
  | "DELAYED";

/** A message broker. Methods throw DriverError only. */
export interface PubSub {
  readonly features: readonly PubSubFeature[];
  /** True: publishing pays no heed to its signal, so that none has to be made for it. */
  readonly ignoresSignal?: boolean;
  /** Resolves when the broker has taken the message (durably, where it is durable). */
  publish(message: PublishMessage, signal: AbortSignal): Promise<void>;
  /** Answers the entries that failed. */
  bulkPublish?(
    topic: string,
    entries: readonly BulkEntry[],
    metadata: Readonly<Record<string, string>>,
    signal: AbortSignal,
  ): Promise<readonly { readonly entryId: string; readonly error: Error }[]>;
  /** Calls `handle` for each message; several calls may run at once. A rejected handler counts as "retry". */
  subscribe(
    request: SubscribeRequest,
    handle: (message: IncomingMessage) => Promise<Delivery>,
    signal: AbortSignal,
  ): Promise<Subscription>;
  /** Present where messages are rows of an embedded database. */
  readonly embedded?: EmbeddedBroker;
  /** Present where topics can be looked into and put right. */
  readonly topics?: TopicAdmin;
  close(): Promise<void>;
}

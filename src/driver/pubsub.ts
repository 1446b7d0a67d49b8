/** Over which API a message came: whether its failure is repeated can depend on that API's status codes. gRPC by default. */
export type PublishWire = "http" | "grpc";
/** A message on its way to a broker. `data` is what subscribers get, envelope included. */
export interface PublishMessage {
  readonly topic: string;
  readonly data: Uint8Array;
  readonly contentType: string;
  readonly metadata: Readonly<Record<string, string>>;
  readonly wire?: PublishWire;
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
  close(): Promise<void>;
}

import type { PublishWire } from "../../driver/pubsub.ts";

/** Metadata of a request, a message or a subscription. */
export type Metadata = Readonly<Record<string, string>>;

export interface PublishRequest {
  readonly topic: string;
  readonly data: Uint8Array;
  /** As sent; empty when there is none. */
  readonly contentType: string;
  readonly metadata: Metadata;
  /** The data goes to the broker as it is, without an envelope. */
  readonly isRaw: boolean;
  readonly wire?: PublishWire;
}

export interface BulkPublishEntry {
  readonly entryId: string;
  readonly data: Uint8Array;
  /** The text of the data where that is JSON as Go writes it, with sorted keys. */
  readonly json?: string;
  readonly contentType: string;
  /** null: none was given, and that of the request does not stand in for it. */
  readonly metadata: Metadata | null;
}

export interface BulkPublishRequest {
  readonly topic: string;
  readonly entries: readonly BulkPublishEntry[];
  readonly metadata: Metadata;
  readonly isRaw: boolean;
  readonly wire?: PublishWire;
}

export interface FailedEntry {
  readonly entryId: string;
  readonly error: string;
}

/** A decoded CloudEvent. */
export type CloudEvent = Readonly<Record<string, unknown>>;

export interface RoutingRule {
  /** CEL over `event`; empty matches all. */
  readonly match: string;
  readonly path: string;
}

export interface BulkSubscribe {
  readonly enabled: boolean;
  /** 0: the default of 100. */
  readonly maxMessagesCount: number;
  /** 0: the default of 1000. */
  readonly maxAwaitDurationMs: number;
}

/** A subscription as it was asked for, whoever asked. */
export interface SubscriptionSpec {
  readonly pubsubName: string;
  readonly topic: string;
  readonly metadata: Metadata;
  /** In order; the default route comes last, with an empty match. */
  readonly rules: readonly RoutingRule[];
  /** Empty: none. */
  readonly deadLetterTopic: string;
  readonly bulkSubscribe: BulkSubscribe;
}

/** A subscription as the metadata API shows it. */
export interface ListedSubscription extends SubscriptionSpec {
  readonly type: "DECLARATIVE" | "PROGRAMMATIC" | "STREAMING";
}

/** An event on its way into the app. */
export interface TopicEvent {
  readonly event: CloudEvent;
  /** The event as JSON, for apps that speak HTTP. */
  readonly body: Uint8Array;
  readonly pubsubName: string;
  readonly topic: string;
  readonly path: string;
  /** Metadata of the message. */
  readonly metadata: Metadata;
  /** What the app needs to commit something together with the acknowledgement. */
  readonly deliveryId: string;
  /** False: a commit with this delivery would be refused. */
  readonly isCommittable: boolean;
}

/** One event of a bulk delivery: a CloudEvent, or for raw payloads the message's bytes. */
export interface BulkEventEntry {
  readonly entryId: string;
  readonly event: CloudEvent | Uint8Array;
  /** The JSON of the CloudEvent, of which `event` may have the attributes alone; absent: it is written anew. */
  readonly json?: Uint8Array;
  /** As the broker told it; empty when it did not. */
  readonly contentType: string;
  readonly metadata: Metadata;
}

/** Events that go into the app together. */
export interface BulkTopicEvent {
  readonly id: string;
  readonly entries: readonly BulkEventEntry[];
  readonly pubsubName: string;
  readonly topic: string;
  readonly path: string;
  readonly metadata: Metadata;
}

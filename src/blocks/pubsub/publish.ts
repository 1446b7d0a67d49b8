import { DriverError } from "../../driver/errors.ts";
import type { BulkEntry, PreparedPublish, PublishMessage, PublishWire } from "../../driver/pubsub.ts";
import { type ApiError, fail } from "../../errors/error.ts";
import { encodeUtf8 } from "../../kit/bytes.ts";
import { type Call, type Span, type Trace, zeroTraceparent } from "../../kit/call.ts";
import { GoJsonError } from "../../kit/go-json.ts";
import { messageTtl } from "../../kit/message-ttl.ts";
import { createOrderedIds } from "../../kit/ordered-id.ts";
import { inParallel } from "../../kit/parallel.ts";
import { writeCloudEvent } from "./cloudevent.ts";
import { cloudEventType } from "./content-type.ts";
import { localTime, utcTime } from "./event-time.ts";
import type { BulkPublishEntry, BulkPublishRequest, FailedEntry, Metadata, PublishRequest } from "./model.ts";
import type { Broker, PubSubPorts } from "./ports.ts";
import { isTopicAllowed } from "./scope.ts";

/** What became of a bulk publish. With an error some entries, or all, were not published. */
export interface BulkPublishResult {
  readonly failed: readonly FailedEntry[];
  readonly error?: ApiError;
}

function wireOf({ wire }: { readonly wire?: PublishWire }): { readonly wire?: PublishWire } | undefined {
  return wire === undefined ? undefined : { wire };
}

/** Publishing without its wires. Every failure is an ApiError. */
export interface Publisher {
  /** Wraps, checks the scope, hands to the broker. */
  publish(broker: Broker, request: PublishRequest, call: Call): Promise<void>;
  /** As `publish` for many; refuses the whole when an entry cannot be wrapped. Entry ids are checked by the caller. */
  bulkPublish(broker: Broker, request: BulkPublishRequest, call: Call): Promise<BulkPublishResult>;
  /** As `publish`, for a transaction that the caller writes; the broker is an embedded one. */
  prepare(broker: Broker, request: PublishRequest, call: Call): PreparedPublish | Promise<PreparedPublish>;
  /** Hands bytes to a broker as they are, for dead letters and outboxes. Rejects with the broker's error. */
  forward(
    broker: Broker,
    message: { topic: string; data: Uint8Array; contentType: string; metadata: Metadata; deadLetterOf?: string },
    signal: AbortSignal,
  ): Promise<void>;
  /** As `forward` for many; rejects unless all were taken. */
  forwardAll(broker: Broker, topic: string, entries: readonly BulkEntry[], signal: AbortSignal): Promise<void>;
}

type PublisherPorts = Pick<PubSubPorts, "appId" | "namespace" | "clock" | "random" | "meter" | "beginSpan">;

/** How many messages of a bulk are on their way at once where the broker takes them one by one. */
const atOnce = 100;
const nothing: Metadata = Object.freeze({});

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

function publishFailure(broker: Broker, request: { topic: string; metadata: Metadata }, cause: unknown): ApiError {
  const { topic, metadata } = request;
  const reason = reasonOf(cause);
  const kind = DriverError.is(cause) ? cause.kind : undefined;
  if (kind === "badMetadata") return fail("pubsubMetadata", { pubsub: broker.name, reason, metadata }, { cause });
  return fail(kind === "full" ? "pubsubFull" : "pubsubPublish", { pubsub: broker.name, topic, reason }, { cause });
}

/** Publishing over the loaded brokers. */
export function createPublisher({ appId, namespace, clock, random, meter, beginSpan }: PublisherPorts): Publisher {
  /** For brokers that pay no heed to it: a signal of its own for each call costs more than many a publish. */
  const never = new AbortController().signal;
  const signalOf = (broker: Broker, call: Call): AbortSignal =>
    broker.pubsub.ignoresSignal === true ? never : call.signal;
  let timeSecond = -1;
  let timeText = "";

  function time(): string {
    const second = Math.floor(clock.now() / 1000);
    if (second !== timeSecond) {
      timeSecond = second;
      timeText = localTime(second * 1000);
    }
    return timeText;
  }
  const newId = createOrderedIds(clock, random);
  const topicOf = (broker: Broker, topic: string): string => (broker.isNamespaced ? namespace + topic : topic);
  /** Throws unless the app may publish to the topic; `refused` is called before. */
  function checkScope(broker: Broker, topic: string, refused?: () => void): void {
    if (isTopicAllowed(topic, broker.scopes, broker.scopes.publishing)) return;
    refused?.();
    throw fail("pubsubForbidden", { pubsub: broker.name, topic, appId });
  }

  function wrap(
    broker: Broker,
    topic: string,
    message: Pick<BulkPublishEntry, "data" | "json" | "contentType">,
    metadata: Metadata | null,
    trace: Trace,
  ): Uint8Array {
    const ttl = metadata === null ? undefined : messageTtl(metadata);
    const expires = ttl !== undefined && !broker.pubsub.features.includes("MESSAGE_TTL");
    try {
      const text = writeCloudEvent({
        payload: message,
        contentType: message.contentType,
        metadata,
        topic,
        pubsubName: broker.name,
        source: appId,
        traceparent: trace.traceparent === zeroTraceparent ? "" : trace.traceparent,
        tracestate: trace.tracestate,
        time: time(),
        expiration: expires ? utcTime(clock.now() + ttl) : undefined,
        newId,
      });
      return encodeUtf8(text);
    } catch (cause) {
      if (!(cause instanceof GoJsonError)) throw cause;
      throw fail("pubsubCloudEvent", { pubsub: broker.name, appId, reason: cause.message }, { cause });
    }
  }

  /** Entries that failed, with their errors. */
  async function sendAll(
    broker: Broker,
    topic: string,
    entries: readonly BulkEntry[],
    metadata: Metadata,
    signal: AbortSignal,
  ): Promise<readonly { readonly entryId: string; readonly error: Error }[]> {
    const { pubsub } = broker;
    if (entries.length === 0) return [];
    if (pubsub.bulkPublish !== undefined && pubsub.features.includes("BULK_PUBLISH")) {
      try {
        return await pubsub.bulkPublish(topicOf(broker, topic), entries, metadata, signal);
      } catch (error) {
        const shared = error instanceof Error ? error : new Error(String(error));
        return entries.map(({ entryId }) => ({ entryId, error: shared }));
      }
    }
    const outcomes = await inParallel(entries, atOnce, async ({ entryId, ...message }) => {
      try {
        await pubsub.publish({ topic: topicOf(broker, topic), ...message }, signal);
        return undefined;
      } catch (error) {
        return { entryId, error: error instanceof Error ? error : new Error(String(error)) };
      }
    });
    return outcomes.filter((outcome) => outcome !== undefined);
  }

  /** A step of its own for an entry; its span goes with those of the others. */
  function beginEntry(parent: Trace, spans: Span[]): Trace {
    const trace = beginSpan("producer", parent);
    const { span } = trace;
    if (span === undefined) return trace;
    const name = parent.span?.name ?? "";
    // compat: pkg/api/grpc/grpc.go names the steps of its RPC with a slash behind it
    span.name = name.startsWith("/dapr.proto.") ? `${name}/` : name;
    spans.push(span);
    return trace;
  }

  function entryOf(
    broker: Broker,
    request: BulkPublishRequest,
    entry: BulkPublishEntry,
    call: Call,
    spans: Span[],
  ): BulkEntry {
    const { entryId, contentType } = entry;
    const metadata = entry.metadata === null ? null : { ...request.metadata, ...entry.metadata };
    const wire = wireOf(request);
    if (request.isRaw) return { entryId, data: entry.data, contentType, metadata: metadata ?? nothing, ...wire };
    const wrapped = wrap(broker, request.topic, entry, metadata, beginEntry(call.trace, spans));
    return { entryId, data: wrapped, contentType: cloudEventType, metadata: metadata ?? nothing, ...wire };
  }

  async function publishAll(
    broker: Broker,
    request: BulkPublishRequest,
    call: Call,
    spans: Span[],
  ): Promise<BulkPublishResult> {
    const { topic, metadata } = request;
    const entries = request.entries.map((entry) => entryOf(broker, request, entry, call, spans));
    checkScope(broker, topic, () => meter.pubsubBulkPublished(broker.name, topic, false, 0, 0));
    const started = clock.monotonic();
    const failures = await sendAll(broker, topic, entries, metadata, signalOf(broker, call));
    const [first] = failures;
    const published = entries.length - failures.length;
    meter.pubsubBulkPublished(broker.name, topic, first === undefined, published, clock.monotonic() - started);
    const failed = failures.map(({ entryId, error }) => ({ entryId, error: error.message }));
    if (first === undefined) return { failed };
    return { failed, error: publishFailure(broker, request, first.error) };
  }

  function messageOf(broker: Broker, request: PublishRequest, call: Call): PublishMessage {
    const { topic, metadata, isRaw } = request;
    const data = isRaw ? request.data : wrap(broker, topic, request, metadata, call.trace);
    // compat: a raw payload has no content type on the broker, so that subscribers of either kind read it alike
    const contentType = isRaw ? "" : cloudEventType;
    const message = { topic: topicOf(broker, topic), data, contentType, metadata };
    return request.wire === undefined ? message : { ...message, wire: request.wire };
  }

  return {
    async publish(broker, request, call) {
      const { topic } = request;
      const message = messageOf(broker, request, call);
      checkScope(broker, topic, () => meter.pubsubPublished(broker.name, topic, false, 0));
      const started = clock.monotonic();
      let succeeded = false;
      try {
        await broker.pubsub.publish(message, signalOf(broker, call));
        succeeded = true;
      } catch (cause) {
        throw publishFailure(broker, request, cause);
      } finally {
        meter.pubsubPublished(broker.name, topic, succeeded, clock.monotonic() - started);
      }
    },

    async bulkPublish(broker, request, call) {
      const spans: Span[] = [];
      try {
        const result = await publishAll(broker, request, call, spans);
        if (result.error !== undefined) for (const span of spans) span.fail(result.error.message);
        return result;
      } catch (error) {
        for (const span of spans) span.fail(reasonOf(error));
        throw error;
      } finally {
        for (const span of spans) span.end();
      }
    },

    prepare(broker, request, call) {
      const { topic } = request;
      const message = messageOf(broker, request, call);
      checkScope(broker, topic);
      try {
        if (broker.pubsub.embedded === undefined) throw new Error("it is not an embedded broker");
        const prepared = broker.pubsub.embedded.prepare(message);
        if (!(prepared instanceof Promise)) return prepared;
        return prepared.catch((cause: unknown) => {
          throw publishFailure(broker, request, cause);
        });
      } catch (cause) {
        throw publishFailure(broker, request, cause);
      }
    },

    async forward(broker, message, signal) {
      const { topic } = message;
      checkScope(broker, topic);
      await broker.pubsub.publish({ ...message, topic: topicOf(broker, topic) }, signal);
    },

    async forwardAll(broker, topic, entries, signal) {
      checkScope(broker, topic);
      const [first] = await sendAll(broker, topic, entries, nothing, signal);
      if (first !== undefined) throw first.error;
    },
  };
}

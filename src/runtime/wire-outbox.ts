import type { HeldDelivery } from "../blocks/pubsub/deliveries.ts";
import { localTime } from "../blocks/pubsub/event-time.ts";
import { writeOutboxEvent } from "../blocks/pubsub/outbox-event.ts";
import type { Broker } from "../blocks/pubsub/ports.ts";
import type { PubSub } from "../blocks/pubsub/pubsub.ts";
import type { PublishOperation } from "../blocks/state/model.ts";
import type { AccompaniedTransaction, Accompaniment, OutboxEvent } from "../blocks/state/ports.ts";
import { isSameDatabase } from "../driver/companion.ts";
import type { StateOperation } from "../driver/state.ts";
import { type ApiError, fail } from "../errors/error.ts";
import { encodeUtf8 } from "../kit/bytes.ts";
import { type Call, zeroTraceparent } from "../kit/call.ts";
import type { Clock } from "../kit/clock.ts";
import { encodeGoJson } from "../kit/go-json.ts";
import { createOrderedIds } from "../kit/ordered-id.ts";
import type { Random } from "../kit/random.ts";
import { JointCommit, KnownEvent } from "./joint-commit.ts";
import type { AllOutboxSettings, OutboxSettings } from "./outbox-settings.ts";

export interface OutboxPorts {
  readonly appId: string;
  readonly namespace: string;
  readonly outboxes: AllOutboxSettings;
  pubsub(): PubSub;
  readonly clock: Pick<Clock, "now">;
  readonly random: Pick<Random, "uuid">;
}

/** The topic on which the events of an outbox wait for their transactions, where these cannot take them along. */
export function internalTopic(namespace: string, appId: string, topic: string): string {
  return `${namespace}${appId}${topic}outbox`;
}

/** The loaded broker; throws in upstream's words. */
export function brokerOf(pubsub: PubSub, name: string): Broker {
  const found = pubsub.find(name);
  if (found === undefined) throw new Error(`pubsub '${name}' not found`);
  return found;
}

const noMetadata: Readonly<Record<string, string>> = Object.freeze({});
const marker = encodeUtf8('"0"');

/** The row by which a relay sees that a transaction was committed. compat: its key has no prefix. */
function markerOf(key: string): StateOperation {
  const value = { bytes: marker, binary: false };
  return { kind: "upsert", request: { key, value, etag: null, concurrency: "", consistency: "", metadata: {} } };
}

function dataOf({ content }: PublishOperation, contentType: string): Uint8Array {
  if (content.kind !== "json") return content.bytes;
  const isText = typeof content.value === "string" && !/json/i.test(contentType);
  return encodeUtf8(isText ? String(content.value) : encodeGoJson(content.value, { sortKeys: true }));
}

/** The refusal of a transaction that would need two commits. */
function apart(storeName: string, what: string): ApiError {
  return fail("stateNotOneDatabase", { store: storeName, what });
}

/** Joins the transactions of state stores to brokers: outboxes, publishes, acknowledgements of deliveries. */
export function createAccompaniment(ports: OutboxPorts): Accompaniment {
  const { appId, namespace, outboxes, clock, random } = ports;

  function heldDelivery(storeName: string, id: string): HeldDelivery {
    const found = ports.pubsub().deliveries.find(id);
    if (found !== undefined) return found;
    const reason = "it is not in the app; the app has answered it, or its sidecar was restarted";
    throw fail("stateDeliveryGone", { store: storeName, delivery: id, reason });
  }

  function preparePublish(operation: PublishOperation, call: Call, broker: Broker) {
    const pubsub = ports.pubsub();
    const { pubsubName: _, contentType: given, ...metadata } = operation.metadata;
    const { topic, content } = operation;
    if (topic === "") throw fail("pubsubTopicEmpty", { pubsub: broker.name, metadata });
    const contentType = given ?? (content.kind === "json" ? "application/json" : "");
    const isRaw = pubsub.isRaw(broker, metadata);
    const data = dataOf(operation, contentType);
    return pubsub.publisher.prepare(broker, { topic, data, contentType, metadata, isRaw }, call);
  }

  let second = -1;
  let time = "";
  /** Now, in whole seconds. */
  function now(): string {
    const current = Math.floor(clock.now() / 1000);
    if (current !== second) {
      second = current;
      time = localTime(current * 1000);
    }
    return time;
  }

  /** The event of one upsert under an id of its own. */
  function write(id: string, event: OutboxEvent, pubsubName: string, topic: string, { trace }: Call): Uint8Array {
    const traceparent = trace.traceparent === zeroTraceparent ? "" : trace.traceparent;
    const about = { id, source: appId, pubsubName, topic, traceparent, tracestate: trace.tracestate, time: now() };
    return writeOutboxEvent(event, about);
  }
  const nextId = createOrderedIds(clock, random);
  const newId = (): string => `outbox-${nextId()}`;

  function prepareEvent(event: OutboxEvent, { publishTopic: topic }: OutboxSettings, broker: Broker, call: Call) {
    const data = write(newId(), event, broker.name, topic, call);
    const message = { topic, data, contentType: "", metadata: noMetadata, isRaw: true };
    return ports.pubsub().publisher.prepare(broker, message, call);
  }

  /** Publishes before the transaction on the internal topic; answers the operation that lets the relay see the commit. */
  async function announce(event: OutboxEvent, settings: OutboxSettings, call: Call): Promise<StateOperation> {
    const pubsub = ports.pubsub();
    const id = newId();
    const broker = brokerOf(pubsub, settings.outboxPubsub);
    const topic = internalTopic(namespace, appId, settings.publishTopic);
    const message = { topic, data: write(id, event, broker.name, "", call), contentType: "", metadata: noMetadata };
    await pubsub.publisher.forward(broker, message, call.signal);
    return markerOf(id);
  }

  /** Adds the publishes among the operations; their brokers have to be in the database of the store. */
  async function addPublishes(
    joint: JointCommit | undefined,
    { store, publishes }: AccompaniedTransaction,
    call: Call,
  ): Promise<void> {
    for (const publish of publishes) {
      const name = publish.metadata["pubsubName"] ?? "";
      if (name === "") throw fail("pubsubNameEmpty", { pubsub: name, metadata: publish.metadata });
      const broker = ports.pubsub().broker(name, null);
      if (joint === undefined || !isSameDatabase(broker.pubsub.embedded?.storage, joint.storage))
        throw apart(store.name, `a publish on pubsub ${name}`);
      joint.add(await preparePublish(publish, call, broker));
    }
  }

  return {
    hasOutbox: (storeName) => outboxes.of(storeName) !== undefined,

    async transact(transaction, call) {
      const { store, metadata, events, publishes, deliveryId } = transaction;
      const { name, store: driver } = store;
      const storage = driver.transactWith === undefined ? undefined : driver.embedded;
      const delivery = deliveryId === undefined ? undefined : heldDelivery(name, deliveryId);
      if (delivery !== undefined && !isSameDatabase(delivery.embedded?.storage, storage))
        throw apart(name, `the acknowledgement of pubsub ${delivery.pubsubName}`);
      const joint = storage === undefined ? undefined : new JointCommit(name, storage, delivery);
      if (publishes.length > 0) await addPublishes(joint, transaction, call);
      let { operations } = transaction;
      const settings = events.length === 0 ? undefined : outboxes.of(name);
      if (settings !== undefined) {
        const target = ports.pubsub().find(settings.publishPubsub);
        // Half of it would be committed by itself.
        const isApart = !isSameDatabase(target?.pubsub.embedded?.storage, storage);
        if (isApart && (delivery !== undefined || publishes.length > 0))
          throw apart(name, `the outbox on pubsub ${settings.publishPubsub}`);
        try {
          if (joint === undefined || target === undefined || isApart)
            operations = [
              ...operations,
              ...(await Promise.all(events.map((event) => announce(event, settings, call)))),
            ];
          else
            for (const event of events) {
              const ready = prepareEvent(event, settings, target, call);
              joint.add(ready instanceof Promise ? await ready : ready);
            }
        } catch (cause) {
          const reason = cause instanceof Error ? cause.message : String(cause);
          throw fail("pubsubOutbox", { appId, reason }, { cause });
        }
      }
      const signal = store.signal ?? call.signal;
      if (joint === undefined || joint.steps.length === 0) return driver.transact?.(operations, metadata, signal);
      try {
        await driver.transactWith?.(joint, operations, metadata, signal);
      } catch (error) {
        if (error instanceof KnownEvent) return;
        throw error;
      }
      joint.written();
    },
  };
}

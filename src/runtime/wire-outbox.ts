import type { HeldDelivery } from "../blocks/pubsub/deliveries.ts";
import { localTime } from "../blocks/pubsub/event-time.ts";
import { writeOutboxEvent } from "../blocks/pubsub/outbox-event.ts";
import type { Broker } from "../blocks/pubsub/ports.ts";
import type { PubSub } from "../blocks/pubsub/pubsub.ts";
import type { PublishOperation } from "../blocks/state/model.ts";
import type { Accompaniment, OutboxEvent } from "../blocks/state/ports.ts";
import { isSameDatabase } from "../driver/companion.ts";
import type { PreparedPublish } from "../driver/pubsub.ts";
import type { StateOperation } from "../driver/state.ts";
import { fail } from "../errors/error.ts";
import { encodeUtf8 } from "../kit/bytes.ts";
import { type Call, zeroTraceparent } from "../kit/call.ts";
import type { Clock } from "../kit/clock.ts";
import { encodeGoJson } from "../kit/go-json.ts";
import type { Random } from "../kit/random.ts";
import { commitJointly } from "./joint-commit.ts";
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
    return writeOutboxEvent({
      data: event.data,
      contentType: event.contentType,
      attributes: event.attributes,
      id,
      source: appId,
      pubsubName,
      topic,
      traceparent: trace.traceparent === zeroTraceparent ? "" : trace.traceparent,
      tracestate: trace.tracestate,
      time: now(),
    });
  }
  const newId = (): string => `outbox-${random.uuid()}`;

  function prepareEvent(event: OutboxEvent, { publishTopic: topic }: OutboxSettings, broker: Broker, call: Call) {
    const data = write(newId(), event, broker.name, topic, call);
    return ports.pubsub().publisher.prepare(broker, { topic, data, contentType: "", metadata: {}, isRaw: true }, call);
  }

  /** Publishes before the transaction on the internal topic; answers the operation that lets the relay see the commit. */
  async function announce(event: OutboxEvent, settings: OutboxSettings, call: Call): Promise<StateOperation> {
    const pubsub = ports.pubsub();
    const id = newId();
    const broker = brokerOf(pubsub, settings.outboxPubsub);
    const topic = internalTopic(namespace, appId, settings.publishTopic);
    const message = { topic, data: write(id, event, broker.name, "", call), contentType: "", metadata: {} };
    await pubsub.publisher.forward(broker, message, call.signal);
    return markerOf(id);
  }

  /** The failure of an outbox; an event that could not be made leaves its transaction undone. */
  function outboxFailure(cause: unknown): never {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw fail("pubsubOutbox", { appId, reason }, { cause });
  }

  return {
    hasOutbox: (storeName) => outboxes.of(storeName) !== undefined,

    async transact(transaction, call) {
      const { store, metadata, events, publishes, deliveryId } = transaction;
      const pubsub = ports.pubsub();
      const { name: storeName, store: driver } = store;
      const database = driver.transactWith === undefined ? undefined : driver.embedded;
      const isJoined = (broker: Broker | undefined): broker is Broker =>
        isSameDatabase(broker?.pubsub.embedded?.storage, database);
      const refuse = (what: string) => fail("stateNotOneDatabase", { store: storeName, what });

      const delivery = deliveryId === undefined ? undefined : heldDelivery(storeName, deliveryId);
      if (delivery !== undefined && !isSameDatabase(delivery.embedded?.storage, database))
        throw refuse(`the acknowledgement of pubsub ${delivery.pubsubName}`);
      const settings = events.length === 0 ? undefined : outboxes.of(storeName);
      const target = settings && pubsub.find(settings.publishPubsub);
      const prepared: PreparedPublish[] = [];
      for (const publish of publishes) {
        const name = publish.metadata["pubsubName"] ?? "";
        if (name === "") throw fail("pubsubNameEmpty", { pubsub: name, metadata: publish.metadata });
        const broker = pubsub.broker(name, null);
        if (!isJoined(broker)) throw refuse(`a publish on pubsub ${name}`);
        prepared.push(await preparePublish(publish, call, broker));
      }
      let { operations } = transaction;
      if (settings !== undefined && isJoined(target)) {
        try {
          for (const event of events) {
            const ready = prepareEvent(event, settings, target, call);
            prepared.push(ready instanceof Promise ? await ready : ready);
          }
        } catch (cause) {
          outboxFailure(cause);
        }
      } else if (settings !== undefined) {
        // Half of it would be committed by itself.
        if (delivery !== undefined || prepared.length > 0)
          throw refuse(`the outbox on pubsub ${settings.publishPubsub}`);
        const announced = Promise.all(events.map((event) => announce(event, settings, call)));
        operations = [...operations, ...(await announced.catch(outboxFailure))];
      }
      if (database === undefined || (prepared.length === 0 && delivery === undefined))
        return driver.transact?.(operations, metadata, call.signal);
      await commitJointly({ storeName, storage: database, publishes: prepared, delivery }, (companion) =>
        driver.transactWith?.(companion, operations, metadata, call.signal),
      );
    },
  };
}

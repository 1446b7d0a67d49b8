import { fail } from "../../errors/error.ts";
import type { BeginSpan } from "../../kit/call.ts";
import { createDeliveries, type Deliveries } from "./deliveries.ts";
import type { Metadata } from "./model.ts";
import type { Broker, PubSubPorts } from "./ports.ts";
import { createPublisher, type Publisher } from "./publish.ts";
import { isRawPayload } from "./raw-payload.ts";
import { createSubscriptions, type Subscriptions } from "./subscriptions.ts";

/** The pub/sub API without its wires. */
export interface PubSub {
  /** App id of the sidecar, which errors name. */
  readonly appId: string;
  readonly publisher: Publisher;
  readonly subscriptions: Subscriptions;
  /** What is in the app. */
  readonly deliveries: Deliveries;
  readonly beginSpan: BeginSpan;
  /** The loaded broker of this name. */
  find(name: string): Broker | undefined;
  /** The same; throws an ApiError that carries the metadata. */
  broker(name: string, metadata: Metadata | null): Broker;
  /** Whether the metadata asks for a raw payload; throws an ApiError when it cannot be read. */
  isRaw(broker: Broker, metadata: Metadata): boolean;
}

/** The pub/sub block over the loaded brokers and the app. */
export function createPubSub(ports: PubSubPorts): PubSub {
  const { appId, brokers } = ports;
  const publisher = createPublisher(ports);
  const deliveries = createDeliveries(ports.random);
  return {
    appId,
    publisher,
    deliveries,
    beginSpan: ports.beginSpan,
    subscriptions: createSubscriptions(ports, { publisher, deliveries }),
    find: (name) => brokers.findToPublish(name),
    broker(name, metadata) {
      const found = brokers.findToPublish(name);
      if (found === undefined) throw fail("pubsubNotFound", { pubsub: name, metadata });
      return found;
    },
    isRaw(broker, metadata) {
      try {
        return isRawPayload(metadata);
      } catch (cause) {
        const reason = cause instanceof Error ? cause.message : String(cause);
        throw fail("pubsubMetadata", { pubsub: broker.name, reason, metadata }, { cause });
      }
    },
  };
}

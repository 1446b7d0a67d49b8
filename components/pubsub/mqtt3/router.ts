import type { DriverLog } from "../../../src/driver/context.ts";
import type { Delivery, IncomingMessage } from "../../../src/driver/pubsub.ts";
import type { Clock } from "../../../src/kit/clock.ts";
import type { MqttPacket } from "../../_shared/mqtt-inbox.ts";
import { matchesTopic } from "../../_shared/mqtt-topic.ts";
import { createReceiver, type Receiver } from "./receiver.ts";

export interface RouterPorts {
  readonly clock: Clock;
  readonly log: DriverLog;
  /** One message of a topic at a time, in order. */
  readonly isOrdered: boolean;
  /** Until a message that was given back is handed over again; 0 leaves that to the broker. */
  readonly redeliverMs: number;
}

/** Brings the messages of one connection to its subscriptions. */
export interface Router {
  /** Resolves with whether the message may be acknowledged: not before a handler took it. */
  deliver(packet: MqttPacket): Promise<boolean>;
  /** `atOnce`: the handler gathers so many messages. */
  add(filter: string, atOnce: number, handle: (message: IncomingMessage) => Promise<Delivery>): void;
  /** Takes no more for the filter and waits for its handlers. */
  remove(filter: string): Promise<void>;
  close(): Promise<void>;
}

interface Unrouted {
  readonly packet: MqttPacket;
  readonly settle: (isTaken: boolean) => void;
}

/** Messages without a subscription that are kept for one that may come. */
const MOST_UNROUTED = 1000;

/** Makes a router. Filters are tried in the order in which they were added; one handler gets a message. */
export function createRouter(ports: RouterPorts): Router {
  const { log } = ports;
  const receivers = new Map<string, Receiver>();
  let unrouted: Unrouted[] = [];
  let isClosed = false;

  function find(topic: string): Receiver | undefined {
    const exact = receivers.get(topic);
    if (exact !== undefined) return exact;
    for (const [filter, receiver] of receivers) if (matchesTopic(filter, topic)) return receiver;
    return undefined;
  }

  function route(one: Unrouted): void {
    const { packet, settle } = one;
    const receiver = isClosed ? undefined : find(packet.topic);
    if (receiver !== undefined) {
      receiver.take(packet, settle);
      return;
    }
    // compat: a session of the broker may bring messages before the app has subscribed, upstream drops those for this connection
    if (!isClosed && packet.qos > 0 && unrouted.length < MOST_UNROUTED) {
      unrouted.push(one);
      return;
    }
    if (!isClosed) log.warn(`No handler defined for messages received on topic ${packet.topic}`);
    settle(false);
  }

  const routeAgain = (left: readonly Unrouted[]): void => {
    const waiting = [...left, ...unrouted];
    unrouted = [];
    for (const one of waiting) route(one);
  };

  async function remove(filter: string): Promise<void> {
    const receiver = receivers.get(filter);
    receivers.delete(filter);
    if (receiver !== undefined) routeAgain((await receiver.close()).map(({ packet, settle }) => ({ packet, settle })));
  }

  return {
    deliver: (packet) => new Promise((settle) => route({ packet, settle })),
    add(filter, atOnce, handle) {
      receivers.set(
        filter,
        createReceiver({ ...ports, atOnce: ports.isOrdered ? atOnce : Number.POSITIVE_INFINITY, handle }),
      );
      routeAgain([]);
    },
    remove,
    async close() {
      isClosed = true;
      await Promise.all([...receivers.keys()].map(remove));
      routeAgain([]);
    },
  };
}

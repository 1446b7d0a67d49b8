import type { DriverLog } from "../../../src/driver/context.ts";
import type { Delivery, IncomingMessage } from "../../../src/driver/pubsub.ts";
import type { Clock } from "../../../src/kit/clock.ts";
import type { MqttPacket } from "../../_shared/mqtt-inbox.ts";

export interface ReceiverPorts {
  readonly clock: Clock;
  readonly log: DriverLog;
  readonly redeliverMs: number;
  /** Messages of one topic in the handler at once. */
  readonly atOnce: number;
  handle(message: IncomingMessage): Promise<Delivery>;
}

/** A message with whoever waits for its end. */
export interface Received {
  readonly packet: MqttPacket;
  readonly settle: (isTaken: boolean) => void;
  attempt: number;
}

/** One subscription's messages on their way to the handler. */
export interface Receiver {
  take(packet: MqttPacket, settle: (isTaken: boolean) => void): void;
  /** Waits for the handlers; answers the messages that none has. */
  close(): Promise<readonly Received[]>;
}

/** Waiting bytes of messages that the broker does not hold back (QoS 0); more are dropped, as their QoS allows. */
const MOST_BYTES = 16 * 1024 * 1024;

/** Hands messages to one handler: those of a topic in order, at most `atOnce` of them, topics beside each other. */
export function createReceiver({ clock, log, redeliverMs, atOnce, handle }: ReceiverPorts): Receiver {
  const lanes = new Map<string, { readonly waiting: Received[]; running: number }>();
  /** Given back, until it is their time. */
  const resting = new Map<Received, () => void>();
  let unheldBytes = 0;
  let isDropping = false;
  let running = 0;
  let isClosed = false;
  let drained: (() => void) | undefined;

  const bytesOf = ({ packet }: Received): number => (packet.qos === 0 ? packet.data.length : 0);

  function enqueue(one: Received): void {
    const { topic } = one.packet;
    let lane = lanes.get(topic);
    if (lane === undefined) {
      lane = { waiting: [], running: 0 };
      lanes.set(topic, lane);
    }
    lane.waiting.push(one);
    unheldBytes += bytesOf(one);
    pump(topic);
  }

  function pump(topic: string): void {
    const lane = lanes.get(topic);
    while (lane !== undefined && !isClosed && lane.running < atOnce && lane.waiting.length > 0) {
      const next = lane.waiting.shift()!;
      unheldBytes -= bytesOf(next);
      lane.running += 1;
      running += 1;
      void run(next).then(() => {
        lane.running -= 1;
        running -= 1;
        if (lane.running === 0 && lane.waiting.length === 0) lanes.delete(topic);
        if (running === 0) drained?.();
        pump(topic);
      });
    }
  }

  async function run(one: Received): Promise<void> {
    const { packet, settle, attempt } = one;
    const { topic, data, isRetained } = packet;
    const metadata = { retained: String(isRetained) };
    try {
      if ((await handle({ topic, data, contentType: "", metadata, attempt })) === "ack") {
        settle(true);
        return;
      }
      log.debug(`MQTT message ${topic}#${packet.id} was not taken`);
    } catch (error) {
      log.error(
        `Failed processing MQTT message ${topic}#${packet.id}: ${error instanceof Error ? error.message : error}`,
      );
    }
    if (packet.qos === 0 || redeliverMs === 0) {
      settle(false);
      return;
    }
    one.attempt += 1;
    if (isClosed) {
      resting.set(one, () => undefined);
      return;
    }
    resting.set(
      one,
      clock.after(redeliverMs, () => {
        resting.delete(one);
        enqueue(one);
      }),
    );
  }

  return {
    take(packet, settle) {
      if (packet.qos === 0 && unheldBytes + packet.data.length > MOST_BYTES) {
        if (!isDropping)
          log.warn(`messages of QoS 0 on topic ${packet.topic} are dropped: the app is too slow for them`);
        isDropping = true;
        settle(false);
        return;
      }
      if (unheldBytes === 0) isDropping = false;
      enqueue({ packet, settle, attempt: 1 });
    },
    async close() {
      isClosed = true;
      for (const cancel of resting.values()) cancel();
      if (running > 0) await new Promise<void>((resolve) => (drained = resolve));
      const left = [...resting.keys(), ...[...lanes.values()].flatMap(({ waiting }) => waiting)];
      lanes.clear();
      resting.clear();
      return left;
    },
  };
}

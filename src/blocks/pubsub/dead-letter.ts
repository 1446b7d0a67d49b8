import type { IncomingMessage } from "../../driver/pubsub.ts";
import type { Clock } from "../../kit/clock.ts";
import type { Metadata } from "./model.ts";
import type { Broker, PubSubLog } from "./ports.ts";
import type { Publisher } from "./publish.ts";

/** Puts messages that the app does not take aside. */
export interface DeadLetters {
  /** True: the message is on the dead letter topic, as it was received. False: there is no such topic, or it took nothing. */
  put(message: IncomingMessage, metadata: Metadata): Promise<boolean>;
  /** As `put` for several: all or nothing counts. */
  putAll(messages: readonly { readonly entryId: string; readonly message: IncomingMessage }[]): Promise<boolean>;
}

const timeoutMs = 30_000;

/** Dead letters of one subscription. Each has its own deadline, as the time for the delivery may be used up. */
export function createDeadLetters(ports: {
  readonly broker: Broker;
  readonly topic: string;
  readonly publisher: Publisher;
  readonly clock: Pick<Clock, "after">;
  readonly log: PubSubLog;
  /** Aborts when the subscription gives up: nothing is put aside any more. */
  readonly signal: AbortSignal;
}): DeadLetters {
  const { broker, topic, publisher, clock, log, signal } = ports;

  async function within(origin: string, publish: (deadline: AbortSignal) => Promise<void>): Promise<boolean> {
    if (topic === "" || signal.aborted) return false;
    const deadline = new AbortController();
    const cancel = clock.after(timeoutMs, () => deadline.abort(new Error("context deadline exceeded")));
    try {
      await publish(deadline.signal);
      return true;
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      log.error(`error sending message to dead letter, origin topic: ${origin} dead letter topic ${topic} err: ${why}`);
      return false;
    } finally {
      cancel();
    }
  }

  return {
    put: ({ topic: origin, data, contentType }, metadata) =>
      within(origin, (deadline) =>
        publisher.forward(broker, { topic, data, contentType, metadata, deadLetterOf: origin }, deadline),
      ),
    putAll: (messages) =>
      within(messages[0]?.message.topic ?? "", (deadline) =>
        publisher.forwardAll(
          broker,
          topic,
          messages.map(({ entryId, message: { topic: origin, data, contentType, metadata } }) => ({
            entryId,
            deadLetterOf: origin,
            data,
            contentType,
            metadata,
          })),
          deadline,
        ),
      ),
  };
}

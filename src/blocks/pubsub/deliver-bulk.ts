import type { Delivery } from "../../driver/pubsub.ts";
import type { BufferedEntry, BulkHandler } from "./bulk-buffer.ts";
import { hasExpired } from "./cloudevent.ts";
import { appTopic, type DeliveryPorts } from "./deliver.ts";
import type { BulkEventEntry, CloudEvent } from "./model.ts";
import { isRawPayload } from "./raw-payload.ts";
import { readCloudEvent } from "./receive.ts";

/** Entries of one bulk that go to one path. */
interface Group {
  readonly path: string;
  readonly entries: Map<string, BulkEventEntry>;
}

const decoder = new TextDecoder();

function textOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** Takes each bulk of messages through expiry, routes, the app and the dead letters, entry by entry. */
export function createBulkDelivery(ports: DeliveryPorts): BulkHandler {
  const { spec, broker, namespace, route, sink, deadLetters, policy, clock, random, log, meter, signal } = ports;
  const topic = appTopic(broker, namespace, spec.topic);

  /** What is left for the app, by path; the rest is settled. */
  async function sort(
    bulk: readonly BufferedEntry[],
    settle: (entryId: string, delivery: Delivery, status: string) => void,
  ): Promise<readonly Group[]> {
    const isRaw = isRawPayload(spec.metadata);
    const groups = new Map<string, Group>();
    for (const { entryId, message } of bulk) {
      let path: string | undefined;
      let event: CloudEvent | Uint8Array;
      try {
        event = isRaw ? message.data : readCloudEvent(message.data);
        if (!isRaw && hasExpired(event as CloudEvent, clock.now())) {
          log.warn(`dropping expired pub/sub event ${(event as CloudEvent)["id"]}`);
          await deadLetters.put(message, message.metadata);
          settle(entryId, "ack", "drop");
          continue;
        }
        path = route(isRaw ? decoder.decode(message.data) : event);
      } catch (error) {
        const place = `in pubsub ${broker.name} and topic ${topic}`;
        log.error(`error reading one of the messages of a bulk ${place}: ${textOf(error)}`);
        continue;
      }
      if (path === undefined) {
        log.warn(`no matching route for event in pubsub ${broker.name} and topic ${topic}; skipping`);
        await deadLetters.put(message, message.metadata);
        settle(entryId, "ack", "drop");
        continue;
      }
      const group = groups.get(path) ?? { path, entries: new Map<string, BulkEventEntry>() };
      groups.set(path, group);
      const { contentType, metadata } = message;
      group.entries.set(entryId, { entryId, event, contentType, metadata });
    }
    return [...groups.values()];
  }

  return async (bulk) => {
    const outcome = new Map<string, Delivery>();
    if (ports.isClosing() && signal.aborted) return outcome;
    const messages = new Map(bulk.map(({ entryId, message }) => [entryId, message]));
    const started = clock.monotonic();
    const counts = new Map<string, number>();
    const count = (status: string, entries = 1): void => void counts.set(status, (counts.get(status) ?? 0) + entries);
    const settle = (entryId: string, delivery: Delivery, status: string): void => {
      outcome.set(entryId, delivery);
      count(status);
    };

    async function hand({ path, entries }: Group): Promise<void> {
      await policy(async (attempt) => {
        const event = {
          id: random.uuid(),
          entries: [...entries.values()],
          pubsubName: broker.name,
          topic,
          path,
          metadata: { pubsubName: broker.name },
        };
        const verdicts = await sink.deliverBulk(event, attempt).catch((error: unknown) => {
          count("retry", entries.size);
          throw error;
        });
        for (const [entryId, verdict] of verdicts) {
          if (!entries.has(entryId)) continue;
          if (verdict instanceof Error) {
            count("retry");
            continue;
          }
          const message = messages.get(entryId);
          if (verdict === "drop" && message !== undefined) await deadLetters.put(message, message.metadata);
          settle(entryId, "ack", verdict);
          entries.delete(entryId);
        }
        if (entries.size > 0) throw new Error("few message(s) have failed during bulk subscribe operation");
      }, signal).catch((error: unknown) => {
        log.warn(`encountered an error while delivering a bulk of topic ${topic}, err: ${textOf(error)}`);
      });
    }

    try {
      for (const group of await sort(bulk, settle)) await hand(group);
    } catch (error) {
      log.error(`error deserializing pubsub metadata: ${textOf(error)}`);
    }
    const failed = bulk.filter(({ entryId }) => !outcome.has(entryId));
    if (failed.length > 0 && !ports.isClosing() && (await deadLetters.putAll(failed)))
      for (const { entryId } of failed) settle(entryId, "ack", "drop");
    meter.pubsubBulkDelivered(broker.name, topic, clock.monotonic() - started);
    for (const [status, entries] of counts) meter.pubsubBulkEntries(broker.name, topic, status, entries);
    return outcome;
  };
}

import type { DriverContext } from "../../../src/driver/context.ts";
import { DriverError } from "../../../src/driver/errors.ts";
import type { BulkEntry, PubSub } from "../../../src/driver/pubsub.ts";
import { inParallel } from "../../../src/kit/parallel.ts";
import { Consumer } from "./consumer.ts";
import { createJetStreamApi, JetStreamError } from "./jetstream-api.ts";
import { messageIdHeader, writeHeaders } from "./message.ts";
import type { NatsLink } from "./nats-link.ts";
import { createRequests } from "./requests.ts";
import type { JetStreamSettings } from "./settings.ts";

/** Messages of a bulk that wait for their acknowledgement at once. */
const bulkAtOnce = 256;
const closed = (): DriverError => new DriverError("closed", "component is closed");

function checkSubject(topic: string, isPattern: boolean): void {
  const tokens = topic.split(".");
  const isFine = tokens.every((token, at) => {
    if (token === "" || /\s/.test(token)) return false;
    if (!isPattern) return token !== "*" && token !== ">";
    return token !== ">" || at === tokens.length - 1;
  });
  if (isFine) return;
  const rule = "words with dots between, without spaces";
  const more = isPattern ? "; * stands for a word and > for all that follow" : " and wildcards";
  throw new DriverError("badRequest", `topic ${JSON.stringify(topic)} is no NATS subject: ${rule}${more}`);
}

/** A broker on JetStream. Takes the link over and closes it. */
export function createJetStreamBroker(link: NatsLink, settings: JetStreamSettings, context: DriverContext): PubSub {
  const { clock, random, log } = context;
  const requests = createRequests(link, clock);
  const api = createJetStreamApi(requests, clock, settings.prefix);
  const consumers = new Set<Consumer>();
  let isClosed = false;
  // Subscriptions open one after the other: a durable name goes to the first topic.
  let opening: Promise<unknown> = Promise.resolve();

  async function publish(topic: string, entry: Omit<BulkEntry, "entryId">, signal: AbortSignal): Promise<void> {
    if (isClosed) throw closed();
    checkSubject(topic, false);
    const headers = writeHeaders(link.newHeaders(), entry, random.uuid());
    try {
      const { duplicate, stream, seq } = await api.publish(topic, entry.data, headers, signal);
      if (duplicate !== true) return;
      // A stream knows ids, not subjects: an event that goes on to another topic, a dead letter above all, is no copy.
      const subject = await api.subjectOf(stream, seq, signal);
      if (subject === undefined || subject === topic) return;
      headers.set(messageIdHeader, `${headers.get(messageIdHeader)} ${topic}`);
      await api.publish(topic, entry.data, headers, signal);
    } catch (cause) {
      if (!(cause instanceof JetStreamError)) throw cause;
      const kind = /message size/i.test(cause.message) ? "tooLarge" : "failed";
      throw new DriverError(kind, `publishing to topic "${topic}" failed: ${cause.message}`, { cause });
    }
  }

  return {
    features: ["SUBSCRIBE_WILDCARDS", "BULK_PUBLISH"],
    publish: ({ topic, ...entry }, signal) => publish(topic, entry, signal),
    async bulkPublish(topic, entries, metadata, signal) {
      const failed: { entryId: string; error: Error }[] = [];
      await inParallel(entries, bulkAtOnce, async ({ entryId, ...entry }) => {
        try {
          await publish(topic, { ...entry, metadata: { ...metadata, ...entry.metadata } }, signal);
        } catch (error) {
          failed.push({ entryId, error: error instanceof Error ? error : new Error(String(error)) });
        }
      });
      return failed;
    },
    async subscribe({ topic, atOnce = 0 }, handle, signal) {
      if (isClosed) throw closed();
      checkSubject(topic, true);
      const consumer = new Consumer({ link, api, clock, log, settings, topic, atOnce, handle });
      const before = opening;
      const opened = before.then(() => consumer.open(signal));
      opening = opened.catch(() => undefined);
      await opened;
      if (isClosed) {
        await consumer.close();
        throw closed();
      }
      consumers.add(consumer);
      return {
        async close() {
          consumers.delete(consumer);
          await consumer.close();
        },
      };
    },
    async close() {
      if (isClosed) return;
      isClosed = true;
      await Promise.all([...consumers].map((consumer) => consumer.close()));
      await requests.close();
      await link.close();
    },
  };
}

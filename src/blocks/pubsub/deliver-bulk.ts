import type { Delivery } from "../../driver/pubsub.ts";
import type { BufferedEntry, BulkHandler } from "./bulk-buffer.ts";
import { hasExpired } from "./cloudevent.ts";
import { appTopic, commitAnswer, type DeliveryPorts, needsHeadOnly } from "./deliver.ts";
import { deliveryIdName, type HeldDelivery, identityOf } from "./deliveries.ts";
import { readEventHead } from "./event-head.ts";
import type { BulkEventEntry, CloudEvent } from "./model.ts";
import type { AnsweredTransaction, BulkStatus, BulkVerdict } from "./ports.ts";
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
  const { deliveries, commit } = ports;
  const topic = appTopic(broker, namespace, spec.topic);
  const headOnly = needsHeadOnly(ports);

  /** What is left for the app, by path; the rest is settled. */
  async function sort(
    bulk: readonly BufferedEntry[],
    settle: (entryId: string, delivery: Delivery, status: BulkStatus) => void,
    held: Map<string, HeldDelivery>,
  ): Promise<readonly Group[]> {
    const isRaw = isRawPayload(spec.metadata);
    const groups = new Map<string, Group>();
    for (const { entryId, message } of bulk) {
      let path: string | undefined;
      let event: CloudEvent | Uint8Array;
      let head: CloudEvent | undefined;
      try {
        head = headOnly && !isRaw ? readEventHead(message.data) : undefined;
        event = isRaw ? message.data : (head ?? readCloudEvent(message.data));
        if (!isRaw && hasExpired(event as CloudEvent, clock.now())) {
          log.warn(`dropping expired pub/sub event ${(event as CloudEvent)["id"]}`);
          await deadLetters.put(message, message.metadata);
          settle(entryId, "ack", "DROP");
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
        settle(entryId, "ack", "DROP");
        continue;
      }
      const enveloped = isRaw ? undefined : (event as CloudEvent);
      if (message.embedded?.isKnown(identityOf(message, enveloped)) === true) {
        settle(entryId, "ack", "SUCCESS");
        continue;
      }
      const delivery = deliveries.hold(message, enveloped, broker.name);
      held.set(entryId, delivery);
      const group = groups.get(path) ?? { path, entries: new Map<string, BulkEventEntry>() };
      groups.set(path, group);
      const { contentType } = message;
      const { metadata: own, embedded } = message;
      const metadata = embedded === undefined ? own : { ...own, [deliveryIdName]: delivery.id };
      group.entries.set(entryId, {
        entryId,
        event,
        contentType,
        metadata,
        ...(head !== undefined && { json: message.data }),
      });
    }
    return [...groups.values()];
  }

  return async (bulk) => {
    const outcome = new Map<string, Delivery>();
    if (ports.isClosing() && signal.aborted) return outcome;
    const messages = new Map(bulk.map(({ entryId, message }) => [entryId, message]));
    const started = clock.monotonic();
    const counts = new Map<BulkStatus, number>();
    const count = (status: BulkStatus, entries = 1): void =>
      void counts.set(status, (counts.get(status) ?? 0) + entries);
    const held = new Map<string, HeldDelivery>();
    const settle = (entryId: string, delivery: Delivery, status: BulkStatus): void => {
      outcome.set(entryId, delivery);
      count(status);
    };

    /** One entry's verdict; what is to come again stays among the entries. Most are settled at once. */
    function conclude(
      entries: Map<string, BulkEventEntry>,
      entryId: string,
      verdict: BulkVerdict,
      attempt: AbortSignal,
    ): Promise<void> | undefined {
      const entry = entries.get(entryId);
      const delivery = held.get(entryId);
      if (entry === undefined || delivery === undefined) return undefined;
      if (verdict === "success" || delivery.isCommitted) done(entries, entryId, "SUCCESS");
      else if (verdict === "unknownMethod") done(entries, entryId, "DROP");
      else if (verdict === "drop") return drop(entries, entryId);
      else if (verdict instanceof Error) count("RETRY");
      else return commitOne(entries, entry, delivery, verdict, attempt);
      return undefined;
    }

    function done(entries: Map<string, BulkEventEntry>, entryId: string, status: BulkStatus): void {
      settle(entryId, "ack", status);
      entries.delete(entryId);
    }

    async function drop(entries: Map<string, BulkEventEntry>, entryId: string): Promise<void> {
      const message = messages.get(entryId);
      if (message !== undefined) await deadLetters.put(message, message.metadata);
      done(entries, entryId, "DROP");
    }

    async function commitOne(
      entries: Map<string, BulkEventEntry>,
      { entryId, event }: BulkEventEntry,
      delivery: HeldDelivery,
      verdict: AnsweredTransaction,
      attempt: AbortSignal,
    ): Promise<void> {
      try {
        await commitAnswer(commit, delivery, verdict, event instanceof Uint8Array ? undefined : event, attempt);
      } catch (error) {
        log.warn(textOf(error));
        return count("RETRY");
      }
      done(entries, entryId, "SUCCESS");
    }

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
          count("RETRY", entries.size);
          throw error;
        });
        const pending: Promise<void>[] = [];
        for (const [entryId, verdict] of verdicts) {
          const concluding = conclude(entries, entryId, verdict, attempt);
          if (concluding !== undefined) pending.push(concluding);
        }
        if (pending.length > 0) await Promise.all(pending);
        for (const entryId of entries.keys()) if (!verdicts.has(entryId)) count("RETRY");
        if (entries.size > 0) throw new Error("few message(s) have failed during bulk subscribe operation");
      }, signal).catch((error: unknown) => {
        log.warn(`encountered an error while delivering a bulk of topic ${topic}, err: ${textOf(error)}`);
      });
    }

    try {
      for (const group of await sort(bulk, settle, held)) await hand(group);
    } catch (error) {
      log.error(`error deserializing pubsub metadata: ${textOf(error)}`);
    }
    for (const [entryId, delivery] of held) {
      deliveries.release(delivery);
      if (delivery.isCommitted) outcome.set(entryId, "ack");
    }
    const failed = bulk.filter(({ entryId }) => !outcome.has(entryId));
    if (failed.length > 0 && !ports.isClosing() && (await deadLetters.putAll(failed))) {
      for (const { entryId } of failed) settle(entryId, "ack", "DROP");
      // compat: what went to the dead letters was not asked for again (pkg/runtime/subscription/bulksubscription.go)
      count("RETRY", -failed.length);
    }
    meter.pubsubBulkDelivered(broker.name, topic, clock.monotonic() - started);
    for (const [status, entries] of counts)
      if (entries > 0) meter.pubsubBulkEntries(broker.name, topic, status, entries);
    return outcome;
  };
}

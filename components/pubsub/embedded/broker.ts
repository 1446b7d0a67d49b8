import type { DriverContext } from "../../../src/driver/context.ts";
import { DriverError } from "../../../src/driver/errors.ts";
import type {
  BulkEntry,
  Delivery,
  IncomingMessage,
  PublishMessage,
  PubSub,
  SubscribeRequest,
  Subscription,
} from "../../../src/driver/pubsub.ts";
import { messageTtl } from "../../../src/kit/message-ttl.ts";
import type { Step, Storage } from "../../../src/storage/storage.ts";
import { storageFailure } from "../../_shared/storage-failure.ts";
import { createAcks } from "./acks.ts";
import type { BackOff } from "./back-off.ts";
import { Consumer } from "./consumer.ts";
import { createOwner } from "./owner.ts";
import { publishStep } from "./statements.ts";
import { scheduleSweep } from "./sweep.ts";
import { createTopics } from "./topics.ts";
import { createWake } from "./wake.ts";

export interface BrokerSettings {
  /** The group of this component's subscriptions. */
  readonly groupName: string;
  readonly concurrency: number;
  readonly backOff: BackOff;
  readonly leaseMs: number;
  readonly unread: { readonly ttlMs: number; readonly limit: number };
}

/** The embedded broker of one component on an open file with its tables. It owns `storage` and closes it. */
export function createBroker(
  storage: Storage,
  settings: BrokerSettings,
  context: Pick<DriverContext, "platform" | "clock" | "random" | "log">,
): PubSub {
  const { platform, clock, random, log } = context;
  const { process: host } = platform;
  const warn = (what: string, error: unknown): void =>
    log.warn(`failed to ${what} in ${storage.path}: ${error instanceof Error ? error.message : String(error)}`);
  const consumers = new Set<Consumer>();
  const topics = createTopics(storage);
  const ownerId = Number(BigInt.asUintN(48, new DataView(random.bytes(8).buffer).getBigUint64(0))) + 1;
  const processName = host === undefined ? String(ownerId) : `${host.hostname}:${host.pid}`;
  let isClosed = false;
  let stopListening: (() => void) | undefined;

  const acks = createAcks({ storage, clock, owner: ownerId, failed: (error) => warn("acknowledge messages", error) });
  const owner = createOwner({
    id: ownerId,
    process: processName,
    storage,
    clock,
    leaseMs: settings.leaseMs,
    isBusy: () => acks.open > 0 || [...consumers].some((consumer) => consumer.held > 0),
    failed: (error) => warn("renew the lease on messages", error),
  });
  const wake = createWake({
    udp: platform.udp,
    clock,
    peers: (topic, toAll) =>
      storage
        .all(
          "SELECT port FROM pubsub_member JOIN pubsub_owner ON id = owner WHERE topic = ? AND id <> ? AND process <> ? AND port > 0",
          [topic, ownerId, toAll ? "" : processName],
        )
        .map((row) => Number(row["port"])),
    woken: pumpTopic,
  });
  const stopSweep = scheduleSweep({
    storage,
    clock,
    unread: settings.unread,
    failed: (error) => warn("remove old messages", error),
  });

  function pumpTopic(topic: number): void {
    for (const consumer of consumers) if (consumer.topic === topic) consumer.pump();
  }

  /** Looks for news after commits; most commits publish nothing, which the counter of messages tells at once. */
  function listen(): () => void {
    let seen = -1;
    return storage.onCommit(() => {
      const row = storage.get("SELECT seq FROM sqlite_sequence WHERE name = 'pubsub_message'", []);
      const last = Number(row?.["seq"] ?? 0);
      if (last === seen) return;
      seen = last;
      for (const consumer of consumers) consumer.pump();
    });
  }

  function refuseIfClosed(): void {
    if (isClosed) throw new DriverError("closed", "component is closed");
  }

  async function publish(topicName: string, messages: readonly Omit<PublishMessage, "topic">[]): Promise<void> {
    refuseIfClosed();
    try {
      const found = topics.id(topicName);
      const topic = typeof found === "number" ? found : await found;
      const publishedAt = clock.now();
      const steps: Step[] = [];
      for (const { data, contentType, metadata } of messages) {
        const ttl = messageTtl(metadata);
        const expiresAt = ttl === undefined ? null : publishedAt + Math.min(ttl, Number.MAX_SAFE_INTEGER / 2);
        steps.push(publishStep({ topic, publishedAt, expiresAt, contentType, metadata, data }));
      }
      if (steps.length === 0) return;
      await storage.write(steps);
      wake.notify(topic);
    } catch (cause) {
      throw storageFailure(cause);
    }
  }

  async function join(topic: number): Promise<number> {
    const { groupName } = settings;
    const sql = "SELECT id FROM pubsub_group WHERE topic = ? AND name = ?";
    await storage.write([
      {
        // From the start of what is retained, so that the order in which apps are started does not matter.
        sql: "INSERT INTO pubsub_group (topic, name, cursor, created_at) VALUES (?, ?, 0, ?) ON CONFLICT DO NOTHING",
        params: [topic, groupName, clock.now()],
      },
      {
        sql: "INSERT INTO pubsub_member (topic, owner) VALUES (?, ?) ON CONFLICT DO NOTHING",
        params: [topic, ownerId],
      },
    ]);
    return Number(storage.get(sql, [topic, groupName])?.["id"]);
  }

  async function subscribe(
    request: SubscribeRequest,
    handle: (message: IncomingMessage) => Promise<Delivery>,
  ): Promise<Subscription> {
    refuseIfClosed();
    try {
      if (consumers.size === 0) await owner.announce(await wake.listen());
      const id = await topics.id(request.topic);
      const group = await join(id);
      refuseIfClosed();
      const consumer = new Consumer({
        storage,
        clock,
        owner,
        acks,
        backOff: settings.backOff,
        concurrency: settings.concurrency === 1 ? 1 : Math.max(settings.concurrency, request.atOnce ?? 0),
        topic: { id, name: request.topic },
        group,
        handle,
        released: () => {
          wake.notify(id, true);
          pumpTopic(id);
        },
        failed: warn,
      });
      consumers.add(consumer);
      stopListening ??= listen();
      consumer.pump();
      let closing: Promise<void> | undefined;
      return { close: () => (closing ??= leave(consumer)) };
    } catch (cause) {
      throw storageFailure(cause);
    }
  }

  async function leave(consumer: Consumer): Promise<void> {
    try {
      await consumer.close();
      consumers.delete(consumer);
      await acks.flush();
      if (![...consumers].some(({ topic }) => topic === consumer.topic))
        await storage.write([
          { sql: "DELETE FROM pubsub_member WHERE topic = ? AND owner = ?", params: [consumer.topic, ownerId] },
        ]);
    } catch (cause) {
      throw storageFailure(cause);
    } finally {
      consumers.delete(consumer);
      if (consumers.size === 0) {
        stopListening?.();
        stopListening = undefined;
      }
    }
  }

  return {
    features: ["MESSAGE_TTL", "BULK_PUBLISH"],
    publish: (message) => publish(message.topic, [message]),
    async bulkPublish(topic: string, entries: readonly BulkEntry[]) {
      await publish(topic, entries);
      return [];
    },
    subscribe,
    async close() {
      if (isClosed) return;
      isClosed = true;
      stopSweep();
      await Promise.allSettled([...consumers].map(leave));
      owner.stop();
      await wake.close();
      await storage
        .write([
          { sql: "UPDATE pubsub_delivery SET owner = 0, due_at = 0 WHERE owner = ?", params: [ownerId] },
          { sql: "DELETE FROM pubsub_owner WHERE id = ?", params: [ownerId] },
        ])
        .catch((error: unknown) => warn("leave", error));
      await storage.close();
    },
  };
}

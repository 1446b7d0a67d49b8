import type { DriverContext } from "../../../src/driver/context.ts";
import type { Delivery, IncomingMessage, PreparedPublish, Subscription } from "../../../src/driver/pubsub.ts";
import type { Storage } from "../../../src/storage/storage.ts";
import { createAcks } from "./acks.ts";
import type { BackOff } from "./back-off.ts";
import { Consumer } from "./consumer.ts";
import { createDelays } from "./delays.ts";
import { createInbox } from "./inbox.ts";
import { scheduleInboxSweep } from "./inbox-sweep.ts";
import { createOwner, memberStep } from "./owner.ts";
import { type HubMessage, Publication } from "./publication.ts";
import { createRecent } from "./recent.ts";
import { scheduleSweep } from "./sweep.ts";
import { createTopics } from "./topics.ts";
import { createTrim, isRetained, trimSteps } from "./trim.ts";
import { createWake, PEERS_KNOWN_MS } from "./wake.ts";

/** Settings of a file in one process; the component that opens it first decides. */
export interface HubSettings {
  readonly leaseMs: number;
  /** How long the inbox knows an event. */
  readonly inboxMs: number;
  readonly unread: { readonly ttlMs: number; readonly limit: number };
}

export interface ConsumeRequest {
  readonly topic: string;
  readonly groupName: string;
  readonly concurrency: number;
  readonly backOff: BackOff;
  handle(message: IncomingMessage): Promise<Delivery>;
}

/**
 * The broker of one file in one process, shared by its components: one owner, one lease, one socket.
 * Methods throw what the storage throws.
 */
export interface Hub {
  /** Resolves when all messages are on disk; all of them are or none. */
  publish(topic: string, messages: readonly HubMessage[]): Promise<void>;
  /** The topic keeps what its groups are done with: for `ms`, and at most `bytes`. */
  retain(topic: string, ms: number | undefined, bytes: number | undefined): Promise<void>;
  /** Topics have changed under the subscribers' feet: they look again, here and in other processes. */
  changed(topics: Iterable<number>): void;
  /** The steps of a publish for a transaction of the file that somebody else writes. Throws DriverError for metadata that cannot be read. */
  prepare(topic: string, messages: readonly HubMessage[]): PreparedPublish | Promise<PreparedPublish>;
  consume(request: ConsumeRequest): Promise<Subscription>;
  /** Gives up one use. The last one takes the process out of the file. */
  release(): Promise<void>;
}

interface Shared {
  readonly hub: Omit<Hub, "release">;
  close(): Promise<void>;
  uses: number;
}

const NAME = "pubsub.embedded";
const WATCH_MS = 1000;
const nobody: readonly Consumer[] = Object.freeze([]);
const RECENT_BYTES = 2 * 1024 * 1024;

/** The hub of the file, made by the first who asks. The tables exist. */
export function useHub(
  storage: Storage,
  settings: HubSettings,
  context: Pick<DriverContext, "platform" | "clock" | "random" | "log">,
): Hub {
  const known = storage.shared.get(NAME) as Shared | undefined;
  const used = known ?? createShared(storage, settings, context);
  storage.shared.set(NAME, used);
  used.uses += 1;
  return {
    ...used.hub,
    async release() {
      used.uses -= 1;
      if (used.uses > 0) return;
      if (storage.shared.get(NAME) === used) storage.shared.delete(NAME);
      await used.close();
    },
  };
}

function createShared(
  storage: Storage,
  settings: HubSettings,
  context: Pick<DriverContext, "platform" | "clock" | "random" | "log">,
): Shared {
  const { platform, clock, random, log } = context;
  const { process: host } = platform;
  const warn = (what: string, error: unknown): void =>
    log.warn(`failed to ${what} in ${storage.path}: ${error instanceof Error ? error.message : String(error)}`);
  const consumers = new Set<Consumer>();
  const byTopic = new Map<number, readonly Consumer[]>();
  const topics = createTopics(storage);
  const ownerId = Number(BigInt.asUintN(48, new DataView(random.bytes(8).buffer).getBigUint64(0))) + 1;
  const processName = host === undefined ? String(ownerId) : `${host.hostname}:${host.pid}`;
  let stopWatching: (() => void) | undefined;

  const recent = createRecent(RECENT_BYTES);
  const trim = createTrim({ storage, clock, failed: (error) => warn("remove acknowledged messages", error) });
  const acks = createAcks({
    storage,
    clock,
    written(groups) {
      for (const { group, topic } of consumers) if (groups.has(group)) trim.soon(topic);
    },
    failed: (error) => warn("acknowledge messages", error),
  });
  const owner = createOwner({
    id: ownerId,
    process: processName,
    storage,
    clock,
    leaseMs: settings.leaseMs,
    isBusy: () => acks.open > 0 || [...consumers].some((consumer) => consumer.held > 0),
    memberships: () => [...consumers].map(({ topic, group }) => ({ topic, group })),
    failed: (error) => warn("renew the lease on messages", error),
  });
  const wake = createWake({
    udp: platform.udp,
    // Sockets live in the host's time, whatever clock the component was given.
    clock: platform.clock,
    peers: (topic) =>
      storage
        .all(
          "SELECT DISTINCT port FROM pubsub_member JOIN pubsub_owner ON id = owner WHERE topic = +? AND id <> +? AND port > 0",
          [topic, ownerId],
        )
        .map((row) => Number(row["port"])),
    woken(topic) {
      delays.look();
      pumpTopic(topic);
    },
  });
  const delays = createDelays({
    storage,
    clock,
    arrived: changed,
    failed: (error) => warn("deliver delayed messages", error),
  });
  delays.look();
  const stopSweep = scheduleSweep({
    storage,
    clock,
    unread: settings.unread,
    failed: (error) => warn("remove old messages", error),
  });

  const stopInboxSweep = scheduleInboxSweep({
    storage,
    clock,
    keepMs: settings.inboxMs,
    failed: (error) => warn("remove old events from the inbox", error),
  });

  const publishing = {
    recent,
    now: () => clock.now(),
    consumers: (topic: number): readonly Consumer[] => byTopic.get(topic) ?? nobody,
    takeTurns(topic: number): void {
      const [first, ...others] = byTopic.get(topic) ?? nobody;
      if (first !== undefined) byTopic.set(topic, [...others, first]);
    },
    written(topic: number, hasDelayed: boolean): void {
      if (hasDelayed) delays.look();
      wake.notify(topic);
    },
  };

  function pumpTopic(topic: number): void {
    for (const consumer of byTopic.get(topic) ?? []) consumer.pump();
  }
  function changed(changedTopics: Iterable<number>): void {
    for (const topic of changedTopics) {
      wake.notify(topic);
      pumpTopic(topic);
    }
  }

  /**
   * The safety net for wake-ups that did not arrive. Everything that happens in this process is told by itself, and nothing
   * has happened elsewhere while the file has the same version.
   */
  function watch(): () => void {
    let seen: unknown;
    let cancel = (): void => undefined;
    const look = (): void => {
      cancel = clock.after(WATCH_MS, look);
      try {
        const version = storage.get("PRAGMA data_version", [])?.["data_version"];
        if (version === seen) return;
        seen = version;
      } catch (error) {
        warn("look for messages", error);
      }
      delays.look();
      for (const consumer of consumers) consumer.pump();
    };
    cancel = clock.after(WATCH_MS, look);
    return () => cancel();
  }

  async function prepareLater(
    topic: number | Promise<number>,
    messages: readonly HubMessage[],
    origin: HubMessage["origin"],
  ): Promise<Publication> {
    const id = await topic;
    const from = origin === undefined ? undefined : await topics.id(origin.topic);
    return new Publication(publishing, id, messages, from);
  }

  function prepare(topicName: string, messages: readonly HubMessage[]): Publication | Promise<Publication> {
    const origin = messages[0]?.origin;
    const topic = topics.id(topicName);
    return typeof topic === "number" && origin === undefined
      ? new Publication(publishing, topic, messages)
      : prepareLater(topic, messages, origin);
  }

  async function publish(topicName: string, messages: readonly HubMessage[]): Promise<void> {
    if (messages.length === 0) return;
    const prepared = prepare(topicName, messages);
    const publication = prepared instanceof Promise ? await prepared : prepared;
    const writing = storage.write(publication.steps);
    publication.submitted();
    // The claim was written behind: it is told of the messages before it is told to read them.
    publication.numbered(await writing);
    publication.written();
  }

  async function retain(topicName: string, ms: number | undefined, bytes: number | undefined): Promise<void> {
    const params = [ms ?? null, bytes ?? null, await topics.id(topicName)];
    await storage.write([{ sql: "UPDATE pubsub_topic SET retain_ms = ?, retain_bytes = ? WHERE id = ?", params }]);
  }

  async function join(topic: number, groupName: string): Promise<number> {
    const sql = "SELECT id FROM pubsub_group WHERE topic = ? AND name = ?";
    const isKnown = storage.get(sql, [topic, groupName]) !== undefined;
    // What the other groups are done with is no news for a new one, unless the topic retains it.
    const trimming = isKnown || isRetained(storage, topic) ? [] : trimSteps(topic, { limit: -1 });
    await storage.write([
      ...trimming,
      {
        // From the start of what is retained, so that the order in which apps are started does not matter.
        sql: "INSERT INTO pubsub_group (topic, name, cursor, created_at) VALUES (?, ?, 0, ?) ON CONFLICT DO NOTHING",
        params: [topic, groupName, clock.now()],
      },
    ]);
    const group = Number(storage.get(sql, [topic, groupName])?.["id"]);
    await storage.write([memberStep({ topic, group }, ownerId)]);
    return group;
  }

  async function consume(request: ConsumeRequest): Promise<Subscription> {
    const { concurrency, backOff, handle } = request;
    await owner.announce(await wake.listen());
    const id = await topics.id(request.topic);
    const group = await join(id, request.groupName);
    const consumer = new Consumer({
      storage,
      clock,
      owner,
      acks,
      inbox: createInbox({ storage, clock, group, acknowledged: () => trim.soon(id) }),
      backOff,
      concurrency,
      topic: { id, name: request.topic },
      group,
      handle,
      released: () => {
        wake.notify(id);
        pumpTopic(id);
      },
      recent,
      failed: warn,
    });
    consumers.add(consumer);
    byTopic.set(id, [...(byTopic.get(id) ?? []), consumer]);
    stopWatching ??= watch();
    consumer.pump();
    const cancelSecond = platform.clock.after(PEERS_KNOWN_MS, () => consumer.pump());
    let closing: Promise<void> | undefined;
    return {
      close() {
        cancelSecond();
        return (closing ??= leave(consumer));
      },
    };
  }

  async function leave(consumer: Consumer): Promise<void> {
    try {
      await consumer.close();
      consumers.delete(consumer);
      await acks.flush();
      await trim.now(consumer.topic).catch((error: unknown) => warn("remove acknowledged messages", error));
      if (![...consumers].some(({ group }) => group === consumer.group))
        await storage.write([
          {
            sql: "DELETE FROM pubsub_member WHERE topic = ? AND owner = ? AND grp = ?",
            params: [consumer.topic, ownerId, consumer.group],
          },
        ]);
    } finally {
      consumers.delete(consumer);
      byTopic.set(
        consumer.topic,
        [...consumers].filter(({ topic }) => topic === consumer.topic),
      );
      if (consumers.size === 0) {
        stopWatching?.();
        stopWatching = undefined;
      }
    }
  }

  return {
    uses: 0,
    hub: { publish, prepare, retain, consume, changed },
    async close() {
      stopSweep();
      delays.stop();
      trim.stop();
      stopInboxSweep();
      owner.stop();
      await wake.close();
      await acks.close();
      await storage
        .write([
          { sql: "UPDATE pubsub_delivery SET owner = 0, due_at = 0 WHERE owner = ?", params: [ownerId] },
          { sql: "DELETE FROM pubsub_owner WHERE id = ?", params: [ownerId] },
        ])
        .catch((error: unknown) => warn("leave", error));
    },
  };
}

import type { DriverLog } from "../../../src/driver/context.ts";
import type { Delivery, IncomingMessage } from "../../../src/driver/pubsub.ts";
import type { Clock } from "../../../src/kit/clock.ts";
import { messageOf, type RedisConnection } from "../../_shared/redis-connection.ts";
import { type Acks, createAcks } from "./acks.ts";
import type { StreamEntry } from "./entries.ts";
import type { Slots } from "./slots.ts";
import { isNoGroup, type StreamGroup } from "./stream-group.ts";

export interface ConsumerPorts {
  readonly topic: string;
  readonly groupName: string;
  readonly group: StreamGroup;
  /** A connection of its own, because reading blocks it. */
  readonly reader: RedisConnection;
  readonly slots: Slots;
  /** Messages that wait here for a free slot. */
  readonly queueDepth: number;
  /** How long a message may be pending until it counts as abandoned; undefined when nothing is delivered again. */
  readonly redelivery: { readonly afterMs: number; readonly everyMs: number } | undefined;
  readonly clock: Clock;
  readonly log: DriverLog;
  handle(message: IncomingMessage): Promise<Delivery>;
}

interface Waiting {
  readonly entry: StreamEntry;
  readonly attempt: number;
}

const BLOCK_MS = 2000;
const FIRST_PAUSE_MS = 25;
const LONGEST_PAUSE_MS = 2000;
const UNBLOCK_EVERY_MS = 50;

/** One subscription: reads what is new, takes over what others abandoned, hands both over as slots become free. */
export class Consumer {
  readonly #ports: ConsumerPorts;
  readonly #acks: Acks;
  readonly #closing = new AbortController();
  /** Read or claimed, and not yet in the handler, oldest first. */
  readonly #queue: Waiting[] = [];
  /** Ids that wait, are in the handler, or are being acknowledged: not to be taken over by ourselves. */
  readonly #held = new Set<string>();
  readonly #loops: Promise<void>[];
  #running = 0;
  #closed: Promise<void> | undefined;
  #drained: (() => void) | undefined;
  #hasRoom: (() => void)[] = [];
  /** The reader's connection at the server; undefined while that is not known. */
  #connection: string | undefined;
  #isReading = false;

  constructor(ports: ConsumerPorts) {
    this.#ports = ports;
    const { clock, log, group, redelivery } = ports;
    this.#acks = createAcks({
      clock,
      log,
      acknowledge: (ids) => group.acknowledge(ids),
      settled: (id) => this.#held.delete(id),
    });
    this.#loops = [this.#readAll()];
    if (redelivery !== undefined) this.#loops.push(this.#reclaimAll(redelivery), this.#keepAll(redelivery));
  }

  /** Takes no more, waits for the handlers and their acknowledgements, gives back what none has seen. */
  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  async #close(): Promise<void> {
    const { redelivery, group, reader, log } = this.#ports;
    this.#closing.abort();
    for (const go of this.#hasRoom.splice(0)) go();
    await this.#unblock();
    await Promise.all(this.#loops);
    const left = this.#queue.splice(0).map(({ entry }) => entry.id);
    if (this.#running > 0) await new Promise<void>((resolve) => (this.#drained = resolve));
    await this.#acks.close();
    reader.close();
    if (left.length === 0 || redelivery === undefined) return;
    try {
      await group.touch(left, redelivery.afterMs);
    } catch (error) {
      log.debug(`Messages of stream ${this.#ports.topic} come again late: ${messageOf(error)}`);
    }
  }

  get #isClosed(): boolean {
    return this.#closing.signal.aborted;
  }

  async #sleep(ms: number): Promise<void> {
    await this.#ports.clock.sleep(ms, this.#closing.signal).catch(() => undefined);
  }

  async #unblock(): Promise<void> {
    // What the reader is about to send can be overtaken by this: asked again until the reader is back.
    while (this.#isReading && this.#connection !== undefined) {
      await this.#ports.group.unblock(this.#connection).catch(() => undefined);
      if (!this.#isReading) return;
      await this.#ports.clock.sleep(UNBLOCK_EVERY_MS);
    }
  }

  /** Resolves when half of the queue is free, so that reads bring many messages each. */
  async #room(): Promise<void> {
    const { queueDepth } = this.#ports;
    while (!this.#isClosed && this.#queue.length > queueDepth / 2)
      await new Promise<void>((resolve) => this.#hasRoom.push(resolve));
  }

  async #readAll(): Promise<void> {
    const { group, reader, queueDepth, topic, groupName, log } = this.#ports;
    let failures = 0;
    for (;;) {
      await this.#room();
      if (this.#isClosed) return;
      try {
        this.#isReading = true;
        this.#connection ??= await group.connectionOf(reader);
        if (this.#isClosed) return;
        const entries = await group.read(reader, Math.max(1, queueDepth - this.#queue.length), BLOCK_MS);
        if (failures > 0) log.info(`Reading from stream ${topic} again`);
        failures = 0;
        this.#enqueue(entries.map((entry) => ({ entry, attempt: 1 })));
      } catch (error) {
        this.#connection = undefined;
        if (this.#isClosed) return;
        if (failures === 0) log.error(`redis streams: error reading from stream ${topic}: ${messageOf(error)}`);
        if (isNoGroup(error)) {
          log.warn(
            `redis streams: recreating group ${groupName} for stream ${topic}: it was deleted, or the server lost its data`,
          );
          await group.create().catch((cause) => log.error(`redis streams: ${messageOf(cause)}`));
        }
        await this.#sleep(Math.min(FIRST_PAUSE_MS * 2 ** Math.min(failures, 10), LONGEST_PAUSE_MS));
        failures += 1;
      } finally {
        this.#isReading = false;
      }
    }
  }

  async #reclaimAll({ afterMs, everyMs }: { readonly afterMs: number; readonly everyMs: number }): Promise<void> {
    while (!this.#isClosed) {
      try {
        await this.#reclaim(afterMs);
      } catch (error) {
        // Without a group nothing is pending; the reader makes it.
        if (!this.#isClosed && !isNoGroup(error))
          this.#ports.log.error(`error claiming pending Redis messages: ${messageOf(error)}`);
      }
      await this.#sleep(everyMs);
    }
  }

  async #reclaim(afterMs: number): Promise<void> {
    const { group, queueDepth } = this.#ports;
    const count = Math.max(2, queueDepth);
    let from = "-";
    for (;;) {
      await this.#room();
      if (this.#isClosed) return;
      const page = await group.pending(from, count);
      const deliveries = new Map(
        page
          .filter(({ id, idleMs }) => id !== from && idleMs >= afterMs && !this.#held.has(id))
          .map((each) => [each.id, each.deliveries]),
      );
      if (deliveries.size > 0) {
        const entries = await group.claim([...deliveries.keys()], afterMs);
        this.#enqueue(entries.map((entry) => ({ entry, attempt: (deliveries.get(entry.id) ?? 0) + 1 })));
        for (const { id } of entries) deliveries.delete(id);
        await this.#forget([...deliveries.keys()]);
      }
      const last = page.at(-1)?.id;
      if (page.length < count || last === undefined || last === from) return;
      from = last;
    }
  }

  /** Acknowledges messages that were trimmed from the stream while they were pending. */
  async #forget(ids: readonly string[]): Promise<void> {
    const { group } = this.#ports;
    for (const id of ids) if (!(await group.has(id))) await group.acknowledge([id]);
  }

  /** Messages that wait here are in good hands: others must not take them for abandoned. */
  async #keepAll({ afterMs }: { readonly afterMs: number }): Promise<void> {
    const { group, log, topic } = this.#ports;
    for (;;) {
      await this.#sleep(afterMs / 3);
      if (this.#isClosed) return;
      const ids = this.#queue.map(({ entry }) => entry.id);
      if (ids.length > 0)
        await group
          .touch(ids, 0)
          .catch((error) => log.debug(`Waiting messages of stream ${topic} are not kept: ${messageOf(error)}`));
    }
  }

  #enqueue(waiting: readonly Waiting[]): void {
    for (const one of waiting) {
      if (this.#held.has(one.entry.id)) continue;
      this.#held.add(one.entry.id);
      this.#queue.push(one);
    }
    this.#pump();
  }

  #pump = (): void => {
    while (!this.#isClosed && this.#queue.length > 0 && this.#ports.slots.take(this.#pump)) {
      const next = this.#queue.shift()!;
      this.#running += 1;
      void this.#process(next);
    }
    if (this.#queue.length <= this.#ports.queueDepth / 2) for (const go of this.#hasRoom.splice(0)) go();
  };

  async #process({ entry, attempt }: Waiting): Promise<void> {
    const { topic, slots } = this.#ports;
    const isDone = await this.#handle(topic, entry, attempt);
    if (isDone || this.#ports.redelivery === undefined) this.#acks.add(entry.id);
    else this.#held.delete(entry.id);
    this.#running -= 1;
    slots.release();
    if (this.#running === 0) this.#drained?.();
    this.#pump();
  }

  async #handle(topic: string, { id, data, metadata, fault }: StreamEntry, attempt: number): Promise<boolean> {
    const { handle, log } = this.#ports;
    if (fault !== undefined) log.warn(`Redis PubSub: Could not extract metadata for Redis message ${id}: ${fault}`);
    try {
      if ((await handle({ topic, data, contentType: "", metadata, attempt, id })) === "ack") return true;
      log.debug(`Redis message ${id} was not taken`);
    } catch (error) {
      log.error(`Error processing Redis message ${id}: ${messageOf(error)}`);
    }
    return false;
  }
}

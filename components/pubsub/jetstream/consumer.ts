import type { DriverLog } from "../../../src/driver/context.ts";
import { DriverError } from "../../../src/driver/errors.ts";
import type { Delivery, IncomingMessage } from "../../../src/driver/pubsub.ts";
import type { Clock } from "../../../src/kit/clock.ts";
import { Acks } from "./acks.ts";
import { setUpConsumer, toldAs } from "./consumer-setup.ts";
import type { ConsumerInfo, JetStreamApi } from "./jetstream-api.ts";
import { readHeaders, readPlace } from "./message.ts";
import type { NatsLink, NatsMessage } from "./nats-link.ts";
import { type Feed, PullFeed } from "./pull-feed.ts";
import { createPushFeed } from "./push-feed.ts";
import type { JetStreamSettings } from "./settings.ts";

export interface ConsumerPorts {
  readonly link: NatsLink;
  readonly api: JetStreamApi;
  readonly clock: Clock;
  readonly log: DriverLog;
  readonly settings: JetStreamSettings;
  readonly topic: string;
  /** Messages that the handler gathers before it settles any. */
  readonly atOnce: number;
  handle(message: IncomingMessage): Promise<Delivery>;
}

/** A message that is here and not settled. */
interface Held {
  readonly key: string;
  readonly sequence: number;
  readonly message: NatsMessage;
  /** Where its acknowledgement goes: the newest delivery's. */
  reply: string;
  attempt: number;
  receivedAt: number;
}

/** The server's own limit of unacknowledged messages. */
const standardPending = 1000;
/**
 * Messages that wait here behind the one in the handler, so that it does not wait for the network: as many as it takes in
 * this time, in milliseconds, and no more than this. Behind a slow handler others could have them sooner.
 */
const aheadMs = 50;
const mostAhead = 32;
/** From so many free places on a question is worth its way. */
const worthwhile = 8;
/** Bytes of messages that are here; one message is always allowed. */
const mostBytes = 16 * 1024 * 1024;
const againMs = 1000;
const firstBackOffMs = 100;
const longestBackOffMs = 10_000;

/** One subscription: finds its consumer again whatever happens to it, hands messages over in order, settles them. */
export class Consumer {
  readonly #ports: ConsumerPorts;
  readonly #acks: Acks;
  readonly #handlers: number;
  readonly #held = new Map<string, Held>();
  #waiting: Held[] = [];
  /** Messages that were given back, and until when they are expected again. */
  readonly #owed = new Map<number, number>();
  /** With cumulative acknowledgements: what waits for earlier messages. */
  readonly #early = new Map<number, string>();
  #active = 0;
  #heldBytes = 0;
  #averageBytes = 1024;
  /** How long the handler takes, once that is known. */
  #averageMs = Number.POSITIVE_INFINITY;
  #feed: Feed | undefined;
  #stream = "";
  #streamCreated = "";
  #info: ConsumerInfo | undefined;
  /** The first message that a new consumer would have to bring. */
  #next: number | undefined;
  /** With a rate limit: when the next message may be handed over. */
  #freeAt = 0;
  #cancelPace: (() => void) | undefined;
  #isClosed = false;
  #settled: (() => void) | undefined;

  constructor(ports: ConsumerPorts) {
    const { settings, atOnce, link } = ports;
    this.#ports = ports;
    this.#acks = new Acks(link);
    const most = settings.maxAckPending > 0 ? settings.maxAckPending : standardPending;
    this.#handlers = Math.max(settings.isSingle ? 1 : most, atOnce, 1);
  }

  /** Resolves when messages come. Rejects with DriverError when the stream or the consumer cannot be had. */
  async open(signal?: AbortSignal): Promise<void> {
    const { api, settings, topic, link, clock, log } = this.#ports;
    const what = `subscribing to topic "${topic}"`;
    const stream = settings.streamName || (await toldAs(what, api.streamOf(topic, signal)));
    if (stream === undefined)
      throw new DriverError(
        "failed",
        // compat: the words of upstream's client
        `nats: no stream matches subject: create a stream that stores ${JSON.stringify(topic)}, or set streamName`,
      );
    const created = await toldAs(`${what}: reading streamName "${stream}"`, api.streamCreated(stream, signal));
    if (this.#streamCreated !== "" && this.#streamCreated !== created) this.#forgetPlace();
    const isShared = (settings.durableName || settings.queueGroupName) !== "";
    const before = this.#info;
    const isThere = before !== undefined && !isShared ? await api.consumer(stream, before.name, signal) : undefined;
    const from = before === undefined ? undefined : isShared ? before.ack_floor.stream_seq + 1 : this.#floor();
    const info = isThere ?? (await setUpConsumer({ api, settings, log, stream, topic, from }));
    this.#stream = stream;
    this.#streamCreated = created;
    this.#info = info;
    this.#next ??= info.delivered.stream_seq + 1;
    if (this.#isClosed) return;
    const deliver = (message: NatsMessage): void => this.#receive(message);
    const { deliver_subject: pushed, deliver_group: queue } = info.config;
    this.#feed =
      pushed === undefined
        ? new PullFeed({
            link,
            clock,
            subject: api.pullSubject(stream, info.name),
            heartbeatMs: settings.heartbeat,
            room: () => this.#room(),
            deliver,
            lost: (reason) => void this.#find(reason),
          })
        : createPushFeed({ link, subject: pushed, queue, deliver, answer: (reply) => this.#acks.answer(reply) });
    this.#feed.fill();
  }

  /** Takes no more, gives back what no handler has, waits for those that run. */
  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#cancelPace?.();
    for (const held of this.#waiting) {
      this.#release(held);
      this.#giveBack(held.reply, 0);
    }
    this.#waiting = [];
    await this.#feed?.close();
    if (this.#active > 0) await new Promise<void>((resolve) => (this.#settled = resolve));
    await this.#acks.close();
    const { settings, api, link } = this.#ports;
    const isOurs = settings.durableName === "" && settings.queueGroupName === "";
    // One that stays behind is removed by the server after a while.
    if (isOurs && this.#info !== undefined && link.isUp)
      await api.deleteConsumer(this.#stream, this.#info.name).catch(() => undefined);
  }

  #room(): number {
    const ahead = this.#handlers > 1 ? 0 : Math.min(mostAhead, Math.floor(aheadMs / this.#averageMs));
    const capacity = this.#handlers + ahead;
    const free = capacity - this.#held.size;
    if (this.#isClosed || free < Math.min(capacity, worthwhile) / 2) return 0;
    const fitting = Math.floor((mostBytes - this.#heldBytes) / this.#averageBytes);
    const most = Math.min(free, fitting, this.#pace() - this.#waiting.length);
    return this.#held.size === 0 ? Math.max(1, most) : most;
  }

  /** How many messages the rate limit lets through soon: what is fetched for later would come back as lost. */
  #pace(): number {
    const { rateLimit } = this.#ports.settings;
    if (rateLimit === 0) return Number.POSITIVE_INFINITY;
    return Math.max(1, Math.floor((rateLimit * aheadMs) / (8000 * this.#averageBytes)));
  }

  /** Where a new consumer has to begin so that nothing is missed. */
  #floor(): number | undefined {
    const open = [...this.#owed.keys(), ...[...this.#held.values()].map(({ sequence }) => sequence)];
    return this.#next === undefined ? undefined : Math.min(this.#next, ...open);
  }

  /** The stream is another one of the same name: numbers mean other messages. */
  #forgetPlace(): void {
    this.#acks.forgetSettled();
    this.#owed.clear();
    this.#early.clear();
    this.#next = undefined;
    this.#info = undefined;
  }

  async #find(reason: string): Promise<void> {
    const { clock, log, topic } = this.#ports;
    log.debug(`Looking for the consumer of topic ${topic} on NATS again: ${reason}`);
    let isTold = false;
    while (!this.#isClosed) {
      try {
        await this.open();
        if (isTold) log.info(`The subscription to topic ${topic} on NATS goes on`);
        return;
      } catch (error) {
        const text = error instanceof Error ? error.message : String(error);
        if (!isTold) log.warn(`The subscription to topic ${topic} on NATS waits: ${text}`);
        isTold = true;
        await clock.sleep(againMs);
      }
    }
  }

  #receive(message: NatsMessage): void {
    const place = readPlace(message.reply);
    const reply = message.reply ?? "";
    if (place === undefined) return;
    const { sequence, stored, attempt } = place;
    if (this.#isClosed) {
      this.#giveBack(reply, 0);
      return;
    }
    const key = `${sequence}:${stored}`;
    // The acknowledgement did not reach the server, or the server lost it.
    if (this.#acks.isSettled(key)) {
      this.#acknowledge(sequence, reply);
      return;
    }
    const receivedAt = this.#ports.clock.monotonic();
    const here = this.#held.get(key);
    if (here !== undefined) {
      Object.assign(here, { reply, attempt, receivedAt });
      return;
    }
    const held: Held = { key, sequence, message, reply, attempt, receivedAt };
    this.#held.set(key, held);
    this.#heldBytes += message.data.length;
    this.#averageBytes += (message.data.length + 512 - this.#averageBytes) / 16;
    if (this.#next !== undefined && sequence >= this.#next) this.#next = sequence + 1;
    this.#waiting.push(held);
    this.#start();
  }

  /** Hands messages over while handlers are free and the rate allows it. */
  #start(): void {
    const { clock, settings } = this.#ports;
    while (this.#active < this.#handlers && this.#waiting.length > 0 && !this.#isClosed) {
      const now = clock.monotonic();
      if (settings.rateLimit > 0 && now < this.#freeAt) {
        this.#cancelPace?.();
        this.#cancelPace = clock.after(this.#freeAt - now, () => this.#start());
        return;
      }
      const held = this.#waiting.shift() as Held;
      if (now - held.receivedAt > this.#patience()) {
        // The server gives it to somebody again: two would have it.
        this.#release(held);
        continue;
      }
      if (settings.rateLimit > 0)
        this.#freeAt = Math.max(now, this.#freeAt) + (held.message.data.length * 8000) / settings.rateLimit;
      void this.#run(held);
    }
    this.#feed?.fill();
  }

  /** How long a message may wait here before the server takes it for lost. */
  #patience(): number {
    const { ack_wait: wait, backoff, ack_policy: policy } = this.#info?.config ?? {};
    const limit = backoff?.[0] ?? wait;
    return policy === "none" || limit === undefined ? Number.POSITIVE_INFINITY : limit / 1e6;
  }

  async #run(held: Held): Promise<void> {
    const { handle, topic, log, clock } = this.#ports;
    const begun = clock.monotonic();
    this.#active += 1;
    let delivery: Delivery = "retry";
    try {
      const { data } = held.message;
      delivery = await handle({
        topic,
        data,
        ...readHeaders(held.message),
        attempt: held.attempt,
        id: `${this.#stream}:${held.sequence}`,
      });
    } catch (error) {
      log.error(
        `Handling a message of topic ${topic} failed: ${error instanceof Error ? error.message : String(error)}`,
      );
    }
    const took = clock.monotonic() - begun;
    this.#averageMs = this.#averageMs === Number.POSITIVE_INFINITY ? took : this.#averageMs * 0.9 + took * 0.1;
    this.#active -= 1;
    this.#release(held);
    if (delivery === "ack") {
      this.#acks.settle(held.key);
      this.#owed.delete(held.sequence);
      this.#acknowledge(held.sequence, held.reply);
    } else this.#giveBack(held.reply, this.#isClosed ? 0 : this.#backOff(held.attempt), held);
    this.#start();
    if (this.#active === 0) this.#settled?.();
  }

  #release(held: Held): void {
    if (this.#held.delete(held.key)) this.#heldBytes -= held.message.data.length;
  }

  #backOff(attempt: number): number {
    const { backOff, ackWait } = this.#ports.settings;
    return (
      backOff[Math.min(attempt, backOff.length) - 1] ??
      ackWait ??
      Math.min(longestBackOffMs, firstBackOffMs * 2 ** (attempt - 1))
    );
  }

  #giveBack(reply: string, delayMs: number, held?: Held): void {
    const { settings, clock } = this.#ports;
    if (settings.ackPolicy === "none") return;
    this.#acks.nak(reply, delayMs);
    const isLast = held !== undefined && settings.maxDeliver > 0 && held.attempt >= settings.maxDeliver;
    const patience = this.#patience();
    if (held !== undefined && !isLast) this.#owed.set(held.sequence, clock.monotonic() + delayMs + 2 * patience);
    if (isLast) this.#owed.delete(held.sequence);
  }

  #acknowledge(sequence: number, reply: string): void {
    const { ackPolicy } = this.#ports.settings;
    if (ackPolicy === "explicit") this.#acks.ack(reply);
    if (ackPolicy !== "all") return;
    // One that acknowledges all before it must not do so for those that are not handled.
    this.#early.set(sequence, reply);
    const now = this.#ports.clock.monotonic();
    for (const [owed, until] of this.#owed) if (until < now) this.#owed.delete(owed);
    const floor = this.#floor() ?? sequence;
    const ready = [...this.#early.keys()].filter((each) => each < floor);
    const last = Math.max(...ready);
    const lastReply = this.#early.get(last);
    for (const each of ready) this.#early.delete(each);
    if (lastReply !== undefined) this.#acks.ack(lastReply);
  }
}

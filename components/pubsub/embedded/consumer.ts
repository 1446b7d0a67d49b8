import type { Delivery, IncomingMessage } from "../../../src/driver/pubsub.ts";
import type { Clock } from "../../../src/kit/clock.ts";
import type { SqlRow } from "../../../src/platform/types.ts";
import type { Step, Storage } from "../../../src/storage/storage.ts";
import type { Acks } from "./acks.ts";
import { type BackOff, backOff } from "./back-off.ts";
import type { Inbox } from "./inbox.ts";
import type { Owner } from "./owner.ts";
import { dueStep, freshSteps, releaseStep, retryStep, takeoverStep } from "./statements.ts";

export interface ConsumerPorts {
  readonly storage: Pick<Storage, "get" | "all" | "write">;
  readonly clock: Clock;
  readonly owner: Owner;
  readonly acks: Acks;
  readonly inbox: Inbox;
  readonly backOff: BackOff;
  /** Handlers at once. */
  readonly concurrency: number;
  readonly topic: { readonly id: number; readonly name: string };
  readonly group: number;
  handle(message: IncomingMessage): Promise<Delivery>;
  /** Messages went back to the group, others may take them. */
  released(): void;
  failed(what: string, error: unknown): void;
}

interface Claimed {
  readonly seq: number;
  readonly attempt: number;
  readonly bytes: number;
}

/** Bytes of messages in handlers; one message is always allowed. */
const MOST_BYTES = 16 * 1024 * 1024;
const MOST_ROWS = 64;
const AGAIN_MS = 1000;

const newsSql = `SELECT
  (SELECT 1 FROM pubsub_message WHERE topic = +? AND seq > (SELECT cursor FROM pubsub_group WHERE id = +?)
    AND (expires_at IS NULL OR expires_at > +?) LIMIT 1) AS fresh,
  (SELECT due_at FROM pubsub_delivery WHERE grp = +? AND owner = 0 ORDER BY due_at LIMIT 1) AS due`;
const leaseSql = `SELECT min(lease_until) AS until FROM pubsub_owner
  WHERE id <> +? AND EXISTS (SELECT 1 FROM pubsub_delivery WHERE grp = +? AND owner = pubsub_owner.id)`;
const readSql = `SELECT seq, expires_at, content_type, metadata, data FROM pubsub_message
  WHERE seq IN (SELECT value FROM json_each(?)) ORDER BY seq`;

function claimedOf(row: SqlRow): Claimed {
  return { seq: Number(row["seq"]), attempt: Number(row["attempt"]), bytes: Number(row["size"] ?? 0) };
}

/**
 * One subscription: claims messages for its group as handlers become free, reads them, hands them over, acknowledges or gives
 * back. What is claimed is bounded, so a backlog stays on disk.
 */
export class Consumer {
  readonly #ports: ConsumerPorts;
  /** Claimed and not yet read, oldest first. */
  #claimed: Claimed[] = [];
  #active = 0;
  #activeBytes = 0;
  #isClaiming = false;
  /** There may be something to take that was not looked for yet. */
  #isWanted = false;
  #isClosed = false;
  #alarmAt = Infinity;
  #cancelAlarm: (() => void) | undefined;
  #settled: (() => void) | undefined;

  constructor(ports: ConsumerPorts) {
    this.#ports = ports;
  }

  get topic(): number {
    return this.#ports.topic.id;
  }

  /** Messages that this subscription holds. */
  get held(): number {
    return this.#active + this.#claimed.length;
  }

  /** There may be news: takes what there is room for, now or when there is room. */
  pump(): void {
    this.#isWanted = true;
    this.#take();
  }

  /** A message is being written to the topic in this very turn: claims it unseen, if there is room. */
  expect(): void {
    const { clock, owner, topic, group, concurrency } = this.#ports;
    const room = concurrency - this.held;
    if (this.#isClaiming || room <= 0) this.#isWanted = true;
    if (this.#isClosed || this.#isClaiming || room <= 0) return;
    const now = clock.now();
    const steps = freshSteps({ topic: topic.id, group, owner: owner.id, now, limit: room });
    void this.#claim(this.#withLease(steps, now), room);
  }

  /** Takes no more, waits for the handlers, gives back what none has seen. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#cancelAlarm?.();
    if (this.#active > 0 || this.#isClaiming) await new Promise<void>((resolve) => (this.#settled = resolve));
    if (this.#claimed.length === 0) return;
    const { storage, group, owner } = this.#ports;
    const seqs = this.#claimed.map(({ seq }) => seq);
    this.#claimed = [];
    await storage.write([releaseStep(group, owner.id, seqs)]);
    this.#ports.released();
  }

  #take(): void {
    const room = this.#ports.concurrency - this.held;
    if (!this.#isWanted || this.#isClosed || this.#isClaiming || room <= 0) return;
    this.#isWanted = false;
    try {
      this.#look(room);
    } catch (error) {
      this.#tryLater("look for messages", error);
    }
  }

  /** Claims what there is; when there is nothing, sees to the next time at which there may be. */
  #look(room: number): void {
    const { storage, clock, owner, topic, group } = this.#ports;
    const now = clock.now();
    const news = storage.get(newsSql, [topic.id, group, now, group]);
    const due = Number(news?.["due"] ?? Infinity);
    const claim = { topic: topic.id, group, owner: owner.id, now, limit: room };
    // After redeliveries there may be new messages as well: those claims count as full.
    if (due <= now) return void this.#claim(this.#withLease([dueStep(claim)], now), 0);
    if (news?.["fresh"] === 1) return void this.#claim(this.#withLease(freshSteps(claim), now), room);
    const until = Number(storage.get(leaseSql, [owner.id, group])?.["until"] ?? Infinity);
    if (until < now)
      return void this.#claim(this.#withLease([takeoverStep(group, owner.id, now), dueStep(claim)], now), 0);
    // A lease is over one millisecond after its last.
    this.#alarmAt = Infinity;
    this.#setAlarm(Math.min(due, until + 1));
  }

  #withLease(steps: readonly Step[], now: number): readonly Step[] {
    const renewal = this.#ports.owner.renewal(now);
    return renewal === undefined ? steps : [renewal, ...steps];
  }

  /** Looks again at this time, or earlier. */
  #setAlarm(at: number): void {
    if (at >= this.#alarmAt && at !== Infinity) return;
    this.#cancelAlarm?.();
    this.#cancelAlarm = undefined;
    this.#alarmAt = at;
    if (at === Infinity || this.#isClosed) return;
    this.#cancelAlarm = this.#ports.clock.alarm(at, () => {
      this.#cancelAlarm = undefined;
      this.#alarmAt = Infinity;
      this.pump();
    });
  }

  /** Runs a claim. One that gives `full` rows or more may have left some. */
  async #claim(steps: readonly Step[], full: number): Promise<void> {
    const { storage, acks, owner } = this.#ports;
    this.#isClaiming = true;
    owner.keep();
    try {
      const writing = storage.write(steps);
      acks.send();
      const results = await writing;
      const rows = results.flatMap(({ rows }) => rows);
      this.#claimed.push(...rows.map(claimedOf));
      if (rows.length > 1) this.#claimed.sort((a, b) => a.seq - b.seq);
      this.#isWanted ||= rows.length >= full;
    } catch (error) {
      owner.doubt();
      this.#tryLater("claim messages", error);
    } finally {
      this.#isClaiming = false;
    }
    this.#start();
    this.#take();
    this.#tellSettled();
  }

  #tryLater(what: string, error: unknown): void {
    this.#ports.failed(what, error);
    this.#isWanted = false;
    this.#setAlarm(this.#ports.clock.now() + AGAIN_MS);
  }

  /** Hands claimed messages to handlers while their bytes are within bounds. */
  #start(): void {
    while (this.#claimed.length > 0 && !this.#isClosed) {
      let rows = 0;
      let bytes = this.#activeBytes;
      for (const claimed of this.#claimed) {
        bytes += claimed.bytes;
        if (rows === MOST_ROWS || (bytes > MOST_BYTES && rows + this.#active > 0)) break;
        rows += 1;
      }
      if (rows === 0) return;
      const next = this.#claimed.splice(0, rows);
      try {
        this.#read(next);
      } catch (error) {
        this.#claimed.unshift(...next);
        this.#ports.failed("read messages", error);
        this.#ports.clock.after(AGAIN_MS, () => this.#start());
        return;
      }
    }
  }

  #read(claimed: readonly Claimed[]): void {
    const { storage, clock, acks, group, topic } = this.#ports;
    const now = clock.now();
    const rows = new Map<number, SqlRow>();
    for (const row of storage.all(readSql, [JSON.stringify(claimed.map(({ seq }) => seq))]))
      rows.set(Number(row["seq"]), row);
    for (const { seq, attempt } of claimed) {
      const row = rows.get(seq);
      // It expired while it waited: nobody gets it, and the group is done with it.
      if (row === undefined || (row["expires_at"] !== null && Number(row["expires_at"]) <= now)) {
        acks.add(group, seq);
        continue;
      }
      const metadata = String(row["metadata"]);
      const data = row["data"] as Uint8Array;
      void this.#run(seq, {
        topic: topic.name,
        data,
        contentType: String(row["content_type"]),
        metadata: metadata === "" ? {} : (JSON.parse(metadata) as Record<string, string>),
        attempt,
        id: String(seq),
      });
    }
  }

  async #run(seq: number, received: IncomingMessage): Promise<void> {
    const { acks, group, inbox } = this.#ports;
    this.#active += 1;
    this.#activeBytes += received.data.length;
    let isSettled = false;
    const embedded = inbox.delivery(seq, () => {
      isSettled = true;
    });
    const message = { ...received, embedded };
    const delivery = await this.#outcome(message);
    // A transaction of somebody else has acknowledged it: there is nothing left to say.
    if (delivery === "ack" && !isSettled) acks.add(group, seq);
    else if (!isSettled) await this.#giveBack(seq, message.attempt ?? 1);
    this.#active -= 1;
    this.#activeBytes -= message.data.length;
    this.#start();
    this.#take();
    this.#tellSettled();
  }

  async #outcome(message: IncomingMessage): Promise<Delivery> {
    try {
      return await this.#ports.handle(message);
    } catch (error) {
      this.#ports.failed("handle a message", error);
      return "retry";
    }
  }

  async #giveBack(seq: number, attempt: number): Promise<void> {
    const { storage, clock, owner, group } = this.#ports;
    const dueAt = this.#isClosed ? 0 : clock.now() + backOff(this.#ports.backOff, attempt);
    for (;;) {
      try {
        await storage.write([retryStep(group, owner.id, seq, dueAt)]);
        if (this.#isClosed) this.#ports.released();
        else this.#setAlarm(dueAt);
        return;
      } catch (error) {
        this.#ports.failed("give back a message", error);
        // The lease ends with the component: then the message is free without this.
        if (this.#isClosed) return;
        await clock.sleep(AGAIN_MS);
      }
    }
  }

  #tellSettled(): void {
    if (this.#active === 0 && !this.#isClaiming) this.#settled?.();
  }
}

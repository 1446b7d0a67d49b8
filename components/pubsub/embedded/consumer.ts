import type { Delivery, IncomingMessage } from "../../../src/driver/pubsub.ts";
import type { Clock } from "../../../src/kit/clock.ts";
import type { SqlRow } from "../../../src/platform/types.ts";
import type { Step, StepResult, Storage } from "../../../src/storage/storage.ts";
import type { Acks } from "./acks.ts";
import { type BackOff, backOff } from "./back-off.ts";
import type { ClaimedDelivery, Inbox } from "./inbox.ts";
import type { Owner } from "./owner.ts";
import type { Recent } from "./recent.ts";
import { dueStep, freshSteps, releaseStep, retryStep, type StoredMessage, takeoverStep } from "./statements.ts";

export interface ConsumerPorts {
  readonly storage: Pick<Storage, "get" | "all" | "write">;
  readonly clock: Clock;
  readonly owner: Owner;
  readonly acks: Acks;
  readonly inbox: Inbox;
  readonly recent: Pick<Recent, "get">;
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

/** Bytes of messages in handlers; one message is always allowed. */
const MOST_BYTES = 16 * 1024 * 1024;
const MOST_ROWS = 128;
/** Messages claimed beyond those in handlers, where handlers are quick. */
const MOST_AHEAD = 256;
/** Messages that one claim takes: a larger one would hold up other writers. */
const MOST_CLAIMED = 1000;
const AGAIN_MS = 1000;
/** Messages that lie further ahead would be forgotten before their turn, so they are read from the disk. */
const NEAR_MESSAGES = 1000;

const newsSql = `SELECT
  (SELECT 1 FROM pubsub_message WHERE topic = +? AND seq > (SELECT cursor FROM pubsub_group WHERE id = +?) LIMIT 1) AS fresh,
  (SELECT due_at FROM pubsub_delivery WHERE grp = +? AND owner = 0 ORDER BY due_at LIMIT 1) AS due`;
const leaseSql = `SELECT min(lease_until) AS until FROM pubsub_owner
  WHERE id <> +? AND EXISTS (SELECT 1 FROM pubsub_delivery WHERE grp = +? AND owner = pubsub_owner.id)`;
const readSql = `SELECT seq, expires_at, content_type, metadata, data FROM pubsub_message
  WHERE seq IN (SELECT value FROM json_each(?)) ORDER BY seq`;
/** As `readSql` for numbers without a gap between them: half the work. */
const readRangeSql = `SELECT seq, expires_at, content_type, metadata, data FROM pubsub_message
  WHERE seq BETWEEN +? AND +? ORDER BY seq`;

const noMetadata: Readonly<Record<string, string>> = Object.freeze({});
type Readable = Pick<StoredMessage, "data" | "contentType" | "metadata">;
const nothing: Readable = { data: new Uint8Array(), contentType: "", metadata: "" };

function storedMessage(row: SqlRow | undefined): Readable {
  if (row === undefined) return nothing;
  return {
    data: row["data"] as Uint8Array,
    contentType: row["content_type"] as string,
    metadata: row["metadata"] as string,
  };
}

/**
 * One subscription: claims messages for its group as handlers become free, reads them, hands them over, acknowledges or gives
 * back. What is claimed is bounded, so a backlog stays on disk.
 */
export class Consumer {
  readonly #ports: ConsumerPorts;
  /** Claimed and not yet read, oldest first. */
  #claimed: ClaimedDelivery[] = [];
  #active = 0;
  #activeBytes = 0;
  #isClaiming = false;
  /** There may be something to take that was not looked for yet. */
  #isWanted = false;
  /** The next message of a key may be due as soon as what is being written is there. */
  #isDue = false;
  #isClosed = false;
  #isContinuing = false;
  /** How many to claim beyond what handlers have now: what they finish while a claim is written. */
  #ahead = 0;
  #finished = 0;
  /** Number of the newest message that was claimed. */
  #newest = 0;
  #alarmAt = Infinity;
  #cancelAlarm: (() => void) | undefined;
  #settled: (() => void) | undefined;

  constructor(ports: ConsumerPorts) {
    this.#ports = ports;
  }

  get topic(): number {
    return this.#ports.topic.id;
  }

  get group(): number {
    return this.#ports.group;
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

  /** Whether a message of this number will be claimed before long. */
  isNear(seq: number): boolean {
    return !this.#isClosed && seq - this.#newest <= NEAR_MESSAGES;
  }

  /** Whether `expect` would claim now. */
  get canExpect(): boolean {
    return !this.#isClosed && !this.#isClaiming && this.#room() > 0;
  }

  /**
   * A message is being written to the topic in this very turn: claims it unseen. False: it cannot just now, and must be told when
   * the message is there.
   */
  expect(): boolean {
    if (!this.canExpect) return false;
    const room = this.#room();
    void this.#claim(this.#freshSteps(room), room);
    return true;
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

  /** How many may be claimed: at once where handlers wait for work, otherwise in larger pieces. */
  #room(): number {
    const { concurrency } = this.#ports;
    const isWaiting = this.#active < concurrency && this.#claimed.length === 0;
    if (!isWaiting && this.#claimed.length * 2 > this.#ahead) return 0;
    return Math.min(MOST_CLAIMED, concurrency + this.#ahead - this.held);
  }

  #take(): void {
    const room = this.#room();
    if (this.#isClosed || this.#isClaiming || room <= 0) return;
    if (this.#isDue) {
      this.#isDue = false;
      const { clock, owner, group } = this.#ports;
      const now = clock.now();
      void this.#claim(this.#withLease([dueStep({ group, owner: owner.id, now, limit: room })], now), room);
      return;
    }
    if (!this.#isWanted) return;
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
    const news = storage.get(newsSql, [topic.id, group, group]);
    const due = Number(news?.["due"] ?? Infinity);
    const claim = { group, owner: owner.id, now, limit: room };
    // After redeliveries there may be new messages as well: those claims count as full.
    if (due <= now) return void this.#claim(this.#withLease([dueStep(claim)], now), 0);
    if (news?.["fresh"] === 1) return void this.#claim(this.#freshSteps(room), room);
    const until = Number(storage.get(leaseSql, [owner.id, group])?.["until"] ?? Infinity);
    if (until < now)
      return void this.#claim(this.#withLease([takeoverStep(group, owner.id, now), dueStep(claim)], now), 0);
    // A lease is over one millisecond after its last.
    this.#alarmAt = Infinity;
    this.#setAlarm(Math.min(due, until + 1));
  }

  #freshSteps(limit: number): readonly Step[] {
    const { clock, owner, group } = this.#ports;
    return this.#withLease(freshSteps({ group, owner: owner.id, limit }), clock.now());
  }

  #withLease(steps: readonly Step[], now: number): readonly Step[] {
    const renewal = this.#ports.owner.renewal(now);
    return renewal === undefined ? steps : [...steps, renewal];
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
    this.#finished = 0;
    owner.keep();
    try {
      // In front of the claim: what is acknowledged may let the next message of a key go.
      acks.send();
      const rows = this.#keep(await storage.write(steps));
      this.#isWanted ||= rows >= full;
    } catch (error) {
      owner.doubt();
      this.#tryLater("claim messages", error);
    } finally {
      this.#isClaiming = false;
    }
    const { concurrency } = this.#ports;
    this.#ahead = concurrency === 1 ? 0 : Math.min(MOST_AHEAD, concurrency, this.#finished * 2);
    this.#start();
    this.#take();
    this.#tellSettled();
  }

  /** Notes what a claim has given; answers how many rows there were, with those that wait for an earlier one of their key. */
  #keep(results: readonly StepResult[]): number {
    const { owner, inbox } = this.#ports;
    let count = 0;
    let isSorted = true;
    let waiting: Set<number> | undefined;
    for (const { rows } of results) {
      for (const row of rows) {
        const seq = row["seq"] as number;
        // Only the second step of a fresh claim answers rows without a size.
        if (row["size"] === undefined) {
          waiting ??= new Set();
          waiting.add(seq);
          continue;
        }
        isSorted &&= seq > (this.#claimed.at(-1)?.seq ?? 0);
        if (seq > this.#newest) this.#newest = seq;
        this.#claimed.push(inbox.delivery(owner.id, row));
        count += 1;
      }
    }
    if (waiting !== undefined) {
      const held = waiting;
      this.#claimed = this.#claimed.filter(({ seq }) => !held.has(seq));
    }
    if (!isSorted) this.#claimed.sort((a, b) => a.seq - b.seq);
    return count;
  }

  #tryLater(what: string, error: unknown): void {
    this.#ports.failed(what, error);
    this.#isWanted = false;
    this.#setAlarm(this.#ports.clock.now() + AGAIN_MS);
  }

  /** Hands claimed messages to handlers while there are free ones and the bytes are within bounds. */
  #start(): void {
    while (this.#claimed.length > 0 && !this.#isClosed) {
      const most = Math.min(MOST_ROWS, this.#ports.concurrency - this.#active);
      let rows = 0;
      let bytes = this.#activeBytes;
      for (const claimed of this.#claimed) {
        bytes += claimed.bytes;
        if (rows >= most || (bytes > MOST_BYTES && rows + this.#active > 0)) break;
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

  #read(claimed: readonly ClaimedDelivery[]): void {
    const { clock, recent } = this.#ports;
    const now = clock.now();
    const unknown = claimed.filter(({ seq }) => recent.get(seq) === undefined);
    const rows = this.#rowsOf(unknown);
    for (const delivery of claimed) {
      const known = recent.get(delivery.seq);
      if (known !== undefined) this.#hand(delivery, known, known.expiresAt, now);
      else {
        const row = rows.get(delivery.seq);
        const expiresAt = row === undefined ? 0 : (row["expires_at"] as number | null);
        this.#hand(delivery, storedMessage(row), expiresAt, now);
      }
    }
  }

  #rowsOf(claimed: readonly ClaimedDelivery[]): ReadonlyMap<number, SqlRow> {
    const rows = new Map<number, SqlRow>();
    const first = claimed[0]?.seq;
    if (first === undefined) return rows;
    const { storage } = this.#ports;
    const last = claimed.at(-1)?.seq ?? first;
    const isWhole = last - first === claimed.length - 1;
    const found = isWhole
      ? storage.all(readRangeSql, [first, last])
      : storage.all(readSql, [JSON.stringify(claimed.map(({ seq }) => seq))]);
    for (const row of found) rows.set(row["seq"] as number, row);
    return rows;
  }

  #hand(delivery: ClaimedDelivery, message: Readable, expiresAt: number | null, now: number): void {
    // It expired while it waited: nobody gets it, and the group is done with it.
    if (expiresAt !== null && expiresAt <= now) {
      this.#done(delivery);
      return;
    }
    const { data, contentType, metadata: text } = message;
    const metadata = text === "" ? noMetadata : (JSON.parse(text) as Record<string, string>);
    const { attempt, seq } = delivery;
    const topic = this.#ports.topic.name;
    this.#run(delivery, { topic, data, contentType, metadata, attempt, id: String(seq), embedded: delivery });
  }

  #done(delivery: ClaimedDelivery): void {
    const { acks, group } = this.#ports;
    const { seq, key } = delivery;
    acks.add(group, delivery, seq, key);
    if (key !== null) this.#isDue = true;
  }

  /** Not an async function: each message in a handler would keep the frame of one. */
  #run(delivery: ClaimedDelivery, message: IncomingMessage): void {
    const bytes = message.data.length;
    this.#active += 1;
    this.#activeBytes += bytes;
    void this.#ports.handle(message).then(
      (outcome) => this.#handled(delivery, bytes, outcome),
      (error: unknown) => {
        this.#ports.failed("handle a message", error);
        return this.#handled(delivery, bytes, "retry");
      },
    );
  }

  #handled(delivery: ClaimedDelivery, bytes: number, outcome: Delivery): void | Promise<void> {
    // When a transaction of somebody else has acknowledged it, there is nothing left to say.
    if (delivery.isSettled) this.#isDue ||= delivery.key !== null;
    else if (outcome === "ack") this.#done(delivery);
    else return this.#giveBack(delivery).then(() => this.#free(bytes));
    this.#free(bytes);
  }

  #free(bytes: number): void {
    this.#active -= 1;
    this.#activeBytes -= bytes;
    this.#finished += 1;
    this.#continue();
    this.#tellSettled();
  }

  /** A handler is free. Those of a bulk become free in one turn, and what they get is read together. */
  #continue(): void {
    if (this.#isContinuing) return;
    this.#isContinuing = true;
    queueMicrotask(() => {
      this.#isContinuing = false;
      this.#start();
      this.#take();
    });
  }

  async #giveBack(delivery: ClaimedDelivery): Promise<void> {
    const { storage, clock, group } = this.#ports;
    const dueAt = this.#isClosed ? 0 : clock.now() + backOff(this.#ports.backOff, delivery.attempt);
    for (;;) {
      try {
        await storage.write([retryStep(group, delivery, delivery.seq, dueAt)]);
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

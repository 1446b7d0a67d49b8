import type { Delivery, IncomingMessage } from "../../../src/driver/pubsub.ts";
import type { Clock } from "../../../src/kit/clock.ts";
import type { SqlRow } from "../../../src/platform/types.ts";
import type { Step, Storage } from "../../../src/storage/storage.ts";
import type { Acks } from "./acks.ts";
import { type BackOff, backOff } from "./back-off.ts";
import type { Owner } from "./owner.ts";
import { dueStep, freshSteps, releaseStep, retryStep, takeoverStep } from "./statements.ts";

export interface ConsumerPorts {
  readonly storage: Pick<Storage, "get" | "all" | "write">;
  readonly clock: Clock;
  readonly owner: Owner;
  readonly acks: Acks;
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
  (SELECT 1 FROM pubsub_message WHERE topic = ? AND seq > (SELECT cursor FROM pubsub_group WHERE id = ?)
    AND (expires_at IS NULL OR expires_at > ?) LIMIT 1) AS fresh,
  (SELECT due_at FROM pubsub_delivery WHERE grp = ? AND owner = 0 ORDER BY due_at LIMIT 1) AS due`;
const leaseSql = `SELECT min(lease_until) AS until FROM pubsub_owner
  WHERE id <> ? AND EXISTS (SELECT 1 FROM pubsub_delivery WHERE grp = ? AND owner = pubsub_owner.id)`;
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
  #isWanted = false;
  #isClosed = false;
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

  /** There may be news: takes what there is room for. */
  pump(): void {
    if (this.#isClosed) return;
    if (this.#isClaiming) {
      this.#isWanted = true;
      return;
    }
    const room = this.#ports.concurrency - this.held;
    if (room <= 0) return;
    try {
      const steps = this.#look(room);
      if (steps !== undefined) void this.#claim(steps);
    } catch (error) {
      this.#tryLater("look for messages", error);
    }
  }

  /** A message is being written to the topic in this very turn: claims it unseen, if there is room. */
  expect(): void {
    const { clock, owner, topic, group, concurrency } = this.#ports;
    const room = concurrency - this.held;
    if (this.#isClosed || this.#isClaiming || room <= 0) return;
    const now = clock.now();
    const steps = freshSteps({ topic: topic.id, group, owner: owner.id, now, limit: room });
    const renewal = owner.renewal(now);
    void this.#claim(renewal === undefined ? steps : [renewal, ...steps]);
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

  /** The steps of a claim, or undefined when there is nothing; then the next look is scheduled. */
  #look(room: number): Step[] | undefined {
    const { storage, clock, owner, topic, group } = this.#ports;
    const now = clock.now();
    const news = storage.get(newsSql, [topic.id, group, now, group]);
    const due = news?.["due"] ?? null;
    const claim = { topic: topic.id, group, owner: owner.id, now, limit: room };
    const steps: Step[] = [];
    if (due !== null && Number(due) <= now) steps.push(dueStep(claim));
    else if (news?.["fresh"] === 1) steps.push(...freshSteps(claim));
    else {
      const until = storage.get(leaseSql, [owner.id, group])?.["until"] ?? null;
      if (until === null || Number(until) >= now) {
        // A lease is over one millisecond after its last.
        const next = Math.min(Number(due ?? Infinity), until === null ? Infinity : Number(until) + 1);
        this.#setAlarm(next);
        return undefined;
      }
      steps.push(takeoverStep(group, owner.id, now), dueStep(claim));
    }
    const renewal = owner.renewal(now);
    return renewal === undefined ? steps : [renewal, ...steps];
  }

  #setAlarm(at: number): void {
    this.#cancelAlarm?.();
    this.#cancelAlarm = undefined;
    if (at === Infinity) return;
    this.#cancelAlarm = this.#ports.clock.alarm(at, () => {
      this.#cancelAlarm = undefined;
      this.pump();
    });
  }

  async #claim(steps: readonly Step[]): Promise<void> {
    const { storage, acks, owner } = this.#ports;
    this.#isClaiming = true;
    this.#isWanted = false;
    owner.keep();
    try {
      const writing = storage.write(steps);
      acks.send();
      const results = await writing;
      const rows = results.flatMap(({ rows }) => rows);
      this.#claimed.push(...rows.map(claimedOf));
      this.#claimed.sort((a, b) => a.seq - b.seq);
      this.#isWanted ||= rows.length > 0;
    } catch (error) {
      owner.doubt();
      this.#isWanted = false;
      this.#tryLater("claim messages", error);
    } finally {
      this.#isClaiming = false;
    }
    this.#start();
    if (this.#isWanted) this.pump();
    this.#tellSettled();
  }

  #tryLater(what: string, error: unknown): void {
    this.#ports.failed(what, error);
    if (!this.#isClosed) this.#setAlarm(this.#ports.clock.now() + AGAIN_MS);
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

  async #run(seq: number, message: IncomingMessage): Promise<void> {
    const { acks, group } = this.#ports;
    this.#active += 1;
    this.#activeBytes += message.data.length;
    const delivery = await this.#outcome(message);
    if (delivery === "ack") acks.add(group, seq);
    else await this.#giveBack(seq, message.attempt ?? 1);
    this.#active -= 1;
    this.#activeBytes -= message.data.length;
    this.#start();
    this.pump();
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

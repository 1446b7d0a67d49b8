import type { EmbeddedDelivery, EventIdentity } from "../../../src/driver/pubsub.ts";
import type { Clock } from "../../../src/kit/clock.ts";
import type { SqlRow } from "../../../src/platform/types.ts";
import type { Schema, Step, Storage } from "../../../src/storage/storage.ts";
import { type Fence, ownAckStep, promoteStep } from "./statements.ts";

/**
 * The inbox: events whose acknowledgement was committed together with what their app wrote. It belongs to the consumer group, so
 * an event counts once for each group, in whatever message it comes.
 */
export const inboxSchema: Schema = {
  owner: "pubsub.embedded.inbox",
  migrations: [
    {
      version: 1,
      statements: [
        `CREATE TABLE pubsub_inbox (
          grp INTEGER NOT NULL, source TEXT NOT NULL, id TEXT NOT NULL, received_at INTEGER NOT NULL,
          PRIMARY KEY (grp, id, source)) WITHOUT ROWID`,
        "CREATE INDEX pubsub_inbox_age ON pubsub_inbox (received_at)",
      ],
    },
    // The sweep walks through the whole table: an index costs each entry a page.
    { version: 2, statements: ["DROP INDEX pubsub_inbox_age"] },
  ],
};

/** The inbox of one consumer group. */
export interface Inbox {
  /** One delivery to the group, as the row of its claim tells it. */
  delivery(owner: number, row: SqlRow): ClaimedDelivery;
}

export interface InboxPorts {
  readonly storage: Storage;
  readonly clock: Pick<Clock, "now">;
  readonly group: number;
  /** An acknowledgement is on disk. */
  acknowledged(): void;
}

const anySql = "SELECT 1 FROM pubsub_inbox WHERE grp = +? LIMIT 1";
const knownSql = "SELECT 1 FROM pubsub_inbox WHERE grp = +? AND id = +? AND source = +?";
const enterSql = "INSERT INTO pubsub_inbox (grp, source, id, received_at) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING";

/** Opens the inbox of a group. A group that never used it costs its deliveries nothing. */
export function createInbox(ports: InboxPorts): Inbox {
  const { storage, group } = ports;
  const shared = { ...ports, isUsed: storage.get(anySql, [group]) !== undefined };
  return { delivery: (owner, row) => new ClaimedDelivery(shared, owner, row) };
}

/**
 * A message that this process has claimed, and that a transaction of somebody else may acknowledge while it is in its handler. Thousands
 * may be claimed: a class is the smallest way.
 */
export class ClaimedDelivery implements EmbeddedDelivery, Fence {
  readonly #inbox: InboxPorts & { isUsed: boolean };
  readonly seq: number;
  readonly owner: number;
  readonly epoch: number;
  readonly attempt: number;
  readonly key: string | null;
  readonly bytes: number;
  /** It was acknowledged by a transaction. */
  isSettled = false;

  constructor(inbox: InboxPorts & { isUsed: boolean }, owner: number, row: SqlRow) {
    this.#inbox = inbox;
    this.seq = row["seq"] as number;
    this.owner = owner;
    this.epoch = row["epoch"] as number;
    this.attempt = row["attempt"] as number;
    this.key = row["key"] as string | null;
    this.bytes = (row["size"] as number | null) ?? 0;
  }

  get storage(): Storage {
    return this.#inbox.storage;
  }

  /** What other processes enter is seen at the commit at the latest. */
  isKnown({ source, id }: EventIdentity): boolean {
    const { isUsed, storage, group } = this.#inbox;
    return isUsed && storage.get(knownSql, [group, id, source]) !== undefined;
  }

  acknowledge({ source, id }: EventIdentity, steps: Step[]): void {
    const { group, clock } = this.#inbox;
    this.#inbox.isUsed = true;
    const { seq, key } = this;
    steps.push(ownAckStep(group, this, seq), {
      sql: enterSql,
      params: [group, source, id, clock.now()],
      expect: 1,
    });
    if (key !== null) steps.push(promoteStep(group, [key]));
  }

  fault(step: number): "known" | "lost" {
    return step === 1 ? "known" : "lost";
  }

  acknowledged(): void {
    this.isSettled = true;
    this.#inbox.acknowledged();
  }
}

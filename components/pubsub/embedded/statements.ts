import type { SqlValue } from "../../../src/platform/types.ts";
import type { Step } from "../../../src/storage/storage.ts";

/** A message as its row has it. Times are epoch milliseconds. */
export interface StoredMessage {
  readonly topic: number;
  readonly publishedAt: number;
  readonly expiresAt: number | null;
  /** Messages of a key are handed over one after the other. */
  readonly key: string | null;
  /** Metadata as JSON; empty when there is none. */
  readonly metadata: string;
  readonly contentType: string;
  readonly data: Uint8Array;
  /** Of a dead letter: the topic and the group that it comes from. */
  readonly origin?: { readonly topic: number; readonly group: string };
}

/** Proof that a delivery is still the one that was handed out. */
export interface Fence {
  readonly owner: number;
  /** Replays of the group before the message was handed out. */
  readonly epoch: number;
  readonly attempt: number;
}

// `+?` and not `?`: SQLite plans a statement anew each time when a plain parameter might change its estimates, and that costs
// thirty times what the statement does.

// Texts are whole constants: one that is put together for each statement would be read through again to be recognised.
// portable: node:sqlite 22.18 binds an empty array as NULL
const publishSql = `INSERT INTO pubsub_message (topic, published_at, expires_at, size, key, content_type, metadata, data)
  VALUES (?, ?, ?, ?, ?, ?, ?, coalesce(?, x''))`;
const numberedSql = `${publishSql} RETURNING seq`;
const asideSql = `INSERT INTO pubsub_message
  (topic, published_at, expires_at, size, key, origin, origin_group, content_type, metadata, data)
  VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, coalesce(?, x''))`;
const numberedAsideSql = `${asideSql} RETURNING seq`;

function publishParams(message: StoredMessage): SqlValue[] {
  const { topic, publishedAt, expiresAt, key, contentType, metadata, data, origin } = message;
  return origin === undefined
    ? [topic, publishedAt, expiresAt, data.length, key, contentType, metadata, data]
    : [topic, publishedAt, expiresAt, data.length, key, origin.topic, origin.group, contentType, metadata, data];
}

/** Adds a message to its topic. */
export function publishStep(message: StoredMessage): Step {
  return { sql: message.origin === undefined ? publishSql : asideSql, params: publishParams(message) };
}

/** Messages of one such step. */
const TOGETHER = 16;
const togetherSql = `INSERT INTO pubsub_message (topic, published_at, expires_at, size, key, content_type, metadata, data)
  SELECT c.topic, c.published_at, c.expires_at, length(coalesce(d.column1, x'')), c.key, c.content_type, c.metadata,
    coalesce(d.column1, x'')
  FROM (SELECT ? AS topic, ? AS published_at, ? AS expires_at, ? AS key, ? AS content_type, ? AS metadata) AS c
  CROSS JOIN (VALUES ${new Array(TOGETHER).fill("(?)").join(", ")}) AS d`;

function differOnlyInBytes(a: StoredMessage, b: StoredMessage): boolean {
  return a.contentType === b.contentType && a.metadata === b.metadata && a.key === b.key && a.expiresAt === b.expiresAt;
}

/**
 * Adds messages to their topic, in their order; all come from one publish. Those that differ in nothing but their bytes share
 * statements, at half the cost of statements of their own.
 */
export function publishSteps(messages: readonly StoredMessage[]): Step[] {
  const steps: Step[] = [];
  for (let at = 0; at < messages.length; ) {
    const first = messages[at]!;
    let end = at + 1;
    const most = first.origin === undefined ? Math.min(at + TOGETHER, messages.length) : at + 1;
    while (end < most && differOnlyInBytes(first, messages[end]!)) end += 1;
    if (end - at === TOGETHER) {
      const { topic, publishedAt, expiresAt, key, contentType, metadata } = first;
      const params: SqlValue[] = [topic, publishedAt, expiresAt, key, contentType, metadata];
      for (; at < end; at++) params.push(messages[at]!.data);
      steps.push({ sql: togetherSql, params });
    } else for (; at < end; at++) steps.push(publishStep(messages[at]!));
  }
  return steps;
}

/** As `publishStep`, and answers the number of the message. */
export function numberedPublishStep(message: StoredMessage): Step {
  const sql = message.origin === undefined ? numberedSql : numberedAsideSql;
  return { sql, params: publishParams(message), returning: true };
}

/** Behind the steps that publish several messages: answers the number of the last one. The others have the numbers before it. */
export const lastNumberStep: Step = { sql: "SELECT last_insert_rowid() AS seq", params: [], returning: true };

/**
 * Has to be in front of each step that removes messages, in its transaction: a number is never given twice, not even after its
 * message is gone, because cursors rely on it. Puts the row that is no message behind the last one.
 */
export const keepNumbersStep: Step = {
  sql: `UPDATE pubsub_message SET seq = (SELECT max(seq) + 1 FROM pubsub_message)
    WHERE topic = -1 AND seq < (SELECT max(seq) FROM pubsub_message)`,
  params: [],
};

/** Keeps a message back until `dueAt`. */
export function delayStep(message: StoredMessage, dueAt: number): Step {
  const { topic, expiresAt, key, contentType, metadata, data } = message;
  return {
    sql: `INSERT INTO pubsub_delayed (topic, due_at, expires_at, size, key, content_type, metadata, data)
      VALUES (?, ?, ?, ?, ?, ?, ?, coalesce(?, x''))`,
    params: [topic, dueAt, expiresAt, data.length, key, contentType, metadata, data],
  };
}

/** Adds up to `limit` delayed messages that are due to their topics, in the order in which they are due; the second step answers the topics. */
export function dueDelayedSteps(now: number, limit: number): [Step, Step] {
  const due = "SELECT id FROM pubsub_delayed WHERE due_at <= +? ORDER BY due_at, id LIMIT +?";
  return [
    {
      sql: `INSERT INTO pubsub_message (topic, published_at, expires_at, size, key, content_type, metadata, data)
        SELECT topic, due_at, expires_at, size, key, content_type, metadata, data FROM pubsub_delayed
        WHERE id IN (${due}) ORDER BY due_at, id`,
      params: [now, limit],
    },
    { sql: `DELETE FROM pubsub_delayed WHERE id IN (${due}) RETURNING topic`, params: [now, limit], returning: true },
  ];
}

/** Bytes of a claimed message, so that it is known before it is read. */
const size = "(SELECT size FROM pubsub_message WHERE seq = pubsub_delivery.seq) AS size";
/** Whether a delivery has to wait for another one of its key. */
const hasEarlier = `EXISTS (SELECT 1 FROM pubsub_delivery AS earlier WHERE earlier.grp = pubsub_delivery.grp
  AND earlier.key = pubsub_delivery.key AND earlier.seq < pubsub_delivery.seq)`;

const handFreshSql = `INSERT INTO pubsub_delivery (grp, owner, due_at, seq, attempt, epoch, key)
  SELECT g.id, +?, 0, m.seq, 1, g.epoch, m.key
  FROM pubsub_group AS g CROSS JOIN pubsub_message AS m ON m.topic = g.topic AND m.seq > g.cursor
  WHERE g.id = +? ORDER BY m.seq LIMIT +? RETURNING seq, attempt, epoch, key, ${size}`;
const keepWaitingSql = `UPDATE pubsub_delivery SET owner = -1, attempt = 0
  WHERE grp = +? AND owner = +? AND due_at = 0 AND seq > (SELECT cursor FROM pubsub_group WHERE id = +?)
  AND key IS NOT NULL AND ${hasEarlier} RETURNING seq`;
const cursorSql = `UPDATE pubsub_group SET cursor = coalesce((SELECT max(seq) FROM (SELECT m.seq FROM pubsub_message AS m
  WHERE m.topic = pubsub_group.topic AND m.seq > pubsub_group.cursor ORDER BY m.seq LIMIT +?)), cursor) WHERE id = +?`;

/**
 * Hands up to `limit` new messages of the group's topic to an owner, expired ones too. The first step answers them; the second
 * one those among them that wait for an earlier one of their key, and are not handed over yet; the third one moves the cursor.
 */
export function freshSteps(claim: {
  readonly group: number;
  readonly owner: number;
  readonly limit: number;
}): [Step, Step, Step] {
  const { group, owner, limit } = claim;
  return [
    { sql: handFreshSql, params: [owner, group, limit], returning: true },
    { sql: keepWaitingSql, params: [group, owner, group], returning: true },
    { sql: cursorSql, params: [limit, group] },
  ];
}

const dueSql = `UPDATE pubsub_delivery SET owner = +?, due_at = 0, attempt = attempt + 1
  WHERE (grp, owner, due_at, seq) IN (
    SELECT grp, owner, due_at, seq FROM pubsub_delivery WHERE grp = +? AND owner = 0 AND due_at <= +?
    ORDER BY due_at, seq LIMIT +?)
  RETURNING seq, attempt, epoch, key, ${size}`;

/** Hands up to `limit` messages whose redelivery is due to an owner; answers them. */
export function dueStep(claim: {
  readonly group: number;
  readonly owner: number;
  readonly now: number;
  readonly limit: number;
}): Step {
  return { sql: dueSql, params: [claim.owner, claim.group, claim.now, claim.limit], returning: true };
}

/** Takes the group's messages from owners whose lease is over: they are due at once. */
export function takeoverStep(group: number, owner: number, now: number): Step {
  return {
    sql: `UPDATE pubsub_delivery SET owner = 0, due_at = 0
      WHERE grp = +? AND owner IN (SELECT id FROM pubsub_owner WHERE id <> +? AND lease_until < +?)`,
    params: [group, owner, now],
  };
}

const own = "grp = +? AND owner = +? AND due_at = 0 AND epoch = +? AND attempt = +?";

const ackOneSql = `DELETE FROM pubsub_delivery WHERE ${own} AND seq = +?`;
const retrySql = `UPDATE pubsub_delivery SET owner = 0, due_at = +? WHERE ${own} AND seq = +?`;
const ackManySql = `DELETE FROM pubsub_delivery WHERE ${own} AND seq IN (SELECT value FROM json_each(?))`;

/** Acknowledges messages, as far as the deliveries are still those of the fence. `promoteStep` belongs to it where they have keys. */
export function ackStep(group: number, { owner, epoch, attempt }: Fence, seqs: readonly number[]): Step {
  if (seqs.length === 1) return { sql: ackOneSql, params: [group, owner, epoch, attempt, seqs[0]!] };
  return { sql: ackManySql, params: [group, owner, epoch, attempt, JSON.stringify(seqs)] };
}

/** As `ackStep` for one message, which must still be that of the fence. */
export function ownAckStep(group: number, { owner, epoch, attempt }: Fence, seq: number): Step {
  return { sql: ackOneSql, params: [group, owner, epoch, attempt, seq], expect: 1 };
}

/** Lets the next message of each of these keys go, where none is out any more. */
export function promoteStep(group: number, keys: readonly string[]): Step {
  return {
    sql: `UPDATE pubsub_delivery SET owner = 0, due_at = 0 WHERE grp = +? AND owner = -1 AND due_at = 0 AND seq IN (
      SELECT (SELECT min(seq) FROM pubsub_delivery WHERE grp = +? AND key = value) FROM json_each(?))`,
    params: [group, group, JSON.stringify(keys)],
  };
}

/** Lets every message go that waits for an earlier one which is gone. */
export function promoteAllStep(group: number): Step {
  return {
    sql: `UPDATE pubsub_delivery SET owner = 0, due_at = 0
      WHERE grp = +? AND owner = -1 AND due_at = 0 AND NOT ${hasEarlier}`,
    params: [group],
  };
}

/** Gives a message back for redelivery at `dueAt`, if the delivery is still that of the fence. */
export function retryStep(group: number, { owner, epoch, attempt }: Fence, seq: number, dueAt: number): Step {
  return { sql: retrySql, params: [dueAt, group, owner, epoch, attempt, seq] };
}

/** Gives back what was claimed and never shown to a handler: the attempt does not count. */
export function releaseStep(group: number, owner: number, seqs: readonly number[]): Step {
  return {
    sql: `UPDATE pubsub_delivery SET owner = 0, due_at = 0, attempt = attempt - 1
      WHERE grp = +? AND owner = +? AND due_at = 0 AND seq IN (SELECT value FROM json_each(?))`,
    params: [group, owner, JSON.stringify(seqs)],
  };
}

import type { Step } from "../../../src/storage/storage.ts";

/** Adds a message to its topic. */
export function publishStep(message: {
  readonly topic: number;
  readonly publishedAt: number;
  readonly expiresAt: number | null;
  readonly contentType: string;
  readonly metadata: Readonly<Record<string, string>>;
  readonly data: Uint8Array;
}): Step {
  let metadata = "";
  for (const _ in message.metadata) {
    metadata = JSON.stringify(message.metadata);
    break;
  }
  return {
    // portable: node:sqlite 22.18 binds an empty array as NULL
    sql: "INSERT INTO pubsub_message (topic, published_at, expires_at, content_type, metadata, data) VALUES (?, ?, ?, ?, ?, coalesce(?, x''))",
    params: [message.topic, message.publishedAt, message.expiresAt, message.contentType, metadata, message.data],
  };
}

// `+?` and not `?`: SQLite plans a statement anew each time when a plain parameter might change its estimates, and that costs
// thirty times what the statement does.

/** Bytes of a claimed message, so that it is known before it is read. */
const size = "(SELECT length(data) FROM pubsub_message WHERE seq = pubsub_delivery.seq) AS size";

/** Hands up to `limit` new messages of a topic to an owner; answers their numbers and sizes. The second step moves the cursor behind them. */
export function freshSteps(claim: {
  readonly topic: number;
  readonly group: number;
  readonly owner: number;
  readonly now: number;
  readonly limit: number;
}): [Step, Step] {
  const { topic, group, owner, now, limit } = claim;
  const last = "(SELECT max(seq) FROM pubsub_delivery WHERE grp = +? AND owner = +? AND due_at = 0)";
  return [
    {
      sql: `INSERT INTO pubsub_delivery (grp, owner, due_at, seq, attempt)
        SELECT +?, +?, 0, seq, 1 FROM pubsub_message
        WHERE topic = +? AND seq > (SELECT cursor FROM pubsub_group WHERE id = +?) AND (expires_at IS NULL OR expires_at > +?)
        ORDER BY seq LIMIT +? RETURNING seq, attempt, ${size}`,
      params: [group, owner, topic, group, now, limit],
      returning: true,
    },
    {
      sql: `UPDATE pubsub_group SET cursor = ${last} WHERE id = +? AND cursor < ${last}`,
      params: [group, owner, group, group, owner],
    },
  ];
}

/** Hands up to `limit` messages whose redelivery is due to an owner; answers their numbers and sizes. */
export function dueStep(claim: {
  readonly group: number;
  readonly owner: number;
  readonly now: number;
  readonly limit: number;
}): Step {
  return {
    sql: `UPDATE pubsub_delivery SET owner = +?, due_at = 0, attempt = attempt + 1
      WHERE (grp, owner, due_at, seq) IN (
        SELECT grp, owner, due_at, seq FROM pubsub_delivery WHERE grp = +? AND owner = 0 AND due_at <= +?
        ORDER BY due_at, seq LIMIT +?)
      RETURNING seq, attempt, ${size}`,
    params: [claim.owner, claim.group, claim.now, claim.limit],
    returning: true,
  };
}

/** Takes the group's messages from owners whose lease is over: they are due at once. */
export function takeoverStep(group: number, owner: number, now: number): Step {
  return {
    sql: `UPDATE pubsub_delivery SET owner = 0, due_at = 0
      WHERE grp = +? AND owner IN (SELECT id FROM pubsub_owner WHERE id <> +? AND lease_until < +?)`,
    params: [group, owner, now],
  };
}

/** Acknowledges messages, as far as the owner still has them. */
export function ackStep(group: number, owner: number, seqs: readonly number[]): Step {
  return {
    sql: "DELETE FROM pubsub_delivery WHERE grp = +? AND owner = +? AND due_at = 0 AND seq IN (SELECT value FROM json_each(?))",
    params: [group, owner, JSON.stringify(seqs)],
  };
}

/** Gives a message back for redelivery at `dueAt`, if the owner still has it. */
export function retryStep(group: number, owner: number, seq: number, dueAt: number): Step {
  return {
    sql: "UPDATE pubsub_delivery SET owner = 0, due_at = +? WHERE grp = +? AND owner = +? AND due_at = 0 AND seq = +?",
    params: [dueAt, group, owner, seq],
  };
}

/** Gives back what was claimed and never shown to a handler: the attempt does not count. */
export function releaseStep(group: number, owner: number, seqs: readonly number[]): Step {
  return {
    sql: `UPDATE pubsub_delivery SET owner = 0, due_at = 0, attempt = attempt - 1
      WHERE grp = +? AND owner = +? AND due_at = 0 AND seq IN (SELECT value FROM json_each(?))`,
    params: [group, owner, JSON.stringify(seqs)],
  };
}

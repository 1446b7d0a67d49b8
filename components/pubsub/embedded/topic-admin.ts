import { DriverError } from "../../../src/driver/errors.ts";
import type { DeadLetter, TopicAdmin, TopicGroup, TopicSummary } from "../../../src/driver/topic-admin.ts";
import type { Clock } from "../../../src/kit/clock.ts";
import type { SqlRow } from "../../../src/platform/types.ts";
import type { Step, Storage } from "../../../src/storage/storage.ts";
import { SEEN_EVERY_MS } from "./owner.ts";
import { keepNumbersStep, promoteAllStep } from "./statements.ts";

export interface TopicAdminPorts {
  readonly storage: Pick<Storage, "get" | "all" | "write">;
  readonly clock: Pick<Clock, "now">;
  /** Subscribers of these topics look again. */
  changed(topics: Iterable<number>): void;
}

const topicsSql = `SELECT id, name,
    (SELECT count(*) FROM pubsub_delayed WHERE topic = t.id) AS delayed,
    (SELECT count(*) FROM pubsub_message WHERE origin = t.id AND topic > 0) AS dead
  FROM pubsub_topic t ORDER BY name`;
const sizesSql = `SELECT count(*) AS messages, coalesce(sum(size), 0) AS bytes, min(seq) AS first, max(seq) AS last
  FROM pubsub_message WHERE topic = ?`;
const oldestSql = "SELECT published_at FROM pubsub_message WHERE topic = ? ORDER BY seq LIMIT 1";
const groupsSql = `SELECT name, cursor,
    (SELECT count(*) FROM pubsub_member m JOIN pubsub_owner o ON o.id = m.owner
      WHERE m.topic = g.topic AND m.grp = g.id AND (o.seen_at > ? OR o.lease_until > ?)) AS consumers,
    (SELECT count(*) FROM pubsub_message WHERE topic = g.topic AND seq > g.cursor) AS fresh,
    (SELECT count(*) FROM pubsub_delivery WHERE grp = g.id AND owner > 0) AS flying,
    (SELECT count(*) FROM pubsub_delivery WHERE grp = g.id AND owner <= 0) AS waiting
  FROM pubsub_group g WHERE topic = ? ORDER BY name`;
const deadSql = `SELECT seq, (SELECT name FROM pubsub_topic WHERE id = m.topic) AS place, origin_group, published_at,
    content_type, metadata, data
  FROM pubsub_message m WHERE origin = ? AND topic > 0 ORDER BY seq LIMIT ?`;
const CHUNK = 500;

function groupOf(row: SqlRow): TopicGroup {
  const inFlight = Number(row["flying"]);
  const waiting = Number(row["waiting"]);
  const backlog = Number(row["fresh"]) + inFlight + waiting;
  return {
    name: String(row["name"]),
    offset: Number(row["cursor"]),
    backlog,
    inFlight,
    waiting,
    consumers: Number(row["consumers"]),
  };
}

function numberOrNull(value: unknown): number | null {
  return value === null || value === undefined ? null : Number(value);
}

/** Looks after the topics of one file. What subscribers have in their handlers meanwhile is settled as usual, or refused. */
export function createTopicAdmin({ storage, clock, changed }: TopicAdminPorts): TopicAdmin {
  function topicId(name: string): number {
    const row = storage.get("SELECT id FROM pubsub_topic WHERE name = ?", [name]);
    if (row === undefined) throw new DriverError("notFound", `there is no topic ${JSON.stringify(name)}`);
    return Number(row["id"]);
  }
  function groupId(topic: number, topicName: string, name: string): number {
    const row = storage.get("SELECT id FROM pubsub_group WHERE topic = ? AND name = ?", [topic, name]);
    if (row === undefined) {
      const place = `topic ${JSON.stringify(topicName)} has no group ${JSON.stringify(name)}`;
      throw new DriverError("notFound", place);
    }
    return Number(row["id"]);
  }

  function groupsOf(topic: number): readonly TopicGroup[] {
    const now = clock.now();
    return storage.all(groupsSql, [now - 2 * SEEN_EVERY_MS, now, topic]).map(groupOf);
  }

  function summaryOf(row: SqlRow): TopicSummary {
    const id = Number(row["id"]);
    const sizes = storage.get(sizesSql, [id]);
    return {
      name: String(row["name"]),
      messages: Number(sizes?.["messages"]),
      bytes: Number(sizes?.["bytes"]),
      oldestAt: numberOrNull(storage.get(oldestSql, [id])?.["published_at"]),
      firstOffset: numberOrNull(sizes?.["first"]),
      lastOffset: numberOrNull(sizes?.["last"]),
      delayed: Number(row["delayed"]),
      deadLetters: Number(row["dead"]),
      groups: groupsOf(id),
    };
  }

  /** One dead letter back to its group, or as a new message where the group is gone. */
  function redeliverSteps(origin: number, row: SqlRow): readonly Step[] {
    const seq = Number(row["seq"]);
    const forget = {
      sql: `DELETE FROM pubsub_delivery WHERE seq = +? AND grp IN (SELECT id FROM pubsub_group WHERE topic = +?)`,
      params: [seq, Number(row["topic"])],
    };
    const group = storage.get("SELECT id FROM pubsub_group WHERE topic = ? AND name = ?", [
      origin,
      String(row["origin_group"]),
    ]);
    if (group === undefined)
      return [
        forget,
        {
          sql: `INSERT INTO pubsub_message (topic, published_at, expires_at, size, key, content_type, metadata, data)
            SELECT origin, +?, expires_at, size, key, content_type, metadata, data FROM pubsub_message WHERE seq = +?`,
          params: [clock.now(), seq],
        },
        keepNumbersStep,
        { sql: "DELETE FROM pubsub_message WHERE seq = +?", params: [seq], expect: 1 },
      ];
    const id = Number(group["id"]);
    return [
      forget,
      { sql: "UPDATE pubsub_message SET topic = 0 WHERE seq = +? AND topic > 0", params: [seq], expect: 1 },
      {
        // Behind those of its key that are out, so that no two of them are with the group at once.
        sql: `INSERT INTO pubsub_delivery (grp, owner, due_at, seq, attempt, epoch, key)
          SELECT +?, CASE WHEN m.key IS NULL OR NOT EXISTS (SELECT 1 FROM pubsub_delivery WHERE grp = +? AND key = m.key)
            THEN 0 ELSE -1 END, 0, m.seq, 0, (SELECT epoch FROM pubsub_group WHERE id = +?), m.key
          FROM pubsub_message AS m WHERE m.seq = +?`,
        params: [id, id, id, seq],
      },
    ];
  }

  return {
    list: async () => storage.all(topicsSql, []).map(summaryOf),

    async deadLetters(topic, limit) {
      return storage.all(deadSql, [topicId(topic), limit]).map((row): DeadLetter => {
        const metadata = String(row["metadata"]);
        return {
          offset: Number(row["seq"]),
          in: String(row["place"]),
          group: String(row["origin_group"]),
          putAsideAt: Number(row["published_at"]),
          contentType: String(row["content_type"]),
          metadata: metadata === "" ? {} : (JSON.parse(metadata) as Record<string, string>),
          data: row["data"] as Uint8Array,
        };
      });
    },

    async redeliver(topic) {
      const id = topicId(topic);
      let count = 0;
      for (;;) {
        const rows = storage.all(
          "SELECT seq, topic, origin_group FROM pubsub_message WHERE origin = ? AND topic > 0 ORDER BY seq LIMIT ?",
          [id, CHUNK],
        );
        if (rows.length === 0) return count;
        for (const row of rows) await storage.write(redeliverSteps(id, row));
        count += rows.length;
        changed([id]);
      }
    },

    async replay(topic, group, from) {
      const id = topicId(topic);
      const grp = groupId(id, topic, group);
      const first = storage.get(
        "offset" in from
          ? "SELECT min(seq) AS seq FROM pubsub_message WHERE topic = ? AND seq >= ?"
          : "SELECT min(seq) AS seq FROM pubsub_message WHERE topic = ? AND published_at >= ?",
        [id, "offset" in from ? from.offset : from.time],
      )?.["seq"];
      // Nothing is that late: only what is published from now on.
      const newest = "SELECT max(seq) AS seq FROM pubsub_message";
      const cursor =
        first === null || first === undefined ? Number(storage.get(newest, [])?.["seq"] ?? 0) : Number(first) - 1;
      await storage.write([
        {
          // Dead letters that were given back are in no topic: they stay.
          sql: `DELETE FROM pubsub_delivery WHERE grp = +? AND seq > +?
            AND NOT EXISTS (SELECT 1 FROM pubsub_message AS m WHERE m.seq = pubsub_delivery.seq AND m.topic = 0)`,
          params: [grp, cursor],
        },
        {
          sql: "UPDATE pubsub_group SET cursor = +?, epoch = epoch + 1 WHERE id = +?",
          params: [cursor, grp],
          expect: 1,
        },
        promoteAllStep(grp),
      ]);
      changed([id]);
      const count = "SELECT count(*) AS n FROM pubsub_message WHERE topic = ? AND seq > ?";
      return Number(storage.get(count, [id, cursor])?.["n"]);
    },

    async removeGroup(topic, group, isForced) {
      const id = topicId(topic);
      const grp = groupId(id, topic, group);
      const found = groupsOf(id).find(({ name }) => name === group);
      if (!isForced && found !== undefined && found.consumers > 0)
        throw new DriverError(
          "unavailable",
          `group ${JSON.stringify(group)} of topic ${JSON.stringify(topic)} has subscribers; stop them first`,
        );
      await storage.write([
        { sql: "DELETE FROM pubsub_delivery WHERE grp = +?", params: [grp] },
        { sql: "DELETE FROM pubsub_group WHERE id = +?", params: [grp], expect: 1 },
      ]);
      changed([id]);
      return found?.backlog ?? 0;
    },

    async purge(topic) {
      const id = topicId(topic);
      let count = 0;
      for (;;) {
        const [, messages, delayed] = await storage.write([
          keepNumbersStep,
          {
            sql: "DELETE FROM pubsub_message WHERE seq IN (SELECT seq FROM pubsub_message WHERE topic = +? LIMIT +?)",
            params: [id, CHUNK],
          },
          {
            sql: "DELETE FROM pubsub_delayed WHERE id IN (SELECT id FROM pubsub_delayed WHERE topic = +? LIMIT +?)",
            params: [id, CHUNK],
          },
        ]);
        const removed = (messages?.changes ?? 0) + (delayed?.changes ?? 0);
        count += removed;
        if (removed > 0) continue;
        // What waits to be delivered again is gone; what is in a handler now is settled by it.
        await storage.write([
          {
            sql: "DELETE FROM pubsub_delivery WHERE owner <= 0 AND grp IN (SELECT id FROM pubsub_group WHERE topic = +?)",
            params: [id],
          },
        ]);
        changed([id]);
        return count;
      }
    },
  };
}

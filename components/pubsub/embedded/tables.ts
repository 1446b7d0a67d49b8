import type { Schema } from "../../../src/storage/storage.ts";

/**
 * Tables of the broker. Topics belong to the file, so every component on one file shares them.
 *
 * A group has a cursor: what lies behind it was handed to a member, or left out because it had expired. A row of
 * `pubsub_delivery` is a message that was handed out and is not done: with an owner above 0 it is in a handler, with owner 0
 * it waits for redelivery at `due_at`, with owner -1 it waits for an earlier message of its key. So a group is done with what
 * lies behind its cursor and has no delivery. A message that all groups of its topic are done with goes, unless the topic
 * retains it. An owner is a running process; what it holds is taken over when its lease is over, and an acknowledgement
 * counts only from the owner, with the epoch and attempt, that the row has. Topic 0 has no groups: its messages are there for
 * single deliveries, and go with them. A delayed message is in a table of its own, and gets its number when it is due.
 *
 * A message gets the number behind that of the last row. The one row of topic -1 is no message: it stays, so that the highest
 * number is never forgotten (see `keepNumbersStep`).
 */
export const brokerSchema: Schema = {
  owner: "pubsub.embedded",
  migrations: [
    {
      version: 1,
      statements: [
        "CREATE TABLE pubsub_topic (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE)",
        `CREATE TABLE pubsub_group (
          id INTEGER PRIMARY KEY, topic INTEGER NOT NULL, name TEXT NOT NULL, cursor INTEGER NOT NULL,
          created_at INTEGER NOT NULL, UNIQUE (topic, name))`,
        // A number is never given twice, not even after its message is gone: cursors rely on it.
        `CREATE TABLE pubsub_message (
          seq INTEGER PRIMARY KEY AUTOINCREMENT, topic INTEGER NOT NULL, published_at INTEGER NOT NULL, expires_at INTEGER,
          content_type TEXT NOT NULL, metadata TEXT NOT NULL, data BLOB NOT NULL)`,
        "CREATE INDEX pubsub_message_topic ON pubsub_message (topic)",
        "CREATE INDEX pubsub_message_expiry ON pubsub_message (expires_at) WHERE expires_at IS NOT NULL",
        `CREATE TABLE pubsub_delivery (
          grp INTEGER NOT NULL, owner INTEGER NOT NULL, due_at INTEGER NOT NULL, seq INTEGER NOT NULL,
          attempt INTEGER NOT NULL, PRIMARY KEY (grp, owner, due_at, seq)) WITHOUT ROWID`,
        "CREATE TABLE pubsub_done (seq INTEGER NOT NULL, grp INTEGER NOT NULL, PRIMARY KEY (seq, grp)) WITHOUT ROWID",
        `CREATE TABLE pubsub_owner (
          id INTEGER PRIMARY KEY, process TEXT NOT NULL, port INTEGER NOT NULL, lease_until INTEGER NOT NULL,
          seen_at INTEGER NOT NULL)`,
        "CREATE TABLE pubsub_member (topic INTEGER NOT NULL, owner INTEGER NOT NULL, PRIMARY KEY (topic, owner)) WITHOUT ROWID",
        // An acknowledgement deletes its delivery, and only a delivery that was there may take the message along.
        `CREATE TRIGGER pubsub_delivered AFTER DELETE ON pubsub_delivery BEGIN
          INSERT OR IGNORE INTO pubsub_done (seq, grp) SELECT OLD.seq, OLD.grp
            WHERE (SELECT count(*) FROM pubsub_group WHERE topic = (SELECT topic FROM pubsub_group WHERE id = OLD.grp)) > 1;
          DELETE FROM pubsub_message WHERE seq = OLD.seq
            AND (SELECT count(*) FROM pubsub_group WHERE topic = pubsub_message.topic)
              <= max(1, (SELECT count(*) FROM pubsub_done WHERE seq = OLD.seq));
        END`,
        `CREATE TRIGGER pubsub_forgotten AFTER DELETE ON pubsub_message BEGIN
          DELETE FROM pubsub_done WHERE seq = OLD.seq;
        END`,
      ],
    },
    {
      version: 2,
      statements: [
        "DROP TRIGGER pubsub_delivered",
        "DROP TRIGGER pubsub_forgotten",
        // Acknowledgements of the groups that are done are what was not handed out again; the others keep their deliveries.
        "DROP TABLE pubsub_done",
        "DROP INDEX pubsub_message_topic",
        "DROP INDEX pubsub_message_expiry",
        // The bytes are the last column, so that the others are read without them.
        `CREATE TABLE pubsub_message_2 (
          seq INTEGER PRIMARY KEY AUTOINCREMENT, topic INTEGER NOT NULL, published_at INTEGER NOT NULL, expires_at INTEGER,
          size INTEGER NOT NULL, key TEXT, origin INTEGER, origin_group TEXT,
          content_type TEXT NOT NULL, metadata TEXT NOT NULL, data BLOB NOT NULL)`,
        `INSERT INTO sqlite_sequence (name, seq)
          SELECT 'pubsub_message_2', seq FROM sqlite_sequence WHERE name = 'pubsub_message'`,
        `INSERT INTO pubsub_message_2 (seq, topic, published_at, expires_at, size, content_type, metadata, data)
          SELECT seq, topic, published_at, expires_at, length(data), content_type, metadata, data FROM pubsub_message`,
        "DROP TABLE pubsub_message",
        "ALTER TABLE pubsub_message_2 RENAME TO pubsub_message",
        "CREATE INDEX pubsub_message_topic ON pubsub_message (topic, seq, published_at, size)",
        "CREATE INDEX pubsub_message_expiry ON pubsub_message (expires_at) WHERE expires_at IS NOT NULL",
        "CREATE INDEX pubsub_message_origin ON pubsub_message (origin, topic) WHERE origin IS NOT NULL",
        `CREATE TABLE pubsub_delayed (
          id INTEGER PRIMARY KEY, topic INTEGER NOT NULL, due_at INTEGER NOT NULL, expires_at INTEGER,
          size INTEGER NOT NULL, key TEXT, content_type TEXT NOT NULL, metadata TEXT NOT NULL, data BLOB NOT NULL)`,
        "CREATE INDEX pubsub_delayed_due ON pubsub_delayed (due_at, topic, size)",
        "ALTER TABLE pubsub_topic ADD COLUMN retain_ms INTEGER",
        "ALTER TABLE pubsub_topic ADD COLUMN retain_bytes INTEGER",
        // Counts replays: what was handed out before one is not acknowledged after it.
        "ALTER TABLE pubsub_group ADD COLUMN epoch INTEGER NOT NULL DEFAULT 0",
        "ALTER TABLE pubsub_delivery ADD COLUMN epoch INTEGER NOT NULL DEFAULT 0",
        "ALTER TABLE pubsub_delivery ADD COLUMN key TEXT",
        "CREATE INDEX pubsub_delivery_key ON pubsub_delivery (grp, key, seq) WHERE key IS NOT NULL",
      ],
    },
    {
      version: 3,
      statements: [
        "DROP TABLE pubsub_member",
        `CREATE TABLE pubsub_member (
          topic INTEGER NOT NULL, owner INTEGER NOT NULL, grp INTEGER NOT NULL, PRIMARY KEY (topic, owner, grp)) WITHOUT ROWID`,
      ],
    },
    {
      version: 4,
      statements: [
        // AUTOINCREMENT writes one page more with each message.
        `CREATE TABLE pubsub_message_4 (
          seq INTEGER PRIMARY KEY, topic INTEGER NOT NULL, published_at INTEGER NOT NULL, expires_at INTEGER,
          size INTEGER NOT NULL, key TEXT, origin INTEGER, origin_group TEXT,
          content_type TEXT NOT NULL, metadata TEXT NOT NULL, data BLOB NOT NULL)`,
        `INSERT INTO pubsub_message_4
          (seq, topic, published_at, expires_at, size, key, origin, origin_group, content_type, metadata, data)
          SELECT seq, topic, published_at, expires_at, size, key, origin, origin_group, content_type, metadata, data
          FROM pubsub_message`,
        `INSERT INTO pubsub_message_4 (seq, topic, published_at, size, content_type, metadata, data)
          SELECT max(given, last + (last > 0)), -1, 0, 0, '', '', x'' FROM (SELECT
            coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'pubsub_message'), 0) AS given,
            coalesce((SELECT max(seq) FROM pubsub_message), 0) AS last)`,
        "DROP TABLE pubsub_message",
        "ALTER TABLE pubsub_message_4 RENAME TO pubsub_message",
        "CREATE INDEX pubsub_message_topic ON pubsub_message (topic, seq, published_at, size)",
        "CREATE INDEX pubsub_message_expiry ON pubsub_message (expires_at) WHERE expires_at IS NOT NULL",
        "CREATE INDEX pubsub_message_origin ON pubsub_message (origin, topic) WHERE origin IS NOT NULL",
      ],
    },
  ],
};

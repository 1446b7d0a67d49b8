import type { Schema } from "../../../src/storage/storage.ts";

/**
 * Tables of the broker. Topics belong to the file, so every component on one file shares them.
 *
 * A message is a row until every group of its topic is done with it. A group has a cursor: what lies behind it was handed to
 * a member or left out because it had expired. A row of `pubsub_delivery` is a message that was handed out and is not done:
 * with an owner it is in a handler, with owner 0 it waits for redelivery at `due_at`. An owner is a running process; what it
 * holds is taken over when its lease is over. `pubsub_done` counts the groups that are done, where a topic has several.
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
  ],
};

import { DriverError } from "../../../src/driver/errors.ts";
import { type RedisArgument, type RedisReply, RedisReplyError } from "../../_shared/redis-client.ts";
import { messageOf, type RedisConnection } from "../../_shared/redis-connection.ts";
import { type PendingEntry, readEntries, readPending, readStreams, type StreamEntry, textOf } from "./entries.ts";

/** What a consumer group of one stream is asked. Methods reject with DriverError, or with RedisReplyError when the server refuses. */
export interface StreamGroup {
  /** Makes the group, which begins with the oldest message, unless there is one. */
  create(): Promise<void>;
  /** Waits up to `blockMs` for messages that no member had yet. */
  read(reader: RedisConnection, count: number, blockMs: number): Promise<readonly StreamEntry[]>;
  /** Pending messages in order, those from `from` on. */
  pending(from: string, count: number): Promise<readonly PendingEntry[]>;
  /** Takes over those that are still idle for so long. */
  claim(ids: readonly string[], idleMs: number): Promise<readonly StreamEntry[]>;
  /** Sets how long they have been idle, without a delivery. */
  touch(ids: readonly string[], idleMs: number): Promise<void>;
  /** Whether the stream still has the message. */
  has(id: string): Promise<boolean>;
  acknowledge(ids: readonly string[]): Promise<void>;
  /** The number of the reader's connection, for `unblock`; undefined where the server does not tell. */
  connectionOf(reader: RedisConnection): Promise<string | undefined>;
  /** Ends the waiting of a reader early. */
  unblock(connection: string): Promise<void>;
}

/** The failure of a command as a driver's error. */
export function streamsError(what: string, cause: unknown): DriverError {
  const kind = DriverError.is(cause) ? cause.kind : "failed";
  return new DriverError(kind, `redis streams: ${what}${messageOf(cause)}`, { cause });
}

/** Whether the server says that the group, or the whole stream, is gone. */
export function isNoGroup(error: unknown): boolean {
  return error instanceof RedisReplyError && error.message.startsWith("NOGROUP");
}

/** A group whose members all go by the group's own name, as upstream's do: any of them takes over what another one left. */
export function createStreamGroup(redis: RedisConnection, topic: string, name: string): StreamGroup {
  // Each of these may run twice without harm, so that a broken connection does not fail them.
  const ask = (...args: RedisArgument[]): Promise<RedisReply> => redis.send({ args, key: topic, isRead: true });
  return {
    async create() {
      try {
        await ask("XGROUP", "CREATE", topic, name, "0", "MKSTREAM");
      } catch (error) {
        if (!(error instanceof RedisReplyError && error.message.startsWith("BUSYGROUP"))) throw error;
      }
    },
    async read(reader, count, blockMs) {
      const args = ["XREADGROUP", "GROUP", name, name, "COUNT", count, "BLOCK", blockMs, "STREAMS", topic, ">"];
      return readStreams(await reader.send({ args, key: topic }, undefined, blockMs));
    },
    async pending(from, count) {
      return readPending(await ask("XPENDING", topic, name, from, "+", count));
    },
    async claim(ids, idleMs) {
      return readEntries(await ask("XCLAIM", topic, name, name, idleMs, ...ids));
    },
    async touch(ids, idleMs) {
      await ask("XCLAIM", topic, name, name, 0, ...ids, "IDLE", idleMs, "JUSTID");
    },
    async has(id) {
      return readEntries(await ask("XRANGE", topic, id, id)).length > 0;
    },
    async acknowledge(ids) {
      await ask("XACK", topic, name, ...ids);
    },
    async connectionOf(reader) {
      try {
        return textOf(await reader.send({ args: ["CLIENT", "ID"], key: topic }));
      } catch (error) {
        if (error instanceof RedisReplyError) return undefined;
        throw error;
      }
    },
    async unblock(connection) {
      await ask("CLIENT", "UNBLOCK", connection);
    },
  };
}

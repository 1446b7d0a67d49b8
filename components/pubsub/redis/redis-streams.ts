import type { DriverContext } from "../../../src/driver/context.ts";
import { DriverError } from "../../../src/driver/errors.ts";
import type { PubSub } from "../../../src/driver/pubsub.ts";
import { openRedis, type RedisConnection } from "../../_shared/redis-connection.ts";
import type { RedisSettings } from "../../_shared/redis-settings.ts";
import { Consumer } from "./consumer.ts";
import { createSlots } from "./slots.ts";
import { createStreamGroup, streamsError } from "./stream-group.ts";

/** How streams are written and read. Times are milliseconds. */
export interface StreamSettings {
  readonly groupName: string;
  readonly redelivery: { readonly afterMs: number; readonly everyMs: number } | undefined;
  readonly queueDepth: number;
  readonly concurrency: number;
  /** About so many messages are kept in a stream; 0 is no limit. */
  readonly maxLength: number;
  /** Older messages are removed; 0 is no limit. */
  readonly lifetimeMs: number;
}

/** Connects, and publishes and subscribes on Redis streams. Rejects with DriverError. */
export async function openRedisStreams(
  settings: RedisSettings,
  streams: StreamSettings,
  context: DriverContext,
): Promise<PubSub> {
  const { clock, random, log } = context;
  const { groupName, redelivery, queueDepth, concurrency, maxLength, lifetimeMs } = streams;
  const redis = await openRedis(settings, context, "redis streams");
  const slots = createSlots(concurrency);
  const consumers = new Set<Consumer>();
  let isClosed = false;

  const refuseClosed = (): void => {
    if (isClosed) throw new DriverError("closed", "component is closed");
  };
  const trimming = (): readonly (string | number)[] => {
    if (maxLength > 0) return ["MAXLEN", "~", maxLength];
    return lifetimeMs > 0 ? ["MINID", "~", `${Math.floor(clock.now() - lifetimeMs)}-1`] : [];
  };

  return {
    features: [],
    async publish({ topic, data, metadata }, signal) {
      refuseClosed();
      const args = ["XADD", topic, ...trimming(), "*", "data", data, "metadata", JSON.stringify(metadata)];
      try {
        await redis.send({ args, key: topic }, signal);
      } catch (error) {
        throw streamsError("error from publish: ", error);
      }
    },
    async subscribe({ topic, atOnce = 1 }, handle, signal) {
      refuseClosed();
      const group = createStreamGroup(redis, topic, groupName);
      let reader: RedisConnection;
      try {
        await group.create();
        reader = await openRedis(settings, { clock, random, log, signal }, "redis streams");
      } catch (error) {
        throw DriverError.is(error) ? error : streamsError("", error);
      }
      const consumer = new Consumer({
        topic,
        groupName,
        group,
        reader,
        // A handler that gathers messages holds on to all of them until it has enough.
        slots: atOnce > concurrency ? createSlots(atOnce) : slots,
        queueDepth: Math.max(queueDepth, atOnce),
        redelivery,
        clock,
        log,
        handle,
      });
      consumers.add(consumer);
      return {
        async close() {
          await consumer.close();
          consumers.delete(consumer);
        },
      };
    },
    async close() {
      if (isClosed) return;
      isClosed = true;
      await Promise.all([...consumers].map((consumer) => consumer.close()));
      redis.close();
    },
  };
}

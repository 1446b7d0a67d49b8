import { defineStateStore } from "../../../src/driver/define-driver.ts";
import { DriverError } from "../../../src/driver/errors.ts";
import { decodeUtf8 } from "../../../src/kit/bytes.ts";
import { m } from "../../../src/kit/schema/codecs.ts";
import { RedisReplyError } from "../../_shared/redis-client.ts";
import { openRedis, type RedisConnection } from "../../_shared/redis-connection.ts";
import { readRedisSettings, redisFields } from "../../_shared/redis-settings.ts";
import { createQueryIndexes, parseQueryIndexes } from "./query-indexes.ts";
import { createRedisStore } from "./redis-store.ts";

const minBackoff = 2000;

async function countReplicas(redis: RedisConnection): Promise<number> {
  const reply = await redis.send({ args: ["INFO", "replication"], isRead: true });
  const text = reply instanceof Uint8Array ? decodeUtf8(reply) : String(reply);
  return Number(/^connected_slaves:([0-9]+)/m.exec(text)?.[1] ?? 0);
}

/** Whether the server has the JSON module: all but one answer mean that it knows the command. */
async function hasJsonModule(redis: RedisConnection): Promise<boolean> {
  try {
    await redis.send({ args: ["JSON.GET"], isRead: true });
    return true;
  } catch (cause) {
    if (!(cause instanceof RedisReplyError)) throw cause;
    return !cause.message.startsWith("ERR unknown command");
  }
}

/** State in Redis, in the form of upstream's driver: both can work on one server at the same time. */
export default defineStateStore({
  type: "state.redis",
  versions: ["v1"],
  status: "stable",
  summary: "State in Redis: one server, sentinels or a cluster",
  metadata: {
    ...redisFields(minBackoff),
    ttlInSeconds: m.integer().help("Time to live of values whose request names none"),
    queryIndexes: m
      .text()
      .default("")
      .help("Indexes for the query API, a JSON list; needs the JSON and search modules"),
    redeliverInterval: m.text().default("").help("Of no meaning for state stores"),
    processingTimeout: m.text().default("").help("Of no meaning for state stores"),
  },
  async open(metadata, context) {
    const settings = readRedisSettings(metadata, minBackoff);
    const indexes = parseQueryIndexes(metadata.queryIndexes);
    const redis = await openRedis(settings, context);
    try {
      const replicas = await countReplicas(redis);
      await createQueryIndexes(redis, indexes);
      const hasJson = await hasJsonModule(redis);
      const isCluster = settings.topology === "cluster";
      const defaultTtl = metadata.ttlInSeconds;
      return await createRedisStore({ redis, isCluster, hasJson, replicas, defaultTtl, indexes });
    } catch (cause) {
      redis.close();
      if (!(cause instanceof RedisReplyError)) throw cause;
      const text = `redis store: error connecting to redis at ${settings.host}: ${cause.message}`;
      throw new DriverError("failed", text, { cause });
    }
  },
});

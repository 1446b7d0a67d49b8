import { definePubSub } from "../../../src/driver/define-driver.ts";
import { DriverError } from "../../../src/driver/errors.ts";
import { m } from "../../../src/kit/schema/codecs.ts";
import { milliseconds, readRedisSettings, redisFields } from "../../_shared/redis-settings.ts";
import { openRedisStreams } from "./redis-streams.ts";

/**
 * Messages in Redis streams, in the form of upstream's driver: both can be members of one consumer group.
 *
 * Each group gets every message at least once. What a handler gives back stays pending and comes again, as does what a member
 * that died had in hand. compat: pubsub/redis of components-contrib acknowledges what a handler gives back, and so loses it;
 * ours does that only when redelivery is off.
 */
export default definePubSub({
  type: "pubsub.redis",
  versions: ["v1"],
  status: "stable",
  summary: "Messages in Redis streams: one server, sentinels or a cluster",
  metadata: {
    ...redisFields(0),
    consumerID: m.text().help("Consumer group; the app id when empty. Members of a group share its messages"),
    processingTimeout: milliseconds(
      60_000,
      "How long a message may go unacknowledged before it is delivered again; 0 turns redelivery off",
    ),
    redeliverInterval: milliseconds(15_000, "How often such messages are looked for; 0 turns redelivery off"),
    queueDepth: m.integer().default(100).help("Messages that wait in memory for a free handler, per topic"),
    concurrency: m.integer().default(10).help("Messages in the app at once; 1 keeps them in order"),
    maxLenApprox: m.integer().default(0).help("About how many messages a stream keeps; 0 is no limit"),
    streamTTL: m.duration().default(0).help("Age at which messages leave a stream; 0 is no limit"),
  },
  async open(metadata, context) {
    const settings = readRedisSettings(metadata, 0);
    const { processingTimeout, redeliverInterval, queueDepth, concurrency, maxLenApprox, streamTTL } = metadata;
    const least = { concurrency: 1, queueDepth: 1, maxLenApprox: 0, streamTTL: 0 } as const;
    for (const [name, minimum] of Object.entries(least))
      if (metadata[name as keyof typeof least] < minimum)
        throw new DriverError("badMetadata", `property "${name}" must be ${minimum} or more`);
    if (maxLenApprox > 0 && streamTTL > 0)
      context.log.warn(
        'redis streams: "streamTTL" has no effect, because "maxLenApprox" is set: leave one of them out',
      );
    const isRedelivering = processingTimeout > 0 && redeliverInterval > 0;
    return openRedisStreams(
      settings,
      {
        groupName: metadata.consumerID || context.appId,
        redelivery: isRedelivering ? { afterMs: processingTimeout, everyMs: redeliverInterval } : undefined,
        queueDepth,
        concurrency,
        maxLength: maxLenApprox,
        lifetimeMs: streamTTL,
      },
      context,
    );
  },
});

import { definePubSub } from "../../../src/driver/define-driver.ts";
import { DriverError } from "../../../src/driver/errors.ts";
import { m } from "../../../src/kit/schema/codecs.ts";
import { storageFailure } from "../../_shared/storage-failure.ts";
import { createBroker } from "./broker.ts";
import { inboxSchema } from "./inbox.ts";
import { brokerSchema } from "./tables.ts";

/**
 * A durable broker in a SQLite file, shared by all components and processes that name the file.
 *
 * A message is on disk before its publisher gets an answer. Each consumer group gets every message of its topics at least once;
 * its members share them. Messages with a `partitionKey` are handed to a group one after the other, in their order; one that
 * comes again holds up those of its key only. Messages with `deliverAt` or `deliverAfter` wait on disk. A new group starts with what is retained: messages that some group still needs, and for a topic
 * without any group those of the last `unreadTTL`, at most `unreadMessages`. A group lasts when its members leave.
 */
export default definePubSub({
  type: "pubsub.embedded",
  versions: ["v1"],
  status: "stable",
  summary: "Durable messages in a SQLite file, shared by all apps of a machine",
  needs: ["sqlite"],
  metadata: {
    path: m.text().help("The file; `pillion.db` in the data folder when empty"),
    consumerID: m.text().help("Consumer group; the app id when empty. Members of a group share its messages"),
    concurrencyMode: m
      .choice("parallel", "single")
      .default("parallel")
      .help("`single` hands over one message at a time, in the order in which they were published"),
    concurrency: m.integer().default(100).help("Messages in the app at once, per subscription"),
    backOffInitialInterval: m.duration().default(500).help("Wait after the first failed delivery of a message"),
    backOffMaxInterval: m.duration().default(60_000).help("Longest wait between two deliveries of a message"),
    backOffMultiplier: m.number().default(2).help("By how much each wait is longer than the one before"),
    leaseDuration: m
      .duration()
      .default(4_000)
      .help("After which the messages of a killed process go to another one; the first component of a file decides"),
    inboxTTL: m
      .duration()
      .default(86_400_000)
      .help("How long a group knows the events that it acknowledged in a transaction with state"),
    maxSize: m
      .bytes()
      .help(
        "How many bytes the file may hold, for example `10Gi`; when it is full, publishing fails. No limit when empty",
      ),
    retention: m
      .duration()
      .help(
        "How long topics keep messages that all groups are done with, for replays; for all time with `retentionSize` alone",
      ),
    retentionSize: m.bytes().help("How many bytes of such messages each topic keeps; no limit with `retention` alone"),
    unreadTTL: m.duration().default(86_400_000).help("How long a topic without consumer groups keeps its messages"),
    unreadMessages: m.integer().default(100_000).help("How many messages a topic without consumer groups keeps"),
  },
  async open(metadata, context) {
    const path = metadata.path || (context.dataDir === undefined ? "" : `${context.dataDir}/pillion.db`);
    if (path === "")
      throw new DriverError("badMetadata", 'there is no data folder: set property "path" to the file of the messages');
    if (metadata.concurrency < 1) throw new DriverError("badMetadata", 'property "concurrency" must be 1 or more');
    if (metadata.maxSize !== undefined && metadata.maxSize <= 0)
      throw new DriverError("badMetadata", 'property "maxSize" must be above 0');
    if ((metadata.retention ?? 0) < 0 || (metadata.retentionSize ?? 0) < 0)
      throw new DriverError("badMetadata", 'properties "retention" and "retentionSize" must not be below 0');
    if (metadata.backOffMultiplier < 1)
      throw new DriverError("badMetadata", 'property "backOffMultiplier" must be 1 or more');
    const storage = await context.storage(path).catch((cause: unknown) => {
      throw storageFailure(cause, "failed to open the broker");
    });
    try {
      await storage.migrate(brokerSchema);
      await storage.migrate(inboxSchema);
    } catch (cause) {
      await storage.close();
      throw storageFailure(cause, "failed to open the broker");
    }
    return createBroker(
      storage,
      {
        groupName: metadata.consumerID || context.appId,
        concurrency: metadata.concurrencyMode === "single" ? 1 : metadata.concurrency,
        backOff: {
          initialMs: metadata.backOffInitialInterval,
          maxMs: metadata.backOffMaxInterval,
          multiplier: metadata.backOffMultiplier,
        },
        inboxMs: metadata.inboxTTL,
        maxBytes: metadata.maxSize,
        retain:
          metadata.retention === undefined && metadata.retentionSize === undefined
            ? undefined
            : { ms: metadata.retention, bytes: metadata.retentionSize },
        leaseMs: Math.max(100, metadata.leaseDuration),
        unread: { ttlMs: metadata.unreadTTL, limit: Math.max(0, metadata.unreadMessages) },
      },
      context,
    );
  },
});

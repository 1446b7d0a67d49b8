import type { DriverContext } from "../../../src/driver/context.ts";
import { DriverError } from "../../../src/driver/errors.ts";
import type { PubSub, Subscription } from "../../../src/driver/pubsub.ts";
import type { TopicAdmin } from "../../../src/driver/topic-admin.ts";
import type { Storage } from "../../../src/storage/storage.ts";
import { StorageError } from "../../../src/storage/storage-error.ts";
import { storageFailure } from "../../_shared/storage-failure.ts";
import type { BackOff } from "./back-off.ts";
import { type HubSettings, useHub } from "./hub.ts";
import type { HubMessage } from "./publication.ts";
import { createSizeLimit } from "./size-limit.ts";
import { createTopicAdmin } from "./topic-admin.ts";

export interface BrokerSettings extends HubSettings {
  /** The group of this component's subscriptions. */
  readonly groupName: string;
  /** Handlers at once in each subscription. */
  readonly concurrency: number;
  readonly backOff: BackOff;
  /** Bytes that the file may hold; undefined: as many as fit on the disk. */
  readonly maxBytes: number | undefined;
  /** What topics that this component uses keep of acknowledged messages; undefined: what others have asked for, or nothing. */
  readonly retain: { readonly ms: number | undefined; readonly bytes: number | undefined } | undefined;
}

/** A message as the runtime gives it, alone or as an entry of a bulk. */
interface GivenMessage extends Omit<HubMessage, "origin"> {
  readonly deadLetterOf?: string;
}

function brokerFailure(cause: unknown): DriverError {
  if (StorageError.is(cause) && cause.kind === "full") return new DriverError("full", cause.message, { cause });
  return storageFailure(cause);
}

/** The embedded broker as one component sees it, on an open file with its tables. It owns `storage` and closes it. */
export function createBroker(
  storage: Storage,
  settings: BrokerSettings,
  context: Pick<DriverContext, "platform" | "clock" | "random" | "log">,
): PubSub {
  const { groupName, concurrency, backOff, maxBytes, retain } = settings;
  const hub = useHub(storage, settings, context);
  const checkSize = maxBytes === undefined ? undefined : createSizeLimit(storage, context.clock, maxBytes);
  const retained = new Set<string>();
  const subscriptions = new Set<Subscription>();
  let isClosed = false;

  async function explained<T>(work: () => Promise<T>): Promise<T> {
    if (isClosed) throw new DriverError("closed", "component is closed");
    try {
      return await work();
    } catch (cause) {
      throw brokerFailure(cause);
    }
  }
  async function retainTopic(topic: string): Promise<void> {
    if (retain === undefined || retained.has(topic)) return;
    await hub.retain(topic, retain.ms, retain.bytes);
    retained.add(topic);
  }
  const messageOf = ({ deadLetterOf, ...message }: GivenMessage): HubMessage =>
    deadLetterOf === undefined ? message : { ...message, origin: { topic: deadLetterOf, group: groupName } };

  async function publish(topic: string, messages: readonly HubMessage[]): Promise<void> {
    if (isClosed) throw new DriverError("closed", "component is closed");
    try {
      // A dead letter takes the place of the message that it was.
      if (messages[0]?.origin === undefined) checkSize?.(messages.reduce((sum, { data }) => sum + data.length, 0));
      if (retain !== undefined) await retainTopic(topic);
      await hub.publish(topic, messages);
    } catch (cause) {
      throw brokerFailure(cause);
    }
  }

  const admin = createTopicAdmin({ storage, clock: context.clock, changed: hub.changed });
  const topics: TopicAdmin = {
    list: () => explained(() => admin.list()),
    deadLetters: (topic, limit) => explained(() => admin.deadLetters(topic, limit)),
    redeliver: (topic) => explained(() => admin.redeliver(topic)),
    replay: (topic, group, from) => explained(() => admin.replay(topic, group, from)),
    removeGroup: (topic, group, isForced) => explained(() => admin.removeGroup(topic, group, isForced)),
    purge: (topic) => explained(() => admin.purge(topic)),
  };

  return {
    topics,
    ignoresSignal: true,
    features: ["MESSAGE_TTL", "BULK_PUBLISH", "DELAYED", "ORDERED"],
    publish: (message) => publish(message.topic, [message.deadLetterOf === undefined ? message : messageOf(message)]),
    embedded: {
      storage,
      prepare(message) {
        if (retain !== undefined || isClosed)
          return explained(async () => {
            checkSize?.(message.data.length);
            await retainTopic(message.topic);
            return hub.prepare(message.topic, [messageOf(message)]);
          });
        try {
          checkSize?.(message.data.length);
          const own = message.deadLetterOf === undefined ? message : messageOf(message);
          const prepared = hub.prepare(message.topic, [own]);
          return prepared instanceof Promise ? explained(() => prepared) : prepared;
        } catch (cause) {
          throw brokerFailure(cause);
        }
      },
    },
    async bulkPublish(topic, entries, metadata) {
      // What is asked for the whole counts for each entry that does not say it otherwise.
      const isAsked = Object.keys(metadata).length > 0;
      const messages = isAsked
        ? entries.map((one) => ({ ...one, metadata: { ...metadata, ...one.metadata } }))
        : entries;
      await publish(topic, messages.map(messageOf));
      return [];
    },
    subscribe: ({ topic, atOnce = 0 }, handle) =>
      explained(async () => {
        await retainTopic(topic);
        // A bulk gathers while another one is in the app.
        const most = concurrency === 1 ? 1 : Math.max(concurrency, 2 * atOnce);
        const opened = await hub.consume({ topic, groupName, concurrency: most, backOff, handle });
        const subscription: Subscription = {
          async close() {
            subscriptions.delete(subscription);
            try {
              await opened.close();
            } catch (cause) {
              throw brokerFailure(cause);
            }
          },
        };
        subscriptions.add(subscription);
        if (isClosed) await subscription.close();
        return subscription;
      }),
    async close() {
      if (isClosed) return;
      isClosed = true;
      await Promise.allSettled([...subscriptions].map((subscription) => subscription.close()));
      await hub.release();
      await storage.close();
    },
  };
}

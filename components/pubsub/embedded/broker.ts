import type { DriverContext } from "../../../src/driver/context.ts";
import { DriverError } from "../../../src/driver/errors.ts";
import type { PubSub, Subscription } from "../../../src/driver/pubsub.ts";
import type { Storage } from "../../../src/storage/storage.ts";
import { storageFailure } from "../../_shared/storage-failure.ts";
import type { BackOff } from "./back-off.ts";
import { type HubMessage, type HubSettings, useHub } from "./hub.ts";

export interface BrokerSettings extends HubSettings {
  /** The group of this component's subscriptions. */
  readonly groupName: string;
  /** Handlers at once in each subscription. */
  readonly concurrency: number;
  readonly backOff: BackOff;
}

/** The embedded broker as one component sees it, on an open file with its tables. It owns `storage` and closes it. */
export function createBroker(
  storage: Storage,
  settings: BrokerSettings,
  context: Pick<DriverContext, "platform" | "clock" | "random" | "log">,
): PubSub {
  const { groupName, concurrency, backOff } = settings;
  const hub = useHub(storage, settings, context);
  const subscriptions = new Set<Subscription>();
  let isClosed = false;

  async function explained<T>(work: () => Promise<T>): Promise<T> {
    if (isClosed) throw new DriverError("closed", "component is closed");
    try {
      return await work();
    } catch (cause) {
      throw storageFailure(cause);
    }
  }
  const publish = (topic: string, messages: readonly HubMessage[]) => explained(() => hub.publish(topic, messages));

  return {
    features: ["MESSAGE_TTL", "BULK_PUBLISH"],
    publish: (message) => publish(message.topic, [message]),
    embedded: { storage, prepare: (message) => explained(() => hub.prepare(message.topic, [message])) },
    async bulkPublish(topic, entries) {
      await publish(topic, entries);
      return [];
    },
    subscribe: ({ topic, atOnce = 0 }, handle) =>
      explained(async () => {
        const most = concurrency === 1 ? 1 : Math.max(concurrency, atOnce);
        const opened = await hub.consume({ topic, groupName, concurrency: most, backOff, handle });
        const subscription: Subscription = {
          async close() {
            subscriptions.delete(subscription);
            try {
              await opened.close();
            } catch (cause) {
              throw storageFailure(cause);
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

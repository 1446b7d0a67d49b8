import type { DriverContext } from "../../driver/context.ts";
import { DriverError } from "../../driver/errors.ts";
import type { PubSub } from "../../driver/pubsub.ts";
import { PubSub as Service } from "../../gen/dapr/proto/components/v1/pubsub_pb.ts";
import { connectComponent } from "./connection.ts";
import { type EventStream, openEventStream } from "./event-stream.ts";

/** Opens a message broker behind a socket. */
export async function openPubSub(
  path: string,
  properties: ReadonlyMap<string, string>,
  context: DriverContext,
): Promise<PubSub> {
  const { name } = context;
  const given = properties.get("consumerID")?.trim() ?? "";
  // compat: pkg/runtime/processor/pubsub tells each broker whose messages it brings
  const metadata = { properties: { ...Object.fromEntries(properties), consumerID: given || context.appId } };
  const connection = await connectComponent({
    path,
    context,
    initialise: (client, options) => client.unary(Service.method.init, { metadata }, options),
  });
  let open = 0;
  let isClosed = false;
  const streams = new Set<EventStream>();
  const refuseClosed = (): void => {
    if (isClosed) throw new DriverError("closed", "component is closed");
  };
  let isPaused = false;

  /** A component need not be able to pause; then its messages go unanswered while the subscriptions close. */
  async function hold(method: "pause" | "resume"): Promise<void> {
    try {
      if (method === "pause") await connection.call(Service.method.pause, {});
      else await connection.call(Service.method.resume, {});
    } catch (error) {
      context.log.debug(
        `pub/sub component ${name} did not ${method}: ${error instanceof Error ? error.message : error}`,
      );
    }
  }

  try {
    const { features } = await connection.call(Service.method.features, {}, context.signal);
    return {
      features: features as PubSub["features"],
      async publish({ topic, data, contentType, metadata: given }, signal) {
        refuseClosed();
        const message = { topic, pubsubName: name, data, contentType, metadata: { ...given } };
        await connection.call(Service.method.publish, message, signal);
      },
      async bulkPublish(topic, entries, given, signal) {
        const message = {
          topic,
          pubsubName: name,
          metadata: { ...given },
          entries: entries.map(({ entryId, data, contentType, metadata: own }) => ({
            entryId,
            event: data,
            contentType,
            metadata: { ...own },
          })),
        };
        const { failedEntries } = await connection.call(Service.method.bulkPublish, message, signal);
        return failedEntries.map(({ entryId, error }) => ({ entryId, error: new DriverError("failed", error) }));
      },
      async subscribe(request, handle, signal) {
        refuseClosed();
        open++;
        try {
          if (isPaused) await hold("resume");
          isPaused = false;
          const subscription = await openEventStream({
            connection,
            context,
            method: Service.method.pullMessages,
            greeting: { topic: { name: request.topic, metadata: { ...request.metadata } } },
            // One after the other keeps the order of the component; only bulks are gathered from several.
            atOnce: Math.max(1, request.atOnce ?? 1),
            what: "pubsub message",
            async settle({ topicName, data, contentType, metadata: own, id }) {
              const message = { topic: topicName, data, contentType, metadata: own };
              const delivery = await handle(message).catch(() => "retry" as const);
              const refusal = {
                ackError: { message: `the subscriber did not take the message of topic ${topicName}` },
              };
              return { ackMessageId: id, ...(delivery === "retry" && refusal) };
            },
            settlesLate: false,
            signal,
          });
          streams.add(subscription);
          return {
            async close() {
              if (!streams.delete(subscription)) return;
              open--;
              // Pausing is for the whole instance, so it waits for the last subscription.
              if (open === 0) {
                isPaused = true;
                await hold("pause");
              }
              await subscription.end();
            },
          };
        } catch (error) {
          open--;
          throw error;
        }
      },
      async close() {
        isClosed = true;
        // What was taken is acknowledged before the connection goes.
        await Promise.all([...streams].map((stream) => stream.end()));
        streams.clear();
        await connection.close();
      },
    };
  } catch (error) {
    await connection.close();
    throw error;
  }
}

import type { MessageInitShape } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import { type GrpcPart, grpcPart } from "../../api/grpc/part.ts";
import type { Delivery, PubSub } from "../../driver/pubsub.ts";
import {
  type PullMessagesRequest,
  type PullMessagesResponseSchema,
  PubSub as Service,
} from "../../gen/dapr/proto/components/v1/pubsub_pb.ts";
import { createEventQueue, type EventQueue } from "./event-queue.ts";
import { componentStatus, initialise, instanceName, instanceOf, onInstance } from "./failure-grpc.ts";
import type { Instances } from "./instances.ts";

type Outgoing = MessageInitShape<typeof PullMessagesResponseSchema>;

/** Brokers, served as pluggable components. */
export function pubsubComponentGrpc(brokers: Instances<PubSub>): readonly GrpcPart[] {
  /** Instances that bring nothing for now, with what ends that. */
  const pauses = new Map<string, PromiseWithResolvers<void>>();

  async function answerAll(
    requests: AsyncIterator<PullMessagesRequest>,
    queue: EventQueue<Outgoing, Delivery>,
  ): Promise<void> {
    try {
      for (let next = await requests.next(); next.done !== true; next = await requests.next()) {
        const { ackMessageId, ackError } = next.value;
        queue.answer(ackMessageId, ackError === undefined ? "ack" : "retry");
      }
    } catch {
      // The stream broke: its messages come again.
    } finally {
      queue.end();
    }
  }

  return [
    grpcPart(Service, {
      init: initialise(brokers),
      features: (_request, context) => onInstance(brokers, context, ({ features }) => ({ features: [...features] })),
      publish: ({ topic, data, contentType, metadata }, context) =>
        onInstance(brokers, context, async (broker) => {
          await broker.publish({ topic, data, contentType, metadata }, context.signal);
          return {};
        }),
      bulkPublish: ({ topic, entries, metadata }, context) =>
        onInstance(brokers, context, async (broker) => {
          const all = entries.map(({ entryId, event, contentType, metadata: own }) => ({
            entryId,
            data: event,
            contentType,
            metadata: own,
          }));
          const failed =
            broker.bulkPublish === undefined
              ? await publishEach(broker, topic, all, metadata, context.signal)
              : await broker.bulkPublish(topic, all, metadata, context.signal);
          return { failedEntries: failed.map(({ entryId, error }) => ({ entryId, error: error.message })) };
        }),
      async *pullMessages(requests, context) {
        const broker = instanceOf(brokers, context);
        const instance = instanceName(context);
        const incoming = requests[Symbol.asyncIterator]();
        const first = await incoming.next();
        const topic = first.done === true ? undefined : first.value.topic;
        if (topic === undefined || topic.name === "")
          throw new ConnectError("the first message of the stream has to name the topic", Code.InvalidArgument);
        const queue = createEventQueue<Outgoing, Delivery>();
        const end = (): void => queue.end();
        context.signal.addEventListener("abort", end);
        try {
          const subscription = await broker.subscribe(
            { topic: topic.name, metadata: topic.metadata },
            async ({ topic: topicName, data, contentType, metadata }) => {
              const paused = pauses.get(instance);
              if (paused !== undefined) await Promise.race([paused.promise, queue.ended]);
              const answer = await queue.ask((id) => ({
                id,
                topicName,
                data,
                contentType,
                metadata: { ...metadata },
              }));
              return answer ?? "retry";
            },
            context.signal,
          );
          try {
            void answerAll(incoming, queue);
            yield* queue;
          } finally {
            queue.end();
            await subscription.close();
          }
        } catch (error) {
          throw componentStatus(error);
        } finally {
          context.signal.removeEventListener("abort", end);
        }
      },
      pause: (_request, context) =>
        onInstance(brokers, context, () => {
          const name = instanceName(context);
          if (!pauses.has(name)) pauses.set(name, Promise.withResolvers());
          return {};
        }),
      resume: (_request, context) =>
        onInstance(brokers, context, () => {
          const name = instanceName(context);
          pauses.get(name)?.resolve();
          pauses.delete(name);
          return {};
        }),
      ping: (_request, context) => onInstance(brokers, context, () => ({})),
    }),
  ];
}

async function publishEach(
  broker: PubSub,
  topic: string,
  entries: Parameters<NonNullable<PubSub["bulkPublish"]>>[1],
  metadata: Readonly<Record<string, string>>,
  signal: AbortSignal,
): Promise<readonly { readonly entryId: string; readonly error: Error }[]> {
  const failed = await Promise.all(
    entries.map(async ({ entryId, data, contentType, metadata: own }) => {
      try {
        await broker.publish({ topic, data, contentType, metadata: { ...metadata, ...own } }, signal);
        return [];
      } catch (error) {
        return [{ entryId, error: error instanceof Error ? error : new Error(String(error)) }];
      }
    }),
  );
  return failed.flat();
}

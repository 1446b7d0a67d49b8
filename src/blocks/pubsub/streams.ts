import { fail } from "../../errors/error.ts";
import type { SubscriptionSpec } from "./model.ts";
import { type OpenSubscription, type OpenSubscriptionPorts, openSubscription } from "./open-subscription.ts";
import type { EventSink, PubSubPorts } from "./ports.ts";

/** The subscriptions of streams: each has its own at the broker, whatever else reads the topic. */
export interface Streams {
  /** `ended` is called when the sidecar ends the stream. Rejects with an ApiError for an unknown broker. */
  open(spec: SubscriptionSpec, sink: EventSink, ended: () => void): Promise<OpenSubscription>;
  /** A broker came, went or was replaced. */
  reload(brokerName: string): Promise<void>;
  /** Closes all for good, when what was sent is answered. */
  stop(): Promise<void>;
  list(): readonly SubscriptionSpec[];
}

interface Stream {
  readonly spec: SubscriptionSpec;
  readonly sink: EventSink;
  readonly ended: () => void;
  /** undefined while its broker is away. */
  open: OpenSubscription | undefined;
}

/** The streams of one sidecar. */
export function createStreams(brokers: PubSubPorts["brokers"], opening: OpenSubscriptionPorts): Streams {
  const streams = new Set<Stream>();
  let isStopped = false;

  async function reopen(stream: Stream): Promise<void> {
    await stream.open?.close();
    stream.open = undefined;
    const broker = brokers.find(stream.spec.pubsubName);
    if (broker !== undefined && streams.has(stream))
      stream.open = await openSubscription(opening, broker, stream.spec, stream.sink);
  }

  return {
    async open(spec, sink, ended) {
      if (isStopped) throw new Error("subscriber is closed");
      const broker = brokers.find(spec.pubsubName);
      if (broker === undefined) throw fail("pubsubNotFound", { pubsub: spec.pubsubName, metadata: null });
      const stream: Stream = { spec, sink, ended, open: undefined };
      try {
        stream.open = await openSubscription(opening, broker, spec, sink);
      } catch (cause) {
        const why = cause instanceof Error ? cause.message : String(cause);
        throw new Error(`failed to create subscription for ${spec.pubsubName}: ${why}`, { cause });
      }
      streams.add(stream);
      return {
        async close() {
          streams.delete(stream);
          await stream.open?.close();
        },
      };
    },
    async reload(brokerName) {
      const own = [...streams].filter(({ spec }) => spec.pubsubName === brokerName);
      await Promise.all(
        own.map((stream) =>
          reopen(stream).catch((error: unknown) => {
            const why = error instanceof Error ? error.message : String(error);
            opening.log.error(`failed to reload the streaming subscription on topic ${stream.spec.topic}: ${why}`);
          }),
        ),
      );
    },
    async stop() {
      isStopped = true;
      await Promise.all(
        [...streams].map(async (stream) => {
          streams.delete(stream);
          await stream.open?.close();
          stream.ended();
        }),
      );
    },
    list: () => [...streams].map(({ spec }) => spec),
  };
}

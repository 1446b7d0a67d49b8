import type { MessageInitShape } from "@bufbuild/protobuf";
import type { DriverContext } from "../../driver/context.ts";
import type { Delivery, IncomingMessage, SubscribeRequest, Subscription } from "../../driver/pubsub.ts";
import {
  PubSub,
  type PullMessagesRequestSchema,
  type PullMessagesResponse,
} from "../../gen/dapr/proto/components/v1/pubsub_pb.ts";
import { componentError } from "./component-error.ts";
import type { ComponentConnection } from "./connection.ts";
import { createOutbox, type Outbox } from "./outbox.ts";

type PullRequest = MessageInitShape<typeof PullMessagesRequestSchema>;
type Handle = (message: IncomingMessage) => Promise<Delivery>;

const firstPauseMs = 100;
const longestPauseMs = 5000;
/** How long a component gets to end the stream after the last acknowledgement. */
const endMs = 500;

/**
 * Takes messages of a topic from a component, one at a time and in its order unless the request asks for several at once. A lost
 * stream is opened again. Rejects when the component cannot be reached at all.
 */
export async function pullMessages(
  connection: ComponentConnection,
  { clock, log }: Pick<DriverContext, "clock" | "log">,
  request: SubscribeRequest,
  handle: Handle,
  signal: AbortSignal,
): Promise<Subscription> {
  const stop = new AbortController();
  const giveUp = (): void => stop.abort(signal.reason);
  signal.addEventListener("abort", giveUp);
  const topic = { name: request.topic, metadata: { ...request.metadata } };
  const atOnce = Math.max(1, request.atOnce ?? 1);
  const inHand = new Set<Promise<void>>();
  let isClosing = false;
  let pauseMs = firstPauseMs;
  let outbox: Outbox<PullRequest> = createOutbox();

  async function settle(message: PullMessagesResponse, answers: Outbox<PullRequest>): Promise<void> {
    const { topicName, data, contentType, metadata, id } = message;
    const delivery = await handle({ topic: topicName, data, contentType, metadata }).catch(() => "retry" as const);
    // A message whose subscription is torn down is neither taken nor refused: the component gives it to another.
    if (stop.signal.aborted) return;
    const refusal = { ackError: { message: `the subscriber did not take the message of topic ${topicName}` } };
    answers.put({ ackMessageId: id, ...(delivery === "retry" && refusal) });
  }

  const open = () => {
    outbox = createOutbox();
    outbox.put({ topic });
    return connection.stream(PubSub.method.pullMessages, outbox, stop.signal);
  };
  type Stream = Awaited<ReturnType<typeof open>>;

  async function read({ messages }: Stream): Promise<void> {
    const answers = outbox;
    try {
      for await (const message of messages) {
        pauseMs = firstPauseMs;
        if (isClosing) continue;
        const work = settle(message, answers).finally(() => inHand.delete(work));
        inHand.add(work);
        if (inHand.size >= atOnce) await Promise.race(inHand);
      }
    } finally {
      answers.end();
    }
  }

  async function run(first: Stream): Promise<void> {
    let stream: Stream | undefined = first;
    while (!isClosing && !stop.signal.aborted) {
      try {
        await read(stream ?? (await open()));
      } catch (error) {
        if (isClosing || stop.signal.aborted) return;
        log.error(`Failed to receive pubsub message: ${componentError(error).message}`);
      }
      stream = undefined;
      if (isClosing) return;
      await clock.sleep(pauseMs, stop.signal).catch(() => undefined);
      pauseMs = Math.min(pauseMs * 2, longestPauseMs);
    }
  }

  const running = run(await open());
  return {
    async close() {
      isClosing = true;
      await Promise.all(inHand);
      outbox.end();
      const cancel = clock.after(endMs, () => stop.abort());
      await running;
      cancel();
      stop.abort();
      signal.removeEventListener("abort", giveUp);
    },
  };
}

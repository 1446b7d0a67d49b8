import type { DescMessage, DescMethodBiDiStreaming, MessageInitShape, MessageShape } from "@bufbuild/protobuf";
import type { DriverContext } from "../../driver/context.ts";
import { componentError } from "./component-error.ts";
import type { ComponentConnection } from "./connection.ts";
import { createOutbox, type Outbox } from "./outbox.ts";

const firstPauseMs = 100;
const longestPauseMs = 5000;
const lingerMs = 100;
/** How long a component gets to end the stream after the last answer. */
const endMs = 500;

export interface EventStreamOptions<I extends DescMessage, O extends DescMessage> {
  readonly connection: ComponentConnection;
  readonly context: Pick<DriverContext, "clock" | "log">;
  readonly method: DescMethodBiDiStreaming<I, O>;
  /** Said at the start of each stream. */
  readonly greeting?: MessageInitShape<I>;
  /** So many events are in hand at most. */
  readonly atOnce: number;
  /** For the log, such as `pubsub message`. */
  readonly what: string;
  /** Resolves with what the component is told of the event; never rejects. */
  settle(event: MessageShape<O>): Promise<MessageInitShape<I>>;
  /** Events that come while the stream drains are settled too, which has to refuse them; otherwise they are left unanswered. */
  readonly settlesLate: boolean;
  /** Cuts the stream. */
  readonly signal?: AbortSignal;
}

/** Events that a component brings. */
export interface EventStream {
  /** Waits for the events in hand and their answers; the stream stays for late ones. */
  drain(): Promise<void>;
  /** Drains and ends the stream. */
  end(): Promise<void>;
}

/** Takes events from a component until closed. A lost stream is opened again. Rejects when the component cannot be reached at all. */
export async function openEventStream<I extends DescMessage, O extends DescMessage>(
  options: EventStreamOptions<I, O>,
): Promise<EventStream> {
  const { connection, method, greeting, atOnce, what, settle, settlesLate, signal } = options;
  const { clock, log } = options.context;
  const stop = new AbortController();
  const giveUp = (): void => stop.abort(signal?.reason);
  signal?.addEventListener("abort", giveUp);
  const inHand = new Set<Promise<void>>();
  let isClosing = false;
  let pauseMs = firstPauseMs;
  let outbox: Outbox<MessageInitShape<I>> = createOutbox();

  async function answer(event: MessageShape<O>, answers: Outbox<MessageInitShape<I>>): Promise<void> {
    const told = await settle(event);
    // Of an event whose stream is torn down the component hears nothing: it gives it to another.
    if (!stop.signal.aborted) answers.put(told);
  }

  const open = () => {
    outbox = createOutbox();
    if (greeting !== undefined) outbox.put(greeting);
    return connection.stream(method, outbox, stop.signal);
  };
  type Stream = Awaited<ReturnType<typeof open>>;

  async function read({ messages }: Stream): Promise<void> {
    const answers = outbox;
    try {
      for await (const event of messages) {
        pauseMs = firstPauseMs;
        if (isClosing && !settlesLate) continue;
        const work = answer(event, answers).finally(() => inHand.delete(work));
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
        log.error(`Failed to receive ${what}: ${componentError(error).message}`);
      }
      stream = undefined;
      if (isClosing) return;
      await clock.sleep(pauseMs, stop.signal).catch(() => undefined);
      pauseMs = Math.min(pauseMs * 2, longestPauseMs);
    }
  }

  const running = run(await open());
  async function drain(): Promise<void> {
    isClosing = true;
    await Promise.all(inHand);
  }
  return {
    drain,
    async end() {
      const hasWaited = inHand.size > 0;
      await drain();
      // compat: upstream's stream outlives its subscription; what the last answer sets off still finds it.
      if (hasWaited) await clock.sleep(lingerMs);
      outbox.end();
      const cancel = clock.after(endMs, () => stop.abort());
      await running;
      cancel();
      stop.abort();
      signal?.removeEventListener("abort", giveUp);
    },
  };
}

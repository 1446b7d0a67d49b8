import { ConnectError } from "@connectrpc/connect";
import {
  TopicEventResponse_TopicEventResponseStatus as Status,
  type TopicEventResponse,
} from "../../gen/dapr/proto/runtime/v1/appcallback_pb.ts";
import type { SubscribeTopicEventsRequestAlpha1 } from "../../gen/dapr/proto/runtime/v1/pubsub_pb.ts";
import type { BeginSpan } from "../../kit/call.ts";
import { type AbortListener, createAbortListeners } from "./abort-listeners.ts";
import { deliveryIdName } from "./deliveries.ts";
import { beginEventSpan } from "./event-span.ts";
import { topicEventRequest } from "./grpc-event.ts";
import type { SubscriptionSpec, TopicEvent } from "./model.ts";
import { type AnsweredTransaction, DeliveryError, type EventSink, type Verdict } from "./ports.ts";
import type { PubSub } from "./pubsub.ts";

type Fields = ReturnType<typeof topicEventRequest>;
/** What the app said of an event. */
type Answered = Pick<TopicEventResponse, "status" | "transaction">;
type Answer = AsyncIterator<SubscribeTopicEventsRequestAlpha1>;

type Result = Verdict | AnsweredTransaction;

/** An event that is with the app. */
class Waiting implements AbortListener {
  readonly id: string;
  readonly signal: AbortSignal;
  readonly result: Promise<Result>;
  #resolve!: (result: Result) => void;
  #reject!: (reason: unknown) => void;
  readonly #ended: (waiting: Waiting) => void;
  /** Made by who waits for the end of this one. */
  done: PromiseWithResolvers<void> | undefined;

  constructor(id: string, signal: AbortSignal, ended: (waiting: Waiting) => void) {
    this.id = id;
    this.signal = signal;
    this.#ended = ended;
    this.result = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
  }

  settle({ status, transaction }: Answered): void {
    this.#ended(this);
    if (status === Status.SUCCESS)
      this.#resolve(transaction === undefined ? "success" : { wire: "grpc", body: transaction });
    // compat: pkg/runtime/subscription/postman/streaming counts it so
    else if (status === Status.DROP) this.#resolve("refuse");
    else {
      const name = status === Status.RETRY ? "RETRY status" : `unknown status ${status}`;
      this.#reject(new DeliveryError(`${name} returned from app while processing pub/sub event ${this.id}`));
    }
  }

  aborted(reason: unknown): void {
    this.#ended(this);
    this.#reject(reason);
  }
}

const unlimited = { enabled: false, maxMessagesCount: 0, maxAwaitDurationMs: 0 };

/** Reads the first message: what is to be subscribed. */
async function readInitial(requests: Answer): Promise<SubscriptionSpec> {
  const first = await requests.next();
  if (first.done) throw new Error("EOF");
  const { subscribeTopicEventsRequestType: type } = first.value;
  if (type.case !== "initialRequest") throw new Error("initial request is required");
  const { pubsubName, topic, metadata, deadLetterTopic } = type.value;
  if (pubsubName === "") throw new Error("pubsubName is required");
  if (topic === "") throw new Error("topic is required");
  // compat: pkg/runtime/compstore/subscriptions.go gives streams this path
  const rules = [{ match: "", path: "/" }];
  return { pubsubName, topic, metadata, rules, deadLetterTopic: deadLetterTopic ?? "", bulkSubscribe: unlimited };
}

/** Events on their way to a stream and answers on their way back. */
class Exchange implements EventSink {
  readonly #begin: BeginSpan;
  readonly #outgoing: Fields[] = [];
  /** By event id; events of one id go one after the other. */
  readonly #waiting = new Map<string, Waiting>();
  readonly #aborts = createAbortListeners();
  #wake: (() => void) | undefined;
  #end: Error | undefined;

  constructor(begin: BeginSpan) {
    this.#begin = begin;
  }

  /** Not an async function: an app may have thousands of events, and each would keep the frame of one. */
  deliver(event: TopicEvent, signal: AbortSignal): Promise<Result> {
    try {
      const fields = topicEventRequest(event);
      // A message of a stream has no metadata beside the event's own.
      if (event.isCommittable) fields.extensions[deliveryIdName] = event.deliveryId;
      return this.#waiting.has(fields.id) ? this.#sendAfter(fields, event, signal) : this.#send(fields, event, signal);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  async #sendAfter(fields: Fields, event: TopicEvent, signal: AbortSignal): Promise<Result> {
    for (let before = this.#waiting.get(fields.id); before !== undefined; before = this.#waiting.get(fields.id))
      await (before.done ??= Promise.withResolvers()).promise;
    return this.#send(fields, event, signal);
  }

  #send(fields: Fields, { event, topic }: TopicEvent, signal: AbortSignal): Promise<Result> {
    if (this.#end !== undefined) throw new DeliveryError("stream closed");
    const waiting = new Waiting(fields.id, signal, this.#forget);
    const trace = beginEventSpan(this.#begin, event, topic);
    this.#waiting.set(fields.id, waiting);
    this.#aborts.add(signal, waiting);
    this.#outgoing.push(fields);
    this.#wake?.();
    // compat: pkg/runtime/pubsub/streamer ends the step when the event is sent; no headers go with it
    trace?.span?.end();
    return waiting.result;
  }

  readonly #forget = (waiting: Waiting): void => {
    this.#aborts.remove(waiting.signal, waiting);
    this.#waiting.delete(waiting.id);
    waiting.done?.resolve();
  };

  deliverBulk(): never {
    throw new Error("a streaming subscription gets its events one by one");
  }

  /** The app's word on an event. Ids that nobody waits for are ignored. */
  processed(id: string, answer: Answered): void {
    this.#waiting.get(id)?.settle(answer);
  }

  close(error: Error): void {
    this.#end ??= error;
    for (const waiting of [...this.#waiting.values()]) waiting.aborted(new DeliveryError("stream closed"));
    this.#wake?.();
  }

  /** The next event; rejects with the reason of the end. */
  async next(): Promise<Fields> {
    for (;;) {
      if (this.#end !== undefined) throw this.#end;
      const event = this.#outgoing.shift();
      if (event !== undefined) return event;
      await new Promise<void>((resolve) => (this.#wake = resolve));
    }
  }
}

async function receive(requests: Answer, exchange: Exchange): Promise<void> {
  try {
    for (;;) {
      const step = await requests.next();
      if (step.done) throw new Error("EOF");
      const { subscribeTopicEventsRequestType: type } = step.value;
      if (type.case !== "eventProcessed") throw new Error("duplicate initial request received");
      exchange.processed(type.value.id, type.value.status ?? { status: Status.SUCCESS });
    }
  } catch (error) {
    exchange.close(error instanceof Error ? error : new Error(String(error)));
  }
}

/** Serves one streaming subscription: events go out, the app answers each by its id. Ends with the stream or the sidecar. */
export async function* subscribeStream(
  pubsub: PubSub,
  requests: AsyncIterable<SubscribeTopicEventsRequestAlpha1>,
  signal: AbortSignal,
): AsyncGenerator<StreamAnswer> {
  const incoming = requests[Symbol.asyncIterator]();
  const spec = await readInitial(incoming);
  const exchange = new Exchange(pubsub.beginSpan);
  const stop = (): void => exchange.close(ConnectError.from(signal.reason ?? new Error("stream closed")));
  signal.addEventListener("abort", stop, { once: true });
  if (signal.aborted) stop();
  const subscription = await pubsub.subscriptions.openStream(spec, exchange, () =>
    exchange.close(new Error("stream closed")),
  );
  try {
    yield answer("initialResponse", {});
    void receive(incoming, exchange);
    for (;;) yield answer("eventMessage", await exchange.next());
  } finally {
    signal.removeEventListener("abort", stop);
    exchange.close(new Error("stream closed"));
    await subscription.close();
  }
}

type StreamAnswer = {
  subscribeTopicEventsResponseType:
    | { case: "initialResponse"; value: Record<never, never> }
    | { case: "eventMessage"; value: Fields };
};

function answer<C extends "initialResponse" | "eventMessage">(
  kind: C,
  value: C extends "eventMessage" ? Fields : Record<never, never>,
): StreamAnswer {
  return { subscribeTopicEventsResponseType: { case: kind, value } } as StreamAnswer;
}

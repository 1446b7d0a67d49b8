import { ConnectError } from "@connectrpc/connect";
import {
  TopicEventResponse_TopicEventResponseStatus as Status,
  type TopicEventResponse,
} from "../../gen/dapr/proto/runtime/v1/appcallback_pb.ts";
import type { SubscribeTopicEventsRequestAlpha1 } from "../../gen/dapr/proto/runtime/v1/pubsub_pb.ts";
import type { BeginSpan } from "../../kit/call.ts";
import { createAbortListeners } from "./abort-listeners.ts";
import { deliveryIdName } from "./deliveries.ts";
import { beginEventSpan } from "./event-span.ts";
import { topicEventRequest } from "./grpc-event.ts";
import type { SubscriptionSpec } from "./model.ts";
import { type AnsweredTransaction, DeliveryError, type EventSink, type Verdict } from "./ports.ts";
import type { PubSub } from "./pubsub.ts";

type Fields = ReturnType<typeof topicEventRequest>;
/** What the app said of an event. */
type Answered = Pick<TopicEventResponse, "status" | "transaction">;
type Answer = AsyncIterator<SubscribeTopicEventsRequestAlpha1>;

/** An event that is with the app. */
interface Waiting {
  settle(answer: Answered): void;
  fail(error: Error): void;
  /** Made by who waits for the end of this one. */
  done: PromiseWithResolvers<void> | undefined;
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

  async deliver(
    event: Parameters<EventSink["deliver"]>[0],
    signal: AbortSignal,
  ): Promise<Verdict | AnsweredTransaction> {
    const fields = topicEventRequest(event);
    // A message of a stream has no metadata beside the event's own.
    if (event.isCommittable) fields.extensions[deliveryIdName] = event.deliveryId;
    const { id } = fields;
    for (let before = this.#waiting.get(id); before !== undefined; before = this.#waiting.get(id))
      await (before.done ??= Promise.withResolvers()).promise;
    if (this.#end !== undefined) throw new DeliveryError("stream closed");
    const answer = Promise.withResolvers<Answered>();
    const waiting: Waiting = { settle: answer.resolve, fail: answer.reject, done: undefined };
    this.#waiting.set(id, waiting);
    const stopListening = this.#aborts.add(signal, () => answer.reject(signal.reason));
    try {
      const trace = beginEventSpan(this.#begin, event.event, event.topic);
      this.#outgoing.push(fields);
      this.#wake?.();
      // compat: pkg/runtime/pubsub/streamer ends the step when the event is sent; no headers go with it
      trace?.span?.end();
      const { status, transaction } = await answer.promise;
      if (status === Status.SUCCESS) return transaction === undefined ? "success" : { wire: "grpc", body: transaction };
      // compat: pkg/runtime/subscription/postman/streaming counts it so
      if (status === Status.DROP) return "refuse";
      const name = status === Status.RETRY ? "RETRY status" : `unknown status ${status}`;
      throw new DeliveryError(`${name} returned from app while processing pub/sub event ${id}`);
    } finally {
      stopListening();
      this.#waiting.delete(id);
      waiting.done?.resolve();
    }
  }

  deliverBulk(): never {
    throw new Error("a streaming subscription gets its events one by one");
  }

  /** The app's word on an event. Ids that nobody waits for are ignored. */
  processed(id: string, answer: Answered): void {
    this.#waiting.get(id)?.settle(answer);
  }

  close(error: Error): void {
    this.#end ??= error;
    for (const { fail } of this.#waiting.values()) fail(new DeliveryError("stream closed"));
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

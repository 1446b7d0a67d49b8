import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import {
  TopicEventResponse_TopicEventResponseStatus as Status,
  TopicEventBulkRequestSchema,
  type TopicEventBulkResponseEntry,
  TopicEventBulkResponseSchema,
  TopicEventRequestSchema,
  type TopicEventResponse,
  TopicEventResponseSchema,
} from "../../gen/dapr/proto/runtime/v1/appcallback_pb.ts";
import type { GrpcAppChannel, GrpcReply } from "../../kit/app-channel.ts";
import type { BeginSpan, Trace } from "../../kit/call.ts";
import { encodeTraceBin } from "../../kit/grpc/trace-bin.ts";
import { deliveryIdName } from "./deliveries.ts";
import { discoverGrpc } from "./discover-grpc.ts";
import { beginBulkSpans, beginEventSpan, endEventSpans } from "./event-span.ts";
import { eventFields, topicEventRequest } from "./grpc-event.ts";
import type { BulkEventEntry, BulkTopicEvent, Metadata } from "./model.ts";
import {
  type AnsweredTransaction,
  type BulkVerdict,
  DeliveryError,
  type PubSubLog,
  type SubscriberApp,
  type Verdict,
} from "./ports.ts";

const service = "/dapr.proto.runtime.v1.AppCallback";
const bulkMethods = [`${service}/OnBulkTopicEvent`, `${service}Alpha/OnBulkTopicEventAlpha1`] as const;

export interface GrpcSubscriberPorts {
  readonly channel: GrpcAppChannel;
  readonly beginSpan: BeginSpan;
  readonly log: PubSubLog;
}

/** Metadata of a message and the trace of its event as the metadata of the call. */
function callMetadata(metadata: Metadata, trace: Trace | undefined): Record<string, string> {
  const sent: Record<string, string> = {};
  for (const name in metadata) {
    const folded = name.toLowerCase();
    if (folded === "content-type" || folded === "content-length" || !/^[0-9a-z_.-]+$/.test(folded)) continue;
    // Values are printable ASCII on this wire.
    if (/^[\x20-\x7e]*$/.test(metadata[name]!) && !folded.startsWith("grpc-")) sent[folded] = metadata[name]!;
  }
  if (trace === undefined || trace.traceparent === "") return sent;
  sent["traceparent"] = trace.traceparent;
  const binary = encodeTraceBin(trace.traceparent);
  if (binary !== "") sent["grpc-trace-bin"] = binary;
  if (trace.tracestate !== "") sent["tracestate"] = trace.tracestate;
  return sent;
}

function isUnimplemented(error: unknown): boolean {
  return error instanceof ConnectError && error.code === Code.Unimplemented;
}

function failure(error: unknown, what: string): DeliveryError {
  if (error instanceof DeliveryError) return error;
  const why = error instanceof Error ? error.message : String(error);
  const code = error instanceof ConnectError ? { code: error.code } : {};
  return new DeliveryError(`error returned from app while processing ${what}: ${why}`, { ...code, cause: error });
}

function bulkEntry({ entryId, event, contentType, metadata }: BulkEventEntry) {
  const common = { entryId, contentType, metadata: { ...metadata } };
  if (event instanceof Uint8Array) return { ...common, event: { case: "bytes" as const, value: event } };
  return { ...common, event: { case: "cloudEvent" as const, value: eventFields(event) } };
}

function bulkVerdict({ entryId, status, transaction }: TopicEventBulkResponseEntry): BulkVerdict {
  if (status === Status.SUCCESS) return transaction === undefined ? "success" : { wire: "grpc", body: transaction };
  if (status === Status.DROP) return "drop";
  const name = status === Status.RETRY ? "RETRY status" : "unknown status";
  return new Error(`${name} returned from app while processing pub/sub event for entry id: ${entryId}`);
}

/** An app that speaks gRPC as a subscriber. */
export function createGrpcSubscriber({ channel, beginSpan, log }: GrpcSubscriberPorts): SubscriberApp {
  return {
    discover: (signal) => discoverGrpc(channel, log, signal),

    async deliver(event, signal): Promise<Verdict | AnsweredTransaction> {
      const id = event.event["id"];
      let answer: TopicEventResponse;
      try {
        const message = toBinary(TopicEventRequestSchema, create(TopicEventRequestSchema, topicEventRequest(event)));
        const trace = beginEventSpan(beginSpan, event.event, event.topic);
        const metadata = callMetadata(event.metadata, trace);
        metadata[deliveryIdName] = event.deliveryId;
        const call = () => channel.unary(`${service}/OnTopicEvent`, message, metadata, signal);
        const reply = await endEventSpans([trace], call);
        answer = fromBinary(TopicEventResponseSchema, reply.message);
      } catch (error) {
        if (!isUnimplemented(error)) throw failure(error, `pub/sub event ${id}`);
        log.warn(`non-retriable error returned from app while processing pub/sub event ${id}: ${error}`);
        return "unknownMethod";
      }
      const { status, transaction } = answer;
      if (status === Status.SUCCESS) return transaction === undefined ? "success" : { wire: "grpc", body: transaction };
      if (status === Status.RETRY)
        throw new DeliveryError(`RETRY status returned from app while processing pub/sub event ${id}`);
      if (status !== Status.DROP)
        throw new DeliveryError(`unknown status returned from app while processing pub/sub event ${id}: ${status}`);
      log.warn(`DROP status returned from app while processing pub/sub event ${id}`);
      return "drop";
    },

    async deliverBulk(bulk: BulkTopicEvent, signal) {
      const verdicts = new Map<string, BulkVerdict>();
      const entries: ReturnType<typeof bulkEntry>[] = [];
      for (const entry of bulk.entries) {
        try {
          entries.push(bulkEntry(entry));
        } catch (error) {
          verdicts.set(entry.entryId, failure(error, `entry ${entry.entryId}`));
        }
      }
      const traces = beginBulkSpans(beginSpan, bulk);
      const metadata = callMetadata(bulk.metadata, traces.at(-1));
      const { id, topic, pubsubName, path } = bulk;
      const message = toBinary(
        TopicEventBulkRequestSchema,
        create(TopicEventBulkRequestSchema, {
          id,
          entries,
          metadata: { ...bulk.metadata },
          topic,
          pubsubName,
          type: "com.dapr.event.sent.bulk",
          path,
        }),
      );
      const call = async (method: string): Promise<GrpcReply> => channel.unary(method, message, metadata, signal);
      let reply: GrpcReply;
      try {
        reply = await endEventSpans(traces, () =>
          call(bulkMethods[0]).catch((error: unknown) => {
            if (!isUnimplemented(error)) throw error;
            return call(bulkMethods[1]);
          }),
        );
      } catch (error) {
        if (!isUnimplemented(error)) throw failure(error, "bulk pub/sub event");
        log.warn(`non-retriable error returned from app while processing bulk pub/sub event: ${error}`);
        for (const { entryId } of bulk.entries) verdicts.set(entryId, "unknownMethod");
        return verdicts;
      }
      const answer = fromBinary(TopicEventBulkResponseSchema, reply.message);
      for (const entry of answer.statuses) verdicts.set(entry.entryId, bulkVerdict(entry));
      return verdicts;
    },
  };
}

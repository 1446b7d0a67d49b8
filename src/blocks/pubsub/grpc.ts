import { callOf } from "../../api/grpc/call.ts";
import { type GrpcPart, grpcPart } from "../../api/grpc/part.ts";
import { fail } from "../../errors/error.ts";
import { Dapr } from "../../gen/dapr/proto/runtime/v1/dapr_pb.ts";
import type { BulkPublishRequest } from "../../gen/dapr/proto/runtime/v1/pubsub_pb.ts";
import { type Call, zeroTraceparent } from "../../kit/call.ts";
import type { Metadata } from "./model.ts";
import type { Broker } from "./ports.ts";
import type { PubSub } from "./pubsub.ts";
import { subscribeStream } from "./stream-grpc.ts";

/** compat: the state of the caller's trace does not reach the envelope of this wire */
function withoutState(call: Call): Call {
  return { ...call, trace: { ...call.trace, tracestate: "" } };
}

/** The pub/sub methods of the Dapr service. */
export function pubsubGrpc(pubsub: PubSub): GrpcPart {
  const { publisher, appId } = pubsub;

  function target(name: string, topic: string, metadata: Metadata): { broker: Broker; isRaw: boolean } {
    if (name === "") throw fail("pubsubNameEmpty", { pubsub: name, metadata });
    const broker = pubsub.broker(name, null);
    if (topic === "") throw fail("pubsubTopicEmpty", { pubsub: name, metadata });
    return { broker, isRaw: pubsub.isRaw(broker, metadata) };
  }

  async function bulkPublish(request: BulkPublishRequest, call: Call) {
    const { pubsubName, topic, metadata } = request;
    const { broker, isRaw } = target(pubsubName, topic, metadata);
    const seen = new Set<string>();
    const entries = request.entries.map((entry) => {
      const { entryId, event: data, contentType } = entry;
      if (entryId === "" || seen.has(entryId)) throw fail("pubsubEntryId", { pubsub: broker.name, topic, appId });
      seen.add(entryId);
      const hasMetadata = Object.keys(entry.metadata).length > 0;
      return { entryId, data, contentType, metadata: hasMetadata ? entry.metadata : null };
    });
    const { error } = await publisher.bulkPublish(broker, { topic, entries, metadata, isRaw }, withoutState(call));
    if (error !== undefined) throw error;
    return { failedEntries: [] };
  }

  return grpcPart(Dapr, {
    async publishEvent({ pubsubName, topic, data, dataContentType, metadata }, context) {
      const call = withoutState(callOf(context));
      const { broker, isRaw } = target(pubsubName, topic, metadata);
      const { traceparent } = call.trace;
      const trace = { traceid: traceparent === zeroTraceparent ? "" : traceparent, tracestate: "" };
      const sent = isRaw ? { ...metadata, ...trace } : metadata;
      await publisher.publish(broker, { topic, data, contentType: dataContentType, metadata: sent, isRaw }, call);
      return {};
    },
    bulkPublishEvent: (request, context) => bulkPublish(request, callOf(context)),
    bulkPublishEventAlpha1: (request, context) => bulkPublish(request, callOf(context)),
    subscribeTopicEventsAlpha1: (requests, context) => subscribeStream(pubsub, requests, callOf(context).signal),
  });
}

import { fromBinary } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import {
  ListTopicSubscriptionsResponseSchema,
  type TopicSubscription,
} from "../../gen/dapr/proto/runtime/v1/appcallback_pb.ts";
import type { GrpcAppChannel } from "../../kit/app-channel.ts";
import type { RoutingRule, SubscriptionSpec } from "./model.ts";
import type { PubSubLog } from "./ports.ts";

function readSubscription(given: TopicSubscription): SubscriptionSpec {
  const rules: RoutingRule[] = (given.routes?.rules ?? []).map(({ match, path }) => ({ match, path }));
  const fallback = given.routes?.default ?? "";
  // An app of this kind has one method for all events, so a route is not needed.
  if (fallback !== "" || rules.length === 0) rules.push({ match: "", path: fallback });
  const { pubsubName, topic, metadata, deadLetterTopic, bulkSubscribe } = given;
  return {
    pubsubName,
    topic,
    metadata,
    rules,
    deadLetterTopic,
    bulkSubscribe: {
      enabled: bulkSubscribe?.enabled ?? false,
      maxMessagesCount: bulkSubscribe?.maxMessagesCount ?? 0,
      maxAwaitDurationMs: bulkSubscribe?.maxAwaitDurationMs ?? 0,
    },
  };
}

/** Asks an app that speaks gRPC for its subscriptions; one that does not know the question has none. */
export async function discoverGrpc(
  channel: GrpcAppChannel,
  log: PubSubLog,
  signal: AbortSignal,
): Promise<readonly SubscriptionSpec[]> {
  try {
    const path = "/dapr.proto.runtime.v1.AppCallback/ListTopicSubscriptions";
    const reply = await channel.unary(path, new Uint8Array(), {}, signal);
    return fromBinary(ListTopicSubscriptionsResponseSchema, reply.message).subscriptions.map(readSubscription);
  } catch (error) {
    if (!(error instanceof ConnectError) || error.code !== Code.Unimplemented) throw error;
    log.info("pubsub subscriptions: gRPC app does not implement ListTopicSubscriptions");
    return [];
  }
}

import type { ErrorDetail, ErrorRow, GrpcCodeName } from "../row.ts";
import { row } from "../row.ts";

type Pairs = Readonly<Record<string, string>>;
interface Named {
  readonly pubsub: string;
}
interface Text {
  /** What the message names besides the broker. */
  readonly reason: string;
}

const info = (reason: string, metadata: Pairs | null): ErrorDetail => ({ kind: "ErrorInfo", reason, metadata });

/** compat: pkg/api/errors/pubsub.go repeats the message in the ResourceInfo */
function pubsubRow<P extends Named>(
  codes: { readonly http: number; readonly grpc: GrpcCodeName; readonly tag: string; readonly reason: string },
  text: (params: P) => string,
  metadata: (params: P) => Pairs | null,
): ErrorRow<P> {
  return {
    category: "pubsub",
    http: codes.http,
    grpc: codes.grpc,
    tag: codes.tag,
    text,
    details: (p) => [
      { kind: "ResourceInfo", resourceType: "pubsub", resourceName: p.pubsub, owner: "", description: text(p) },
      info(codes.reason, metadata(p)),
    ],
  };
}

const forbidden = (p: { topic: string; appId: string }): string =>
  `topic ${p.topic} is not allowed for app id ${p.appId}`;

/** Errors of the publish API. `metadata` is that of the request. */
export const pubsubRows = {
  pubsubNotFound: row<Named & { metadata: Pairs | null }>()({
    category: "pubsub",
    http: 404,
    grpc: "InvalidArgument",
    tag: "ERR_PUBSUB_NOT_FOUND",
    text: (p) => `pubsub ${p.pubsub} is not found`,
    details: (p) => [info("DAPR_PUBSUB_NOT_FOUND", p.metadata)],
  }),
  pubsubNameEmpty: pubsubRow<Named & { metadata: Pairs }>(
    { http: 404, grpc: "InvalidArgument", tag: "ERR_PUBSUB_EMPTY", reason: "DAPR_PUBSUB_NAME_EMPTY" },
    () => "pubsub name is empty",
    (p) => p.metadata,
  ),
  pubsubTopicEmpty: pubsubRow<Named & { metadata: Pairs }>(
    { http: 404, grpc: "InvalidArgument", tag: "ERR_TOPIC_NAME_EMPTY", reason: "DAPR_PUBSUB_TOPIC_NAME_EMPTY" },
    (p) => `topic is empty in pubsub ${p.pubsub}`,
    (p) => p.metadata,
  ),
  pubsubMetadata: pubsubRow<Named & Text & { metadata: Pairs }>(
    {
      http: 400,
      grpc: "InvalidArgument",
      tag: "ERR_PUBSUB_REQUEST_METADATA",
      reason: "DAPR_PUBSUB_METADATA_DESERIALIZATION",
    },
    (p) => `failed deserializing metadata. Error: ${p.reason}`,
    (p) => p.metadata,
  ),
  pubsubCloudEvent: pubsubRow<Named & Text & { appId: string }>(
    {
      http: 500,
      grpc: "InvalidArgument",
      tag: "ERR_PUBSUB_CLOUD_EVENTS_SER",
      reason: "DAPR_PUBSUB_CLOUD_EVENT_CREATION",
    },
    () => "cannot create cloudevent",
    (p) => ({ appID: p.appId, error: p.reason }),
  ),
  pubsubForbidden: pubsubRow<Named & { topic: string; appId: string }>(
    { http: 403, grpc: "PermissionDenied", tag: "ERR_PUBSUB_FORBIDDEN", reason: "DAPR_PUBSUB_FORBIDDEN" },
    forbidden,
    (p) => ({ topic: p.topic, error: forbidden(p) }),
  ),
  pubsubPublish: pubsubRow<Named & Text & { topic: string }>(
    { http: 500, grpc: "Internal", tag: "ERR_PUBSUB_PUBLISH_MESSAGE", reason: "DAPR_PUBSUB_PUBLISH_MESSAGE" },
    (p) => `error when publishing to topic ${p.topic} in pubsub ${p.pubsub}: ${p.reason}`,
    (p) => ({ topic: p.topic, error: p.reason }),
  ),
  /** An event of an outbox could not be published: its transaction was not begun. */
  pubsubOutbox: row<{ appId: string; reason: string }>()({
    category: "pubsub",
    http: 500,
    grpc: "Internal",
    tag: "ERR_PUBLISH_OUTBOX",
    text: (p) => `error while publishing outbox message: ${p.reason}`,
    details: (p) => [info("DAPR_PUBSUB_OUTBOX", { appID: p.appId, error: p.reason })],
  }),
  /** The broker, or its disk, has no room for the message now. */
  pubsubFull: pubsubRow<Named & Text & { topic: string }>(
    { http: 507, grpc: "ResourceExhausted", tag: "ERR_PUBSUB_FULL", reason: "PILLION_PUBSUB_FULL" },
    (p) => `error when publishing to topic ${p.topic} in pubsub ${p.pubsub}: ${p.reason}`,
    (p) => ({ topic: p.topic, error: p.reason }),
  ),
  /** The body of a bulk publish is no array of entries. */
  pubsubEventsBody: pubsubRow<Named & Text & { topic: string; appId: string }>(
    {
      http: 400,
      grpc: "InvalidArgument",
      tag: "ERR_PUBSUB_EVENTS_SER",
      reason: "DAPR_PUBSUB_UNMARSHAL_EVENTS",
    },
    (p) => `error when unmarshaling the request for topic ${p.topic} pubsub ${p.pubsub}: ${p.reason}`,
    (p) => ({ appID: p.appId }),
  ),
  /** An entry of a bulk publish has no id, or one that is taken. */
  pubsubEntryId: pubsubRow<Named & { topic: string; appId: string }>(
    { http: 400, grpc: "InvalidArgument", tag: "ERR_PUBSUB_EVENTS_SER", reason: "DAPR_PUBSUB_MARSHAL_EVENTS" },
    (p) => `error marshaling events to bytes for topic ${p.topic} pubsub ${p.pubsub}. error: ${entryIdFault}`,
    (p) => ({ appID: p.appId, error: entryIdFault }),
  ),
  /** An event of a bulk publish does not fit its content type. */
  pubsubEvent: pubsubRow<Named & Text & { topic: string; appId: string }>(
    {
      http: 400,
      grpc: "InvalidArgument",
      tag: "ERR_PUBSUB_EVENTS_SER",
      reason: "DAPR_PUBSUB_MARSHAL_ENVELOPE",
    },
    (p) => `error when marshalling cloud event envelope for topic ${p.topic} pubsub ${p.pubsub}: ${p.reason}`,
    (p) => ({ appID: p.appId, error: p.reason }),
  ),
};

const entryIdFault = "entryId is duplicated or not present for entry";

import type { IncomingMessage } from "../../driver/pubsub.ts";
import { encodeBase64 } from "../../kit/base64.ts";
import { encodeUtf8 } from "../../kit/bytes.ts";
import { decodeGoJsonText, encodeGoJson, goTypeError } from "../../kit/go-json.ts";
import { wrapRawPayload } from "./cloudevent.ts";
import { isBinaryType } from "./content-type.ts";
import { readEventHead } from "./event-head.ts";
import type { CloudEvent, Metadata } from "./model.ts";

/** A message as the app will see it. */
export interface ReceivedEvent {
  readonly event: CloudEvent;
  /** The event as JSON. */
  readonly body: Uint8Array;
}

const traceFields = ["traceid", "traceparent", "tracestate"] as const;

/** Trace context of the message's metadata for an event that has none of its own. */
function withTrace(event: CloudEvent, metadata: Metadata): CloudEvent {
  if (!traceFields.some((field) => metadata[field] !== undefined && event[field] === undefined)) return event;
  const completed: Record<string, unknown> = { ...event };
  for (const field of traceFields) {
    const value = metadata[field];
    if (value === undefined || event[field] !== undefined) continue;
    completed[field] = value;
    if (field === "traceparent") completed["traceid"] = value;
  }
  return completed;
}

/** The CloudEvent of a message's JSON. Throws GoJsonError when it is none. */
export function readCloudEvent(data: Uint8Array): CloudEvent {
  const value = decodeGoJsonText(data);
  if (typeof value !== "object" || value === null || Array.isArray(value))
    throw goTypeError(value, "map[string]interface {}");
  return value as CloudEvent;
}

/** A CloudEvent whose attributes travelled as `ce_*` metadata beside binary data. */
function fromBinaryMode(message: IncomingMessage, contentType: string): CloudEvent {
  const event: Record<string, unknown> = {};
  for (const name in message.metadata) {
    const folded = name.toLowerCase();
    if (folded.startsWith("ce_")) event[folded.slice(3)] = message.metadata[name];
  }
  event["data_base64"] = encodeBase64(message.data);
  event["datacontenttype"] = contentType;
  return event;
}

function written(event: CloudEvent): ReceivedEvent {
  return { event, body: encodeUtf8(encodeGoJson(event, { sortKeys: true })) };
}

/** Makes the event of a message. Throws GoJsonError when the message holds no CloudEvent and none is to be put around it. */
export function receiveEvent(
  message: IncomingMessage,
  subscription: {
    readonly topic: string;
    readonly pubsubName: string;
    readonly isRaw: boolean;
    readonly headOnly?: boolean;
  },
  newId: () => string,
): ReceivedEvent {
  const { topic, pubsubName, isRaw, headOnly = false } = subscription;
  const { data, metadata } = message;
  if (isRaw) return written(withTrace(wrapRawPayload(data, topic, pubsubName, newId()), metadata));
  const contentType = message.contentType || metadata["content-type"] || "application/json";
  if (isBinaryType(contentType)) return written(fromBinaryMode(message, contentType));
  return {
    event: withTrace((headOnly ? readEventHead(data) : undefined) ?? readCloudEvent(data), metadata),
    body: data,
  };
}

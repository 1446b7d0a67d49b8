import { encodeBase64 } from "../../kit/base64.ts";
import { decodeUtf8, encodeUtf8 } from "../../kit/bytes.ts";
import { decodeGoJson, encodeGoJson, GoJsonError } from "../../kit/go-json.ts";
import { isBinaryType, isJsonType, isProtobufEvent } from "./content-type.ts";
import type { Metadata } from "./model.ts";

/** What the event of an outbox is made of. */
export interface OutboxEventParts {
  readonly id: string;
  readonly source: string;
  readonly pubsubName: string;
  readonly topic: string;
  readonly data: Uint8Array;
  /** Empty: text. */
  readonly contentType: string;
  readonly traceparent: string;
  readonly tracestate: string;
  /** RFC 3339. */
  readonly time: string;
  /** Metadata of the operation. */
  readonly attributes: Metadata;
}

function dataMember(contentType: string, data: Uint8Array): Record<string, unknown> {
  if (isJsonType(contentType)) {
    try {
      return { data: decodeGoJson(data) };
    } catch (error) {
      if (!(error instanceof GoJsonError)) throw error;
    }
  } else if (isBinaryType(contentType) || isProtobufEvent(contentType, data))
    return { data_base64: encodeBase64(data) };
  return { data: decodeUtf8(data) };
}

/** The event of an outbox as a broker gets it. Throws GoJsonError when it cannot be written. */
export function writeOutboxEvent(parts: OutboxEventParts): Uint8Array {
  const { id, topic, pubsubName, attributes } = parts;
  const contentType = parts.contentType || "text/plain";
  const event: Record<string, unknown> = {
    ...dataMember(contentType, parts.data),
    id,
    specversion: "1.0",
    datacontenttype: contentType,
    source: parts.source || "Dapr",
    type: "com.dapr.event.sent",
    // compat: pkg/runtime/pubsub/outbox.go gives the trace to the older of its two attributes only
    traceid: parts.traceparent,
    traceparent: "",
    tracestate: parts.tracestate,
    time: parts.time,
  };
  for (const name in attributes) if (name !== "data" && name !== "id") event[name] = attributes[name];
  return encodeUtf8(encodeGoJson({ ...event, topic, pubsubname: pubsubName }, { sortKeys: true }));
}

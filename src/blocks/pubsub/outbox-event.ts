import { encodeBase64 } from "../../kit/base64.ts";
import { decodeUtf8, encodeUtf8 } from "../../kit/bytes.ts";
import { decodeGoJson, encodeGoJson, GoJsonError } from "../../kit/go-json.ts";
import { isBinaryType, isJsonType, isProtobufEvent } from "./content-type.ts";
import type { Metadata } from "./model.ts";

/** What was written, as the event of an outbox tells it. */
export interface OutboxContent {
  /** A text of type `application/json` is JSON as Go writes it, with sorted keys. */
  readonly data: Uint8Array | string;
  /** Empty: text. */
  readonly contentType: string;
  /** Metadata of the operation. */
  readonly attributes: Metadata;
}

/** What an outbox adds to make an event of it. */
export interface OutboxEnvelope {
  /** Needs no escapes. */
  readonly id: string;
  readonly source: string;
  readonly pubsubName: string;
  readonly topic: string;
  readonly traceparent: string;
  readonly tracestate: string;
  /** RFC 3339. */
  readonly time: string;
}

const utf8 = (data: Uint8Array | string): Uint8Array => (typeof data === "string" ? encodeUtf8(data) : data);
const text = (data: Uint8Array | string): string => (typeof data === "string" ? data : decodeUtf8(data));
const plain = /^[\w .,:;=+/@*()-]*$/;
const quote = (value: string): string => (plain.test(value) ? `"${value}"` : encodeGoJson(value));

/** The data as the first member of an event. */
function dataMember(contentType: string, data: Uint8Array | string): string {
  if (typeof data === "string" && contentType.toLowerCase() === "application/json") return `"data":${data}`;
  if (isJsonType(contentType)) {
    try {
      return `"data":${encodeGoJson(decodeGoJson(utf8(data)), { sortKeys: true })}`;
    } catch (error) {
      if (!(error instanceof GoJsonError)) throw error;
    }
  } else if (isBinaryType(contentType) || isProtobufEvent(contentType, data))
    return `"data_base64":"${encodeBase64(utf8(data))}"`;
  return `"data":${encodeGoJson(text(data))}`;
}

/** compat: pkg/runtime/pubsub/outbox.go gives the trace to the older of its two attributes only. */
function eventText(content: OutboxContent, parts: OutboxEnvelope): string {
  const contentType = content.contentType || "text/plain";
  return `{${dataMember(contentType, content.data)},"datacontenttype":${quote(contentType)},"id":"${
    parts.id
  }","pubsubname":${quote(parts.pubsubName)},"source":${quote(
    parts.source || "Dapr",
  )},"specversion":"1.0","time":"${parts.time}","topic":${quote(parts.topic)},"traceid":${quote(
    parts.traceparent,
  )},"traceparent":"","tracestate":${quote(parts.tracestate)},"type":"com.dapr.event.sent"}`;
}

/** The event of an outbox as a broker gets it. Throws GoJsonError when it cannot be written. */
export function writeOutboxEvent(content: OutboxContent, envelope: OutboxEnvelope): Uint8Array {
  const written = eventText(content, envelope);
  const { topic, pubsubName } = envelope;
  let event: Record<string, unknown> | undefined;
  for (const name in content.attributes) {
    if (name === "data" || name === "id") continue;
    event ??= JSON.parse(written) as Record<string, unknown>;
    event[name] = content.attributes[name];
  }
  if (event === undefined) return encodeUtf8(written);
  return encodeUtf8(encodeGoJson({ ...event, topic, pubsubname: pubsubName }, { sortKeys: true }));
}

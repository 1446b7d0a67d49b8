import { encodeBase64 } from "../../kit/base64.ts";
import { concatBytes, decodeUtf8, encodeUtf8 } from "../../kit/bytes.ts";
import { decodeGoJson, encodeGoJson, GoJsonError } from "../../kit/go-json.ts";
import { isBinaryType, isJsonType, isProtobufEvent } from "./content-type.ts";
import type { Metadata } from "./model.ts";

/** What was written, as the event of an outbox tells it. */
export interface OutboxContent {
  /** A text of type `application/json` is JSON as Go writes it, with sorted keys. */
  readonly data: Uint8Array | string;
  /** The data written in JSON, if it is known: a text in quotes, or JSON itself. */
  readonly json?: Uint8Array | undefined;
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

const dataStart = encodeUtf8('{"data":');
const base64Start = encodeUtf8('{"data_base64":');

/** The data in the form in which the event has it. */
function dataMember(
  contentType: string,
  { data, json }: OutboxContent,
): readonly [start: Uint8Array, value: Uint8Array] {
  const isGoJson = contentType.toLowerCase() === "application/json";
  if (isGoJson && json !== undefined) return [dataStart, json];
  if (isGoJson && typeof data === "string") return [dataStart, encodeUtf8(data)];
  if (isJsonType(contentType)) {
    try {
      return [dataStart, encodeUtf8(encodeGoJson(decodeGoJson(utf8(data)), { sortKeys: true }))];
    } catch (error) {
      if (!(error instanceof GoJsonError)) throw error;
    }
  } else if (isBinaryType(contentType) || isProtobufEvent(contentType, data))
    return [base64Start, encodeUtf8(`"${encodeBase64(utf8(data))}"`)];
  else if (json !== undefined) return [dataStart, json];
  return [dataStart, encodeUtf8(encodeGoJson(text(data)))];
}

/** compat: pkg/runtime/pubsub/outbox.go gives the trace to the older of its two attributes only. */
function eventBytes(content: OutboxContent, parts: OutboxEnvelope): Uint8Array {
  const contentType = content.contentType || "text/plain";
  const [start, value] = dataMember(contentType, content);
  const rest = encodeUtf8(
    `,"datacontenttype":${quote(contentType)},"id":"${parts.id}","pubsubname":${quote(parts.pubsubName)},"source":${quote(
      parts.source || "Dapr",
    )},"specversion":"1.0","time":"${parts.time}","topic":${quote(parts.topic)},"traceid":${quote(
      parts.traceparent,
    )},"traceparent":"","tracestate":${quote(parts.tracestate)},"type":"com.dapr.event.sent"}`,
  );
  return concatBytes([start, value, rest]);
}

/** The event of an outbox as a broker gets it. Throws GoJsonError when it cannot be written. */
export function writeOutboxEvent(content: OutboxContent, envelope: OutboxEnvelope): Uint8Array {
  const written = eventBytes(content, envelope);
  const { topic, pubsubName } = envelope;
  let event: Record<string, unknown> | undefined;
  for (const name in content.attributes) {
    if (name === "data" || name === "id") continue;
    event ??= JSON.parse(decodeUtf8(written)) as Record<string, unknown>;
    event[name] = content.attributes[name];
  }
  if (event === undefined) return written;
  return encodeUtf8(encodeGoJson({ ...event, topic, pubsubname: pubsubName }, { sortKeys: true }));
}

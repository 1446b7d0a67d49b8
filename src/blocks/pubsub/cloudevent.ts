import { encodeBase64 } from "../../kit/base64.ts";
import { decodeUtf8 } from "../../kit/bytes.ts";
import { encodeGoJson, GoJsonError, goTypeError } from "../../kit/go-json.ts";
import { isBinaryType, isCloudEventType, isJsonType, isProtobufEvent } from "./content-type.ts";
import { decodeExactJson } from "./exact-json.ts";
import type { CloudEvent, Metadata } from "./model.ts";

/** The data of an event; `json` is their text where that is JSON as Go writes it, with sorted keys. */
export interface Payload {
  readonly data: Uint8Array;
  readonly json?: string;
}

/** What an envelope is made of. */
export interface EnvelopeParts {
  readonly payload: Payload;
  readonly contentType: string;
  readonly topic: string;
  readonly pubsubName: string;
  readonly source: string;
  readonly traceparent: string;
  readonly tracestate: string;
  /** Overrides: `cloudevent.<name>`, in any case. */
  readonly metadata: Metadata | null;
  /** RFC 3339. */
  readonly time: string;
  /** RFC 3339 in UTC; the event is dropped after it. Undefined: it does not expire, or the broker sees to it. */
  readonly expiration: string | undefined;
  /** Makes the id of an event that has none. */
  newId(): string;
}

const defaultType = "com.dapr.event.sent";
const defaultSource = "Dapr";
const defaultContentType = "text/plain";
const specVersion = "1.0";
const plain = /^[\w .,:;=+/@*()-]*$/;

function quote(text: string): string {
  return plain.test(text) ? `"${text}"` : encodeGoJson(text);
}

/** The JSON text of the event for these parts. Throws GoJsonError when the data should be a CloudEvent and is no JSON object. */
export function writeCloudEvent(parts: EnvelopeParts): string {
  return isCloudEventType(parts.contentType) ? completeEvent(parts) : wrapData(parts);
}

function overridesOf(metadata: Metadata | null): Record<string, string> {
  const found: Record<string, string> = {};
  for (const name in metadata) {
    const folded = name.toLowerCase();
    if (folded.startsWith("cloudevent.")) found[folded.slice(11)] = metadata[name]!;
  }
  return found;
}

/** The data as the first member of an event. */
function dataMember(contentType: string, payload: Payload): string {
  const isJson = isJsonType(contentType);
  if (isJson && payload.json !== undefined) return `"data":${payload.json}`;
  const { data } = payload;
  if (isJson) {
    try {
      const json = decodeExactJson(data);
      return `"data":${json.write(json.value)}`;
    } catch (error) {
      if (!(error instanceof GoJsonError)) throw error;
    }
  } else if (isBinaryType(contentType) || isProtobufEvent(contentType, data))
    return `"data_base64":"${encodeBase64(data)}"`;
  return `"data":${encodeGoJson(decodeUtf8(data))}`;
}

function wrapData(parts: EnvelopeParts): string {
  const own = overridesOf(parts.metadata);
  const contentType = parts.contentType || defaultContentType;
  // An empty override counts as a wish for the default, except where the default is empty itself.
  const parent = own["traceparent"] || (own["traceid"] ?? parts.traceparent);
  const trace = quote(parent);
  const subject = own["subject"] ? `"subject":${quote(own["subject"])},` : "";
  const expiration = parts.expiration === undefined ? "" : `"expiration":"${parts.expiration}",`;
  return `{${dataMember(contentType, parts.payload)},"datacontenttype":${quote(contentType)},${expiration}"id":${quote(
    own["id"] || parts.newId(),
  )},"pubsubname":${quote(parts.pubsubName)},"source":${quote(
    (own["source"] ?? parts.source) || defaultSource,
  )},"specversion":"${specVersion}",${subject}"time":"${parts.time}","topic":${quote(
    parts.topic,
  )},"traceid":${trace},"traceparent":${trace},"tracestate":${quote(own["tracestate"] ?? parts.tracestate)},"type":${quote(
    own["type"] || defaultType,
  )}}`;
}

function completeEvent(parts: EnvelopeParts): string {
  const json = decodeExactJson(parts.payload.data);
  const given = json.value;
  if (typeof given !== "object" || given === null || Array.isArray(given))
    throw goTypeError(given, "map[string]interface {}");
  const event: Record<string, unknown> = { ...given };
  if (!("time" in event)) event["time"] = parts.time;
  if (!("traceid" in event)) {
    event["traceid"] = parts.traceparent;
    event["traceparent"] = parts.traceparent;
  }
  if (!("tracestate" in event)) event["tracestate"] = parts.tracestate;
  event["topic"] = parts.topic;
  event["pubsubname"] = parts.pubsubName;
  event["source"] ??= defaultSource;
  event["type"] ??= defaultType;
  event["specversion"] ??= specVersion;
  if (parts.expiration !== undefined) event["expiration"] = parts.expiration;
  return json.write(event);
}

/** A CloudEvent around a payload that came without one. */
export function wrapRawPayload(data: Uint8Array, topic: string, pubsubName: string, id: string): CloudEvent {
  return {
    id,
    specversion: specVersion,
    datacontenttype: "application/octet-stream",
    source: defaultSource,
    type: defaultType,
    topic,
    pubsubname: pubsubName,
    data_base64: encodeBase64(data),
  };
}

const rfc3339 = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(?:\.\d+)?(?:Z|[+-]\d{2}:\d{2})$/;

/** Whether an event's expiration lies before `now` (epoch milliseconds). */
export function hasExpired(event: CloudEvent, now: number): boolean {
  const expiration = event["expiration"];
  if (typeof expiration !== "string" || !rfc3339.test(expiration)) return false;
  return Date.parse(expiration) < now;
}

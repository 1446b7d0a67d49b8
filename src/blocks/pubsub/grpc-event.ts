import type { JsonObject } from "@bufbuild/protobuf";
import { decodeBase64 } from "../../kit/base64.ts";
import { encodeUtf8 } from "../../kit/bytes.ts";
import { encodeGoJson } from "../../kit/go-json.ts";
import type { CloudEvent, TopicEvent } from "./model.ts";
import { DeliveryError } from "./ports.ts";

/** What has a field of its own in the message; everything else travels as an extension. */
const ownFields: ReadonlySet<string> = new Set([
  "id",
  "source",
  "datacontenttype",
  "type",
  "specversion",
  "data",
  "data_base64",
]);

/** Top-level media types that IANA knows. */
const mediaType = /^(?:application|audio|example|font|haptics|image|message|model|multipart|text|video)\//;

function text(event: CloudEvent, name: string): string {
  const value = event[name];
  return typeof value === "string" ? value : "";
}

function dataOf(event: CloudEvent): Uint8Array {
  const encoded = event["data_base64"];
  if (encoded !== undefined && encoded !== null) {
    if (typeof encoded !== "string") throw unexpected();
    try {
      return decodeBase64(encoded);
    } catch (cause) {
      throw unexpected(cause);
    }
  }
  const data = event["data"];
  if (data === undefined || data === null) return new Uint8Array();
  const contentType = text(event, "datacontenttype").toLowerCase();
  const isJson = /^application\/(?:json|cloudevents\+json)(?:;|$)/.test(contentType);
  if (isJson) return encodeUtf8(encodeGoJson(data, { sortKeys: true }));
  // compat: pkg/runtime/pubsub/subscriptions.go sends no data of a content type that it does not know. We do so for what is no
  // media type at all, as `foo/bar`, and not for the others that upstream does not know, as `image/png`: their data would be lost.
  if (contentType !== "" && !mediaType.test(contentType)) return new Uint8Array();
  const isText = contentType.startsWith("text/") || /^application\/xml(?:;|$)/.test(contentType);
  if (typeof data === "string") return encodeUtf8(data);
  if (isText) throw unexpected();
  return encodeUtf8(encodeGoJson(data, { sortKeys: true }));
}

function unexpected(cause?: unknown): DeliveryError {
  const message =
    "error returned from app while processing pub/sub event: unexpected data type encountered in envelope";
  return new DeliveryError(message, { isLocal: true, cause });
}

/** The fields that single and bulk deliveries share. Throws DeliveryError when the data cannot be sent. */
export function eventFields(event: CloudEvent) {
  const extensions: Record<string, unknown> = {};
  for (const name in event) if (!ownFields.has(name)) extensions[name] = event[name];
  return {
    id: text(event, "id"),
    source: text(event, "source"),
    type: text(event, "type"),
    specVersion: text(event, "specversion"),
    dataContentType: text(event, "datacontenttype"),
    data: dataOf(event),
    extensions: extensions as JsonObject,
  };
}

/** The TopicEventRequest of an event, as an initializer. Throws DeliveryError when the data cannot be sent. */
export function topicEventRequest({ event, topic, pubsubName, path }: TopicEvent) {
  return { ...eventFields(event), topic, pubsubName, path };
}

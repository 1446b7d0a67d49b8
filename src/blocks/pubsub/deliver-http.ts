import type { HttpAppChannel } from "../../kit/app-channel.ts";
import { encodeBase64 } from "../../kit/base64.ts";
import { concatBytes, decodeUtf8, encodeUtf8 } from "../../kit/bytes.ts";
import type { BeginSpan, Trace } from "../../kit/call.ts";
import { decodeGoJson, encodeGoJson } from "../../kit/go-json.ts";
import { decodeGoShape, goShape } from "../../kit/go-shape.ts";
import type { HttpReply } from "../../kit/http-message.ts";
import { httpStatusText } from "../../kit/http-status-text.ts";
import { routeTarget } from "../../kit/url-path.ts";
import { cloudEventType } from "./content-type.ts";
import { deliveryIdName } from "./deliveries.ts";
import { discoverHttp } from "./discover-http.ts";
import { beginBulkSpans, beginEventSpan, endEventSpans } from "./event-span.ts";
import { readReply } from "./http-reply.ts";
import type { BulkTopicEvent, Metadata } from "./model.ts";
import {
  type AnsweredTransaction,
  type BulkVerdict,
  DeliveryError,
  type PubSubLog,
  type SubscriberApp,
  type Verdict,
} from "./ports.ts";

export interface HttpSubscriberPorts {
  readonly appId: string;
  readonly channel: HttpAppChannel;
  readonly beginSpan: BeginSpan;
  readonly log: PubSubLog;
}

const statusShape = goShape.struct("pubsub.AppResponse", { status: goShape.text, transaction: goShape.anything });
const bulkShape = goShape.struct("pubsub.AppBulkResponse", {
  statuses: goShape.list(
    "[]pubsub.AppBulkResponseEntry",
    goShape.struct("pubsub.AppBulkResponseEntry", {
      entryId: goShape.text,
      status: goShape.text,
      transaction: goShape.anything,
    }),
  ),
});

const token = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
/** What the call says of itself. */
const reserved: ReadonlySet<string> = new Set([
  "content-type",
  "content-length",
  "traceparent",
  "tracestate",
  deliveryIdName,
]);

/** A header name as Go writes it. */
function headerName(name: string): string {
  // Every event has this one.
  if (name === "pubsubName") return "Pubsubname";
  return name.toLowerCase().replace(/(^|-)[a-z]/g, (found) => found.toUpperCase());
}

function headersOf(contentType: string, metadata: Metadata, trace: Trace | undefined): [string, string][] {
  const headers: [string, string][] = [["Content-Type", contentType]];
  for (const name in metadata) {
    const value = metadata[name]!;
    // A name or value that cannot be sent must not keep the event from the app for ever.
    if (reserved.has(name.toLowerCase()) || !token.test(name) || /[\r\n\0]/.test(value)) continue;
    headers.push([headerName(name), value]);
  }
  if (trace !== undefined && trace.traceparent !== "") {
    headers.push(["traceparent", trace.traceparent]);
    if (trace.tracestate !== "") headers.push(["tracestate", trace.tracestate]);
  }
  return headers;
}

const silent = { status: "", transaction: null };

const plainText = /^[\w ./+-]*$/;

function quote(text: string): string {
  return plainText.test(text) ? `"${text}"` : encodeGoJson(text);
}

/** An answer that is no JSON of this shape says nothing. */
function decodeAnswer(body: Uint8Array): { readonly status: string; readonly transaction: unknown } {
  if (body.length === 0) return silent;
  try {
    return decodeGoShape(decodeGoJson(body), statusShape);
  } catch {
    return silent;
  }
}

/** Metadata as JSON; most entries have the id of their delivery and nothing else. */
function metadataText(metadata: Metadata): string {
  const id = metadata[deliveryIdName];
  if (id !== undefined && Object.keys(metadata).length === 1) return `{"${deliveryIdName}":${quote(id)}}`;
  return encodeGoJson(metadata, { sortKeys: true });
}

/** The body of a bulk. */
function bulkBody({ id, entries, metadata, pubsubName, topic }: BulkTopicEvent): Uint8Array {
  const pieces: Uint8Array[] = [];
  let text = '{"entries":[';
  for (const { entryId, event, json, contentType, metadata: own } of entries) {
    const isRaw = event instanceof Uint8Array;
    text += `{"entryId":${quote(entryId)},"event":`;
    if (isRaw) text += `"${encodeBase64(event)}"`;
    else if (json === undefined) text += encodeGoJson(event, { sortKeys: true });
    else {
      pieces.push(encodeUtf8(text), json);
      text = "";
    }
    const type = contentType || (isRaw ? "application/octet-stream" : cloudEventType);
    text += `,"metadata":${metadataText(own)},"contentType":${quote(type)}},`;
  }
  if (entries.length > 0) text = text.slice(0, -1);
  const rest = encodeGoJson({ id, metadata, pubsubname: pubsubName, topic, type: "com.dapr.event.sent.bulk" });
  pieces.push(encodeUtf8(`${text}],${rest.slice(1)}`));
  return concatBytes(pieces);
}

function bulkVerdict(entryId: string, status: string, transaction: unknown): BulkVerdict {
  if (status === "SUCCESS") return transaction === null ? "success" : { wire: "http", body: transaction };
  if (status === "DROP") return "drop";
  if (status === "" || status === "RETRY")
    return new Error(`RETRY required while processing bulk subscribe event for entry id: ${entryId}`);
  return new Error(`unknown status returned from app while processing bulk subscribe event ${entryId}: ${status}`);
}

/** An app that speaks HTTP as a subscriber. */
export function createHttpSubscriber({ appId, channel, beginSpan, log }: HttpSubscriberPorts): SubscriberApp {
  async function post(
    route: string,
    headers: [string, string][],
    body: Uint8Array,
    traces: readonly (Trace | undefined)[],
    signal: AbortSignal,
  ): Promise<{ readonly status: number; readonly body: Uint8Array }> {
    try {
      return await endEventSpans(traces, async (fail) => {
        const reply: HttpReply = await channel.call({ method: "POST", ...routeTarget(route), headers, body }, signal);
        const { status } = reply;
        if (status >= 400) fail(`Code(${status}): ${httpStatusText(status) || "Unknown"}`);
        return { status, body: await readReply(reply) };
      });
    } catch (cause) {
      const why = cause instanceof Error ? cause.message : String(cause);
      throw new DeliveryError(`error returned from app channel while sending pub/sub event to app: ${why}`, { cause });
    }
  }
  return {
    passesJson: true,
    discover: (signal) => discoverHttp(channel, appId, log, signal),

    async deliver({ event, body, topic, path, metadata, deliveryId }, signal): Promise<Verdict | AnsweredTransaction> {
      const id = event["id"];
      const trace = beginEventSpan(beginSpan, event, topic);
      const headers = headersOf(cloudEventType, metadata, trace);
      headers.push([deliveryIdName, deliveryId]);
      const reply = await post(path, headers, body, [trace], signal);
      const { status: code } = reply;
      if (code >= 200 && code <= 299) {
        const { status, transaction } = decodeAnswer(reply.body);
        if (status === "" || status === "SUCCESS")
          return transaction === null ? "success" : { wire: "http", body: transaction };
        if (status === "DROP") {
          log.warn(`DROP status returned from app while processing pub/sub event ${id}`);
          return "drop";
        }
        if (status === "RETRY")
          throw new DeliveryError(`RETRY status returned from app while processing pub/sub event ${id}`);
        throw new DeliveryError(
          `unknown status returned from app while processing pub/sub event ${id}, status: ${status}`,
        );
      }
      const text = decodeUtf8(reply.body);
      if (code === 404) {
        log.error(
          `non-retriable error returned from app while processing pub/sub event ${id}: ${text}. status code returned: 404`,
        );
        return "refuse";
      }
      throw new DeliveryError(
        `retriable error returned from app while processing pub/sub event ${id}, topic: ${topic}, body: ${text}. status code returned: ${code}`,
        { code },
      );
    },

    async deliverBulk(bulk, signal) {
      const verdicts = new Map<string, BulkVerdict>();
      const traces = beginBulkSpans(beginSpan, bulk);
      const headers = headersOf("application/json", bulk.metadata, traces.at(-1));
      const reply = await post(bulk.path, headers, bulkBody(bulk), traces, signal);
      const { status: code } = reply;
      if (code === 404) {
        log.error(
          "Non-retriable error returned from app while processing bulk pub/sub event. status code returned: 404",
        );
        for (const { entryId } of bulk.entries) verdicts.set(entryId, "unknownMethod");
        return verdicts;
      }
      if (code < 200 || code > 299)
        throw new DeliveryError(
          `Retriable error returned from app while processing bulk pub/sub event, topic: ${bulk.topic}. status code returned: ${code}`,
          { code },
        );
      try {
        const { statuses } = decodeGoShape(decodeGoJson(reply.body), bulkShape);
        for (const { entryId, status, transaction } of statuses ?? [])
          verdicts.set(entryId, bulkVerdict(entryId, status, transaction));
      } catch (cause) {
        const why = cause instanceof Error ? cause.message : String(cause);
        throw new DeliveryError(`failed unmarshalling app response for bulk subscribe: ${why}`, { cause });
      }
      return verdicts;
    },
  };
}

import type { MsgHdrs } from "nats.ws";
import type { BulkEntry } from "../../../src/driver/pubsub.ts";
import type { NatsMessage } from "./nats-link.ts";

const decoder = new TextDecoder();
const contentTypeHeader = "Content-Type";
/** What a stream tells copies by. */
export const messageIdHeader = "Nats-Msg-Id";
/** Metadata that no header can carry as it is, as a JSON object. */
const metadataHeader = "Pillion-Metadata";
const namePattern = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
const valuePattern = /^[!-~](?:[ -~]*[!-~])?$/;
/** Headers that are not metadata of the message. */
const isOwn = (name: string): boolean =>
  /^(?:nats-.*|content-type|pillion-metadata|traceparent|tracestate)$/i.test(name);

/** The envelope's members that headers repeat. Empty when the data is no JSON object. */
function envelopeOf(data: Uint8Array): {
  readonly id?: unknown;
  readonly traceparent?: unknown;
  readonly tracestate?: unknown;
} {
  if (!/^\s*\{/.test(decoder.decode(data.subarray(0, 64)))) return {};
  try {
    return JSON.parse(decoder.decode(data)) as Record<string, unknown>;
  } catch {
    return {};
  }
}

const isPlain = (value: unknown): value is string => typeof value === "string" && valuePattern.test(value);

/** Escapes of JSON keep a header within ASCII. */
function asciiJson(value: object): string {
  return JSON.stringify(value).replace(
    /[^ -~]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}

/**
 * Fills the headers of a message. The stream stores a message id once within its window: the event's id, as upstream
 * sends it, else `spareId`, so that sending again after a lost connection is safe.
 */
export function writeHeaders(
  headers: MsgHdrs,
  { data, contentType, metadata }: Omit<BulkEntry, "entryId">,
  spareId: string,
): MsgHdrs {
  const { id, traceparent, tracestate } = envelopeOf(data);
  headers.set(messageIdHeader, isPlain(id) ? id : spareId);
  if (isPlain(contentType)) headers.set(contentTypeHeader, contentType);
  if (isPlain(traceparent)) headers.set("traceparent", traceparent);
  if (isPlain(tracestate)) headers.set("tracestate", tracestate);
  const others: Record<string, string> = {};
  for (const [name, value] of Object.entries(metadata)) {
    if (namePattern.test(name) && isPlain(value) && !isOwn(name)) headers.set(name, value);
    else others[name] = value;
  }
  if (Object.keys(others).length > 0) headers.set(metadataHeader, asciiJson(others));
  return headers;
}

/** The content type and metadata that a message came with. `Topic` is the subject, which tells more than a pattern. */
export function readHeaders({ subject, headers }: Pick<NatsMessage, "subject" | "headers">): {
  readonly contentType: string;
  readonly metadata: Readonly<Record<string, string>>;
} {
  const metadata: Record<string, string> = {};
  let contentType = "";
  for (const [name, values] of headers ?? []) {
    const value = values[0] ?? "";
    if (name.toLowerCase() === "content-type") contentType = value;
    else if (name === metadataHeader) Object.assign(metadata, othersOf(value));
    else if (!isOwn(name)) metadata[name] = value;
  }
  // compat: pubsub/jetstream of components-contrib gives this one
  metadata["Topic"] = subject;
  return { contentType, metadata };
}

function othersOf(text: string): Record<string, string> {
  try {
    const found = JSON.parse(text) as Record<string, unknown>;
    return Object.fromEntries(
      Object.entries(found).filter((entry): entry is [string, string] => typeof entry[1] === "string"),
    );
  } catch {
    return {};
  }
}

/** Where a delivered message stands. */
export interface Place {
  /** Its number in the stream. */
  readonly sequence: number;
  /** When the stream stored it, which with the number tells it from any other. */
  readonly stored: string;
  /** Which delivery it is, from 1. */
  readonly attempt: number;
}

/** Reads the subject that acknowledgements go to; undefined when the message is not a stream's. */
export function readPlace(reply: string | undefined): Place | undefined {
  const tokens = reply?.split(".") ?? [];
  // Newer servers put the domain and the account before the stream.
  const at = tokens.length === 9 ? 4 : tokens.length >= 11 ? 6 : undefined;
  if (at === undefined || tokens[0] !== "$JS" || tokens[1] !== "ACK") return undefined;
  const [attempt, sequence, , stored] = tokens.slice(at);
  return { sequence: Number(sequence), stored: stored ?? "", attempt: Number(attempt) };
}

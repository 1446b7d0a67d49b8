import { decodeUtf8, encodeUtf8 } from "../../kit/bytes.ts";
import type { CloudEvent } from "./model.ts";

/** How an event begins that the publisher of this project has put around a payload. */
const beginnings = [encodeUtf8('{"data":'), encodeUtf8('{"data_base64":"')] as const;
const mark = ',"datacontenttype":"';
/** The attributes behind the payload are shorter than this, or the event is read as a whole. */
const tailBytes = 768;
const attributes: ReadonlySet<string> = new Set([
  "datacontenttype",
  "expiration",
  "id",
  "pubsubname",
  "source",
  "specversion",
  "subject",
  "time",
  "topic",
  "traceid",
  "traceparent",
  "tracestate",
  "type",
]);
const closingBrace = 125;

function beginsWith(data: Uint8Array, beginning: Uint8Array): boolean {
  for (let index = 0; index < beginning.length; index++) if (data[index] !== beginning[index]) return false;
  return true;
}

/**
 * The attributes of an event without its payload, read from the end of its JSON alone: enough for apps that get the JSON as it is,
 * at a fraction of the cost. Undefined for an event of another make: that is to be read as a whole.
 */
export function readEventHead(data: Uint8Array): CloudEvent | undefined {
  if (data.at(-1) !== closingBrace || !beginnings.some((beginning) => beginsWith(data, beginning))) return undefined;
  const tail = decodeUtf8(data.length > tailBytes ? data.subarray(data.length - tailBytes) : data);
  // In a payload the quotes of this text would be escaped, or there would be one brace too many behind it.
  const at = tail.lastIndexOf(mark);
  if (at < 0) return undefined;
  let head: Record<string, unknown>;
  try {
    head = JSON.parse(`{${tail.slice(at + 1)}`) as Record<string, unknown>;
  } catch {
    return undefined;
  }
  let count = 0;
  for (const name in head) {
    if (!attributes.has(name) || typeof head[name] !== "string") return undefined;
    count += 1;
  }
  return count >= 10 && "id" in head && "type" in head ? head : undefined;
}

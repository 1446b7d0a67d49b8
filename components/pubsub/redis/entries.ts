import { decodeUtf8 } from "../../../src/kit/bytes.ts";
import type { RedisReply } from "../../_shared/redis-client.ts";

/** One message of a stream. */
export interface StreamEntry {
  readonly id: string;
  readonly data: Uint8Array;
  readonly metadata: Readonly<Record<string, string>>;
  /** What is wrong with the stored metadata, if anything is. */
  readonly fault?: string;
}

/** A pending message as its group knows it: unacknowledged for `idleMs`, delivered `deliveries` times. */
export interface PendingEntry {
  readonly id: string;
  readonly idleMs: number;
  readonly deliveries: number;
}

const listOf = (reply: RedisReply | undefined): readonly RedisReply[] =>
  Array.isArray(reply) ? (reply as readonly RedisReply[]) : [];

/** The text of a reply that is text or bytes. */
export function textOf(reply: RedisReply | undefined): string {
  return reply instanceof Uint8Array ? decodeUtf8(reply) : String(reply ?? "");
}

function bytesOf(reply: RedisReply | undefined): Uint8Array {
  if (reply instanceof Uint8Array) return new Uint8Array(reply.buffer, reply.byteOffset, reply.byteLength);
  return new TextEncoder().encode(textOf(reply));
}

function readMetadata(text: string): Pick<StreamEntry, "metadata" | "fault"> {
  try {
    const value: unknown = JSON.parse(text);
    if (value === null) return { metadata: {} };
    if (typeof value !== "object" || Array.isArray(value)) throw new Error("it is no JSON object");
    const pairs = Object.entries(value);
    const texts = pairs.filter((pair): pair is [string, string] => typeof pair[1] === "string");
    const metadata = Object.fromEntries(texts);
    return texts.length === pairs.length ? { metadata } : { metadata, fault: "not all of its values are text" };
  } catch (error) {
    return { metadata: {}, fault: error instanceof Error ? error.message : String(error) };
  }
}

function readEntry(reply: RedisReply): StreamEntry | null {
  const [id, fields] = listOf(reply);
  if (id === undefined || !Array.isArray(fields)) return null;
  let data: Uint8Array = new Uint8Array();
  let metadata: Pick<StreamEntry, "metadata" | "fault"> = { metadata: {} };
  for (let at = 0; at + 1 < fields.length; at += 2) {
    const name = textOf(fields[at]);
    if (name === "data") data = bytesOf(fields[at + 1]);
    else if (name === "metadata") metadata = readMetadata(textOf(fields[at + 1]));
  }
  return { id: textOf(id), data, ...metadata };
}

/** The messages in an answer to XCLAIM or XRANGE. Those that the stream no longer has are left out. */
export function readEntries(reply: RedisReply | undefined): readonly StreamEntry[] {
  return listOf(reply)
    .map(readEntry)
    .filter((entry) => entry !== null);
}

/** The messages in an answer to XREADGROUP for one stream; none when the wait was over. */
export function readStreams(reply: RedisReply): readonly StreamEntry[] {
  return listOf(reply).flatMap((stream) => readEntries(listOf(stream)[1]));
}

/** The answer to the long form of XPENDING. */
export function readPending(reply: RedisReply): readonly PendingEntry[] {
  return listOf(reply).map((row) => {
    const [id, , idleMs, deliveries] = listOf(row);
    return { id: textOf(id), idleMs: Number(textOf(idleMs)), deliveries: Number(textOf(deliveries)) };
  });
}

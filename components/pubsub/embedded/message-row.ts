import { DriverError } from "../../../src/driver/errors.ts";
import { parseNanoseconds } from "../../../src/kit/duration.ts";
import { messageTtl } from "../../../src/kit/message-ttl.ts";
import type { StoredMessage } from "./statements.ts";

type Metadata = Readonly<Record<string, string>>;

/** What a message's metadata asks of the broker. */
interface Wishes {
  readonly key: string | null;
  /** When subscribers get it, in epoch milliseconds; undefined: at once. */
  readonly dueAt: number | undefined;
  /** Metadata that subscribers get. */
  readonly rest: Metadata;
}

const rfc3339 = /^\d{4}-\d{2}-\d{2}[Tt]\d{2}:\d{2}:\d{2}(?:\.\d+)?(?:[Zz]|[+-]\d{2}:\d{2})$/;

function refuse(name: string, value: string, expected: string): never {
  throw new DriverError("badMetadata", `metadata ${JSON.stringify(name)} is ${expected}, not ${JSON.stringify(value)}`);
}

function timeAfter(name: string, value: string, now: number): number {
  try {
    return now + Number(parseNanoseconds(value)) / 1e6;
  } catch {
    return refuse(name, value, 'a duration such as "90s" or "1h30m"');
  }
}

function timeAt(name: string, value: string): number {
  const at = rfc3339.test(value) ? Date.parse(value) : Number.NaN;
  const [year = 0, month = 0, day = 0] = value.slice(0, 10).split("-").map(Number);
  // Some engines read the 30th of February as a day in March.
  if (Number.isNaN(at) || day > new Date(Date.UTC(year, month, 0)).getUTCDate())
    refuse(name, value, 'a time such as "2030-01-31T12:00:00Z"');
  return at;
}

/** compat: the names are those of components-contrib: `partitionKey` of Kafka, `deliverAt` and `deliverAfter` of Pulsar */
function wishesOf(metadata: Metadata, now: number): Wishes {
  let key: string | null = null;
  let dueAt: number | undefined;
  let rest: Record<string, string> | undefined;
  for (const name in metadata) {
    const value = metadata[name]!;
    const folded = name.toLowerCase();
    if (folded === "partitionkey") {
      if (value !== "") key = value;
    } else if (folded === "deliverat" || folded === "deliverafter") {
      if (value !== "") dueAt = folded === "deliverat" ? timeAt(name, value) : timeAfter(name, value, now);
      // It is done with: a message that is put aside later is not to be delayed again.
      rest ??= { ...metadata };
      delete rest[name];
    }
  }
  return { key, dueAt: dueAt === undefined || dueAt <= now ? undefined : Math.ceil(dueAt), rest: rest ?? metadata };
}

function isEmpty(metadata: Metadata): boolean {
  for (const _ in metadata) return false;
  return true;
}

/** A message as its row will have it, and when it is due if that is later. Throws DriverError for metadata that cannot be read. */
export function messageRow(
  topic: number,
  message: { readonly data: Uint8Array; readonly contentType: string; readonly metadata: Metadata },
  now: number,
): { readonly row: StoredMessage; readonly dueAt: number | undefined } {
  const { contentType, data } = message;
  if (isEmpty(message.metadata)) {
    const row = { topic, publishedAt: now, expiresAt: null, key: null, contentType, metadata: "", data };
    return { row, dueAt: undefined };
  }
  const { key, dueAt, rest } = wishesOf(message.metadata, now);
  const publishedAt = dueAt ?? now;
  const ttl = messageTtl(message.metadata);
  const expiresAt = ttl === undefined ? null : publishedAt + Math.min(ttl, Number.MAX_SAFE_INTEGER / 2);
  const metadata = isEmpty(rest) ? "" : JSON.stringify(rest);
  return { row: { topic, publishedAt, expiresAt, key, contentType, metadata, data }, dueAt };
}

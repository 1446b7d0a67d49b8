import { DriverError } from "../../../src/driver/errors.ts";
import type {
  StateDelete,
  StateFeature,
  StateGet,
  StateItem,
  StateOperation,
  StateQuery,
  StateSet,
  StateStore,
} from "../../../src/driver/state.ts";
import { encodeBase64 } from "../../../src/kit/base64.ts";
import { decodeUtf8, decodeUtf8Strict, encodeUtf8 } from "../../../src/kit/bytes.ts";
import { parseGoInteger } from "../../../src/kit/go-integer.ts";
import { etagMismatch } from "../../_shared/etag-mismatch.ts";
import { compareText } from "../../_shared/json-query.ts";
import { type RedisArgument, type RedisReply, RedisReplyError } from "../../_shared/redis-client.ts";
import type { RedisConnection } from "../../_shared/redis-connection.ts";
import { redisSlot } from "../../_shared/redis-slot.ts";
import { likeGlob } from "./like-glob.ts";
import type { QueryIndex } from "./query-indexes.ts";
import { createScript } from "./run-script.ts";
import { readDocumentScript, type WriteKind, writeScript } from "./scripts.ts";
import { search } from "./search.ts";

/** What the store is made of. */
export interface RedisStoreOptions {
  readonly redis: RedisConnection;
  readonly isCluster: boolean;
  /** The server has the JSON module. */
  readonly hasJson: boolean;
  /** Replicas that strong writes wait for. */
  readonly replicas: number;
  /** Seconds to live of writes that name none; 0 and less keep them for ever. */
  readonly defaultTtl: number | undefined;
  readonly indexes: ReadonlyMap<string, QueryIndex>;
}

type Metadata = Readonly<Record<string, string>>;

const noMetadata: Metadata = Object.freeze({});
const replicaWaitMs = 1000;
/** Beyond it the moment of expiry does not fit the server's clock. */
const longestTtl = 9e15;

const bad = (text: string, cause?: unknown): DriverError => new DriverError("badRequest", text, { cause });

function failed(action: string, cause: unknown): unknown {
  if (DriverError.is(cause)) return new DriverError(cause.kind, `${action}: ${cause.message}`, { cause });
  return cause instanceof RedisReplyError ? new DriverError("failed", `${action}: ${cause.message}`, { cause }) : cause;
}

/** The version that a write names: 0 is none. */
function expectedVersion({ etag, concurrency }: StateSet): string {
  if (concurrency === "last-write" || etag === null || etag === "") return "0";
  try {
    return String(parseGoInteger(etag, "Atoi"));
  } catch (cause) {
    throw new DriverError("etagInvalid", `invalid etag value: ${(cause as Error).message}`, { cause });
  }
}

// compat: state/redis/redis.go has its own rule, any whole number; what is not positive takes the time to live away
function ttlOf(metadata: Metadata, fallback: number | undefined): number | "" {
  const text = metadata["ttlInSeconds"] ?? "";
  if (text === "") return fallback ?? "";
  let ttl: number;
  try {
    ttl = parseGoInteger(text, "ParseInt");
  } catch (cause) {
    throw bad(`failed to parse ttl from metadata: ${(cause as Error).message}`, cause);
  }
  if (ttl > longestTtl) throw bad(`failed to parse ttl from metadata: ${text} seconds are too many`);
  return ttl;
}

function isJsonText(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

/** A value as JSON text; bytes that are none become a text in base64. */
function jsonBytes({ bytes, binary }: StateSet["value"]): Uint8Array {
  if (!binary) return bytes;
  const text = decodeUtf8Strict(bytes);
  if (text !== undefined && isJsonText(text)) return bytes;
  return encodeUtf8(JSON.stringify(encodeBase64(bytes)));
}

const htmlEscape = /\\(?:u003c|u003e|u0026|u2028|u2029|.)/g;
const backslash = 0x5c;

/**
 * JSON text without the escapes of `<`, `>`, `&` and the separators of lines.
 * compat: state/redis/redis.go writes its values without them, other stores with them.
 */
function withoutHtmlEscapes(json: Uint8Array): Uint8Array {
  if (!json.includes(backslash)) return json;
  const text = decodeUtf8(json).replace(htmlEscape, (found) => (found.length > 2 ? JSON.parse(`"${found}"`) : found));
  return encodeUtf8(text);
}

const isBytes = (reply: RedisReply | undefined): reply is Uint8Array => reply instanceof Uint8Array;

/** A store on a connection. A write is one script, so it is atomic together with its time to live, and so are transactions. */
export async function createRedisStore(options: RedisStoreOptions): Promise<StateStore> {
  const { redis, hasJson } = options;
  const write = await createScript(redis, writeScript);
  const readDocument = await createScript(redis, readDocumentScript);
  const isJson = (metadata: Metadata): boolean => hasJson && metadata["contentType"] === "application/json";

  function argumentsOf({ kind, request }: StateOperation, json: boolean, marks: boolean): RedisArgument[] {
    const action = (name: "set" | "del"): WriteKind => (json ? `j${name}` : name);
    if (kind === "delete") {
      const { etag } = request;
      return [action("del"), etag === null || etag === "" ? "0" : etag, "", "1", ""];
    }
    const { value, concurrency, metadata } = request;
    const mark = marks && concurrency === "first-write" ? "0" : "1";
    const plain = value.binary ? value : { bytes: withoutHtmlEscapes(value.bytes), binary: false };
    const stored = json ? jsonBytes(plain) : plain.bytes;
    return [action("set"), expectedVersion(request), stored, mark, ttlOf(metadata, options.defaultTtl)];
  }

  const actionOf = ({ kind, request }: StateOperation): string =>
    kind === "upsert" ? `failed to set key ${request.key}` : `failed to delete ${request.key}`;

  // compat: state/redis/redis.go speaks of a mismatch only when the request has an ETag
  function refusal(operation: StateOperation): DriverError {
    const { etag } = operation.request;
    if (etag !== null && etag !== "") return etagMismatch(actionOf(operation));
    const why = "the key was made with first-write, so a write has to name its ETag";
    return new DriverError("failed", `${actionOf(operation)}: ${why}`);
  }

  async function one(operation: StateOperation, signal: AbortSignal): Promise<void> {
    const { key, metadata } = operation.request;
    const args = argumentsOf(operation, isJson(metadata), true);
    let reply: RedisReply;
    try {
      reply = await write([key], args, { signal });
    } catch (cause) {
      throw failed(actionOf(operation), cause);
    }
    if (reply !== 0) throw refusal(operation);
  }

  async function get({ key, metadata }: StateGet, signal: AbortSignal): Promise<StateItem | null> {
    if (isJson(metadata)) {
      const reply = await readDocument([key], [], { isRead: true, signal });
      if (!Array.isArray(reply)) return null;
      const [data, version] = reply;
      if (!isBytes(data)) throw new DriverError("failed", "invalid result");
      return { bytes: data, etag: isBytes(version) ? decodeUtf8(version) : null, metadata: noMetadata };
    }
    let fields: RedisReply;
    try {
      fields = await redis.send({ args: ["HGETALL", key], key, isRead: true }, signal);
    } catch (cause) {
      if (!(cause instanceof RedisReplyError)) throw cause;
      // What another program stored as plain text has no ETag.
      const text = await redis.send({ args: ["GET", key], key, isRead: true }, signal);
      return isBytes(text) ? { bytes: text, etag: null, metadata: noMetadata } : null;
    }
    if (!Array.isArray(fields) || fields.length === 0) return null;
    let data: Uint8Array | undefined;
    let version: Uint8Array | undefined;
    for (let at = 0; at + 1 < fields.length; at += 2) {
      const name = fields[at] as Uint8Array;
      // 0x64 is the d of "data", 0x76 the v of "version": names are compared only when they can be meant.
      if (name[0] === 0x64 && decodeUtf8(name) === "data") data = fields[at + 1] as Uint8Array;
      else if (name[0] === 0x76 && decodeUtf8(name) === "version") version = fields[at + 1] as Uint8Array;
    }
    if (data === undefined || version === undefined)
      throw new DriverError("failed", "required hash field 'data' or 'version' was not found");
    return { bytes: data, etag: decodeUtf8(version), metadata: noMetadata };
  }

  async function guarded<T>(work: Promise<T>): Promise<T> {
    try {
      return await work;
    } catch (cause) {
      throw cause instanceof RedisReplyError ? new DriverError("failed", cause.message, { cause }) : cause;
    }
  }

  async function set(request: StateSet, signal: AbortSignal): Promise<void> {
    await one({ kind: "upsert", request }, signal);
    const { replicas } = options;
    if (request.consistency !== "strong" || replicas === 0) return;
    try {
      await redis.send({ args: ["WAIT", replicas, replicaWaitMs], key: request.key }, signal, replicaWaitMs);
    } catch (cause) {
      throw failed(`redis waiting for ${replicas} replicas to acknowledge write, err`, cause);
    }
  }

  async function transact(
    operations: readonly StateOperation[],
    metadata: Metadata,
    signal: AbortSignal,
  ): Promise<void> {
    if (operations.length === 0) return;
    const keys = operations.map(({ request }) => request.key);
    if (options.isCluster && new Set(keys.map(redisSlot)).size > 1)
      throw bad(
        `cannot write the keys ${keys.map((key) => JSON.stringify(key)).join(", ")} in one transaction: a Redis Cluster needs them in one hash slot, write a common part of the keys in braces, as in "{order-1}"`,
      );
    const args = operations.flatMap((operation) =>
      // compat: transactions never mark a key
      argumentsOf(operation, isJson(metadata) || isJson(operation.request.metadata), false),
    );
    let reply: RedisReply;
    try {
      reply = await write(keys, args, { signal });
    } catch (cause) {
      throw failed("failed to run the transaction", cause);
    }
    if (reply !== 0) throw refusal(operations[Number(reply) - 1]!);
  }

  async function keysLike(pattern: string, pageSize: number, token: string, signal: AbortSignal) {
    if (pattern === "") throw bad("keys like pattern cannot be empty");
    const glob = likeGlob(pattern);
    const found = new Set<string>();
    let cursor = "0";
    do {
      const reply = await redis.send({ args: ["SCAN", cursor, "MATCH", glob, "COUNT", 1000], isRead: true }, signal);
      const [next, keys] = Array.isArray(reply) ? reply : [];
      if (!Array.isArray(keys)) throw new DriverError("failed", "unexpected SCAN response");
      for (const key of keys) found.add(isBytes(key) ? decodeUtf8(key) : String(key));
      cursor = isBytes(next) ? decodeUtf8(next) : String(next);
    } while (cursor !== "0");
    const sorted = [...found].sort(compareText);
    const start = /^\+?[0-9]+$/.test(token) ? Math.min(Number(token), sorted.length) : 0;
    const end = pageSize > 0 ? Math.min(start + pageSize, sorted.length) : sorted.length;
    return { keys: sorted.slice(start, end), token: end < sorted.length ? String(end) : "" };
  }

  async function query(request: StateQuery, signal: AbortSignal) {
    const name = request.metadata["queryIndexName"] ?? "";
    if (name === "") throw bad("query index not found");
    const index = options.indexes.get(name);
    if (index === undefined) throw bad(`query index schema ${JSON.stringify(name)} not found`);
    return search(redis, name, index, request, signal);
  }

  const features: StateFeature[] = [
    "ETAG",
    "TRANSACTIONAL",
    "TTL",
    ...(hasJson ? (["QUERY_API"] as const) : []),
    "KEYS_LIKE",
  ];
  return {
    features,
    get: (request, signal) => guarded(get(request, signal)),
    set,
    delete: (request: StateDelete, signal) => one({ kind: "delete", request }, signal),
    transact,
    keysLike: (pattern, pageSize, token, signal) => guarded(keysLike(pattern, pageSize, token, signal)),
    ...(hasJson && { query: (request: StateQuery, signal: AbortSignal) => guarded(query(request, signal)) }),
    async ping(signal) {
      try {
        await redis.send({ args: ["PING"], isRead: true }, signal);
      } catch (cause) {
        throw failed(`redis store: error connecting to redis at ${redis.address}`, cause);
      }
    },
    async close() {
      redis.close();
    },
  };
}

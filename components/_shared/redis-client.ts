// portable: the client library takes and gives its bytes as this class on every runtime
import { Buffer as ByteBuffer } from "node:buffer";
import type { RedisSettings } from "./redis-settings.ts";

/** What a command may hold; numbers go as decimal text. */
export type RedisArgument = string | number | Uint8Array;
/** What a server answers. */
export type RedisReply = Uint8Array | string | number | null | readonly RedisReply[];

/** A refusal that the server itself sent, such as `WRONGTYPE …`. */
export class RedisReplyError extends Error {
  constructor(message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.name = "RedisReplyError";
  }
}

/** A command that never left, because there was no connection at that moment. */
export class RedisUnsentError extends Error {
  /** The client is closed for good. */
  readonly isOver: boolean;
  constructor(message: string, isOver: boolean, options?: { cause?: unknown }) {
    super(message, options);
    this.name = "RedisUnsentError";
    this.isOver = isOver;
  }
}

/** One command with what is needed to find its server. */
export interface RedisCommand {
  readonly args: readonly RedisArgument[];
  /** The key that decides about the node of a cluster; none goes to any node. */
  readonly key?: string;
  readonly isRead?: boolean;
}

/** What happens to a client between calls. */
export interface RedisClientEvents {
  /** A connection broke or could not be made again; the client goes on trying. */
  onLost(error: Error): void;
  onReady(): void;
}

/** A connected client of one topology. It reconnects by itself until it is destroyed. */
export interface RedisClient {
  /** Rejects with RedisReplyError, RedisUnsentError, or the library's error when there is no answer. */
  send(command: RedisCommand): Promise<RedisReply>;
  destroy(): void;
}

/** The one method that the library's three kinds of client do not share. */
interface LibraryClient {
  connect(): Promise<unknown>;
  destroy(): unknown;
  on(event: string, listener: (value: Error) => void): unknown;
}
type Send = (args: (string | ByteBuffer)[], command: RedisCommand) => Promise<unknown>;

function argumentOf(value: RedisArgument): string | ByteBuffer {
  if (typeof value === "string") return value;
  if (typeof value === "number") return String(value);
  return ByteBuffer.from(value.buffer, value.byteOffset, value.byteLength);
}

function socketOf(settings: RedisSettings, reconnectStrategy: (retries: number) => number | false) {
  const { tls, dialTimeout } = settings;
  const common = { connectTimeout: dialTimeout, reconnectStrategy };
  if (tls === undefined) return common;
  const { cert, key, insecure } = tls;
  return { ...common, tls: true as const, rejectUnauthorized: !insecure, ...(cert !== undefined && { cert, key }) };
}

/** compat: upstream's client signs in only with a password; a user alone is left out. */
const credentials = (username: string, password: string) =>
  password === "" ? {} : { ...(username !== "" && { username }), password };

/** Connects once and asks whether the server is there: rejects when that fails, or when the signal aborts. */
export async function connectRedis(
  settings: RedisSettings,
  events: RedisClientEvents,
  signal: AbortSignal,
): Promise<RedisClient> {
  const library = await import("redis");
  let wasReady = false;
  // Until the first connection stands, the caller decides whether to try again.
  const reconnect = (retries: number): number | false =>
    wasReady ? Math.min(25 * 2 ** Math.min(retries, 10), Math.max(settings.maxBackoff, 25)) : false;
  const socket = socketOf(settings, reconnect);
  const commandOptions = {
    // Limits are the connection's affair: the library's own do not cover what was sent already.
    timeout: 0,
    typeMapping: { [library.RESP_TYPES.BLOB_STRING]: ByteBuffer },
  };
  const node = {
    ...credentials(settings.username, settings.password),
    database: settings.database,
    disableOfflineQueue: true,
    disableClientInfo: true,
    maintNotifications: "disabled" as const,
  };
  const [client, send] = build();
  client.on("error", (error) => {
    if (wasReady) events.onLost(error);
  });
  client.on("ready", () => {
    if (wasReady) events.onReady();
  });
  const destroy = () => void Promise.resolve(client.destroy()).catch(() => undefined);
  const aborted = Promise.withResolvers<never>();
  const onAbort = () => aborted.reject(signal.reason);
  signal.addEventListener("abort", onAbort);
  try {
    signal.throwIfAborted();
    await Promise.race([client.connect().then(() => send(["PING"], { args: [], isRead: true })), aborted.promise]);
  } catch (error) {
    destroy();
    throw error instanceof library.ErrorReply ? new RedisReplyError(error.message, { cause: error }) : error;
  } finally {
    signal.removeEventListener("abort", onAbort);
  }
  wasReady = true;

  function build(): [LibraryClient, Send] {
    if (settings.topology === "cluster") {
      const cluster = library.createCluster({
        RESP: 2,
        rootNodes: settings.addresses.map(({ host, port }) => ({ socket: { ...socket, host, port } })),
        defaults: { ...node, database: 0, socket },
        commandOptions,
        topologyRefreshOnReconnectionAttemptStrategy: 500,
      });
      return [cluster, (args, { key, isRead }) => cluster.sendCommand(key, isRead ?? false, args)];
    }
    if (settings.topology === "sentinel") {
      const { master, username, password } = settings.sentinel;
      const sentinel = library.createSentinel({
        RESP: 2,
        name: master,
        sentinelRootNodes: [...settings.addresses],
        // Left to itself the library would look for a server in charge for many seconds at each command.
        maxCommandRediscovers: Math.max(1, settings.maxRetries),
        nodeClientOptions: { ...node, disableOfflineQueue: false, socket },
        sentinelClientOptions: {
          ...credentials(username, password),
          disableClientInfo: true,
          maintNotifications: "disabled",
          socket: { ...socket, reconnectStrategy: false },
        },
        commandOptions,
      });
      return [sentinel, (args) => sentinel.sendCommand(false, args)];
    }
    const [address] = settings.addresses;
    const single = library.createClient({ RESP: 2, ...node, commandOptions, socket: { ...socket, ...address } });
    return [single, (args) => single.sendCommand(args)];
  }

  return {
    async send(command) {
      try {
        return (await send(command.args.map(argumentOf), command)) as RedisReply;
      } catch (error) {
        if (error instanceof library.ErrorReply) throw new RedisReplyError(error.message, { cause: error });
        const isOver = error instanceof library.ClientClosedError;
        if (isOver || error instanceof library.ClientOfflineError)
          throw new RedisUnsentError("there is no connection", isOver, { cause: error });
        throw error;
      }
    },
    destroy,
  };
}

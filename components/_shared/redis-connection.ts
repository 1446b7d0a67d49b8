import type { DriverContext } from "../../src/driver/context.ts";
import type { DriverErrorKind } from "../../src/driver/errors.ts";
import { DriverError } from "../../src/driver/errors.ts";
import {
  connectRedis,
  type RedisClient,
  type RedisCommand,
  type RedisReply,
  RedisReplyError,
  RedisUnsentError,
} from "./redis-client.ts";
import type { RedisSettings } from "./redis-settings.ts";

/** Commands to one Redis, whatever its topology, that outlive broken connections. */
export interface RedisConnection {
  /** The addresses as the component names them. */
  readonly address: string;
  /**
   * Rejects with RedisReplyError when the server refuses, else with DriverError "unavailable", "timeout" or "closed".
   * What may have reached the server is sent again only when `isRead`. `extraMs` lengthens the limit of this command.
   */
  send(command: RedisCommand, signal?: AbortSignal, extraMs?: number): Promise<RedisReply>;
  close(): void;
}

export type RedisPorts = Pick<DriverContext, "clock" | "random" | "log" | "signal">;

/** Refusals that pass when the server has started, or when another one has taken over. */
const passing = /^(?:LOADING|CLUSTERDOWN|TRYAGAIN|MASTERDOWN|READONLY|ERR max number of clients reached)/;

/** What an error says, also one that only collects others, as those of host names with several addresses do. */
export function messageOf(error: unknown): string {
  if (error instanceof AggregateError && error.message === "") return error.errors.map(messageOf).join("; ");
  return error instanceof Error ? error.message : String(error);
}

function connectFailure(settings: RedisSettings, what: string, cause: unknown): DriverError {
  const refused = cause instanceof RedisReplyError && /^(?:WRONGPASS|NOAUTH|NOPERM|ERR .*AUTH)/.test(cause.message);
  const text = `${what}: error connecting to redis at ${settings.host}: ${messageOf(cause)}`;
  return new DriverError(refused ? "unauthorized" : "unavailable", text, { cause });
}

/**
 * Connects, trying again as often as the settings say. Rejects with DriverError "unavailable" or "unauthorized", whose text
 * begins with `what`.
 */
export async function openRedis(
  settings: RedisSettings,
  ports: RedisPorts,
  what = "redis store",
): Promise<RedisConnection> {
  const { clock, random, log } = ports;
  const { host } = settings;
  let isClosed = false;
  let isLost = false;
  let renewing: Promise<void> | undefined;

  const events = {
    onLost(error: Error) {
      if (isClosed || isLost) return;
      isLost = true;
      log.warn(`Lost the connection to Redis at ${host}: ${messageOf(error)}`);
    },
    onReady() {
      if (isLost) log.info(`Connected to Redis at ${host} again`);
      isLost = false;
    },
  };

  // compat: the waits of upstream's client, which doubles from the shortest and takes the longest once it is past it
  function pause(retry: number): number {
    const { minBackoff, maxBackoff } = settings;
    if (minBackoff === 0) return 0;
    return Math.min(maxBackoff, minBackoff * (1 + random.fraction() * 2 ** retry));
  }

  /** The server asks for no password: one that is given anyway is no fault. compat: upstream's client signs in as `default` there. */
  const isOpenToAll = (cause: unknown): boolean =>
    cause instanceof RedisReplyError && cause.message.startsWith("ERR AUTH <password> called without any password");

  /** One attempt, with a limit for the whole of it: the library's own covers only the bare connection. */
  async function dial(signal?: AbortSignal): Promise<RedisClient> {
    const limit = new AbortController();
    const limitMs = settings.dialTimeout + (settings.readTimeout ?? settings.dialTimeout);
    const stopTimer = clock.after(limitMs, () => limit.abort(new Error(`it did not answer within ${limitMs} ms`)));
    try {
      const within = signal ? AbortSignal.any([signal, limit.signal]) : limit.signal;
      return await connectRedis(settings, events, within).catch((cause) => {
        if (settings.username !== "" || !isOpenToAll(cause)) throw cause;
        return connectRedis({ ...settings, password: "" }, events, within);
      });
    } finally {
      stopTimer();
    }
  }

  async function connect(signal: AbortSignal): Promise<RedisClient> {
    for (let retry = 0; ; retry++) {
      try {
        return await dial(signal);
      } catch (cause) {
        const isFinal = cause instanceof RedisReplyError && !passing.test(cause.message);
        if (isFinal || signal.aborted || retry >= settings.maxRetries) throw connectFailure(settings, what, cause);
        log.debug(`Connecting to Redis at ${host} failed: ${messageOf(cause)}`);
        await clock.sleep(pause(retry), signal).catch((reason) => {
          throw connectFailure(settings, what, reason);
        });
      }
    }
  }

  let client = await connect(ports.signal);

  /** A server that does not answer may be behind a connection that leads nowhere: the next command gets a new one. */
  function renew(silent: RedisClient): void {
    if (isClosed || silent !== client || renewing !== undefined) return;
    events.onLost(new Error("it does not answer"));
    silent.destroy();
    renewing = dial()
      .then((fresh) => {
        client = fresh;
        if (isClosed) fresh.destroy();
        else events.onReady();
      })
      .catch((error) => log.debug(`Connecting to Redis at ${host} failed: ${messageOf(error)}`))
      .finally(() => {
        renewing = undefined;
      });
  }

  function failure(kind: DriverErrorKind, why: string, cause?: unknown): DriverError {
    return new DriverError(kind, `redis at ${host} ${why}`, { cause });
  }

  function once(command: RedisCommand, limitMs: number | undefined, signal?: AbortSignal): Promise<RedisReply> {
    const by = client;
    return new Promise((resolve, reject) => {
      const stopTimer =
        limitMs === undefined
          ? undefined
          : clock.after(limitMs, () => {
              settle();
              renew(by);
              reject(failure("timeout", `did not answer ${command.args[0]} within ${limitMs} ms`));
            });
      const onAbort = () => {
        settle();
        reject(failure("timeout", `had not answered ${command.args[0]} when the request ended`, signal?.reason));
      };
      const settle = () => {
        stopTimer?.();
        signal?.removeEventListener("abort", onAbort);
      };
      signal?.addEventListener("abort", onAbort);
      by.send(command).then(
        (reply) => {
          settle();
          resolve(reply);
        },
        (error) => {
          settle();
          reject(error);
        },
      );
    });
  }

  const closed = (cause?: unknown) => failure("closed", "is not connected: the component is closed", cause);

  /** Resolves when the command may be sent again; rejects when it has to fail. */
  async function recover(cause: unknown, command: RedisCommand, retry: number, signal?: AbortSignal): Promise<void> {
    if (DriverError.is(cause)) throw cause;
    if (isClosed) throw closed(cause);
    const isReply = cause instanceof RedisReplyError;
    const isUnsent = cause instanceof RedisUnsentError;
    if (isReply && !passing.test(cause.message)) throw cause;
    // What answers this was demoted, or is gone for good: a new connection may find another server.
    if ((isReply && cause.message.startsWith("READONLY")) || (isUnsent && cause.isOver)) renew(client);
    if (retry >= settings.maxRetries || !(isReply || isUnsent || command.isRead))
      throw failure("unavailable", `cannot be reached: ${messageOf(cause)}`, cause);
    await clock.sleep(pause(retry), signal).catch((reason) => {
      throw failure("timeout", `cannot be reached: ${messageOf(cause)}`, reason);
    });
  }

  return {
    address: host,
    async send(command, signal, extraMs = 0) {
      const limit = command.isRead ? settings.readTimeout : settings.writeTimeout;
      for (let retry = 0; ; retry++) {
        if (isClosed) throw closed();
        if (signal?.aborted) throw failure("timeout", `was not asked: the request had ended`, signal.reason);
        if (renewing !== undefined) await renewing;
        try {
          return await once(command, limit === undefined ? undefined : limit + extraMs, signal);
        } catch (cause) {
          await recover(cause, command, retry, signal);
        }
      }
    },
    close() {
      isClosed = true;
      client.destroy();
    },
  };
}

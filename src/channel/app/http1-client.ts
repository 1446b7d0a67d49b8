import { AppUnreachable } from "../../kit/app-channel.ts";
import type { Clock } from "../../kit/clock.ts";
import type { HttpCall, HttpReply } from "../../kit/http-message.ts";
import type { Platform, TcpConnect } from "../../platform/types.ts";
import { type ConnectionOwner, type Exchange, Http1Connection } from "./http1-connection.ts";
import { encodeRequestHead, type RequestDefaults } from "./http1-request.ts";
import { hostPort } from "./network-error.ts";
import { unpackGzip } from "./unpack-gzip.ts";

export interface Http1ClientOptions {
  readonly tcp: NonNullable<Platform["tcp"]>;
  readonly clock: Clock;
  readonly connect: TcpConnect;
  /** Host header; default: the address that is dialled. */
  readonly authority?: string;
  /** Field lines that go with every request, whatever the call says of them. */
  readonly fixedHeaders?: readonly (readonly [name: string, value: string])[];
  /** Largest header of an answer in bytes. Default 1 MiB. */
  readonly maxHeadBytes?: number;
  /** Beyond it requests wait for a connection. Default 1024. */
  readonly maxConnections?: number;
  readonly maxIdle?: number;
  readonly idleMs?: number;
}

/** Requests of one origin over HTTP/1.1. Rejects with AppUnreachable. */
export interface HttpClient {
  /** `finished` is called once, when the answer is read to its end or there will be none. */
  request(call: HttpCall, signal: AbortSignal, finished: () => void): Promise<HttpReply>;
  /** Open connections, idle ones included. */
  readonly connections: number;
  /** Calls that are not done, those that wait for a connection included. */
  readonly busy: number;
  close(): void;
}

interface Idle {
  readonly connection: Http1Connection;
  readonly until: number;
}

/** Methods whose requests may be sent twice, as Go's client sees it. */
const repeatable = new Set(["GET", "HEAD", "OPTIONS", "TRACE"]);
/** A connection is not used so shortly before the peer's own limit. */
const graceMs = 1000;

/** Keeps connections to one origin and reuses the one that was used last. */
export function createHttp1Client(options: Http1ClientOptions): HttpClient {
  const { tcp, clock, connect } = options;
  const maxConnections = options.maxConnections ?? 1024;
  const maxIdle = options.maxIdle ?? 256;
  const idleMs = options.idleMs ?? 90_000;
  const authority =
    options.authority ?? (connect.path === undefined ? hostPort(connect.host, connect.port) : "localhost");
  const origin = `${connect.tls === undefined ? "http" : "https"}://${authority}`;
  const fixed = options.fixedHeaders ?? [];
  const defaults: RequestDefaults = {
    authority,
    fixedLines: fixed.map(([name, value]) => `${name}: ${value}\r\n`).join(""),
    fixedNames: new Set(fixed.map(([name]) => name.toLowerCase())),
  };
  const all = new Set<Http1Connection>();
  /** Connections that left HTTP, or are about to; they take nobody's place. */
  const upgraded = new Set<Http1Connection>();
  const idle: Idle[] = [];
  const waiting: Exchange[] = [];
  let stopSweep: (() => void) | undefined;
  let isClosed = false;

  const owner: ConnectionOwner = {
    clock,
    connect,
    maxHeadBytes: options.maxHeadBytes ?? 1_048_576,
    released(connection, granted) {
      if (isClosed) return connection.destroy();
      const next = nextWaiting();
      if (next !== undefined) return connection.start(next);
      const ms = granted === undefined ? idleMs : Math.min(idleMs, granted - graceMs);
      if (ms <= 0 || idle.length >= maxIdle) return connection.destroy();
      idle.push({ connection, until: clock.monotonic() + ms });
      stopSweep ??= clock.after(idleMs, sweep);
    },
    gone(connection) {
      if (upgraded.delete(connection)) return;
      all.delete(connection);
      const at = idle.findIndex((entry) => entry.connection === connection);
      if (at >= 0) idle.splice(at, 1);
      const next = all.size < maxConnections ? nextWaiting() : undefined;
      if (next !== undefined) dial().start(next);
    },
    retries(exchange) {
      const { method, body, headers } = exchange.call;
      if (isClosed || exchange.signal.aborted || (body !== null && !(body instanceof Uint8Array))) return false;
      if (!repeatable.has(method) && !headers.some(([name]) => /^(?:x-)?idempotency-key$/i.test(name))) return false;
      dial().start(exchange);
      return true;
    },
  };

  /** Closes what has been idle for too long; the oldest are at the front. */
  const sweep = () => {
    stopSweep = undefined;
    const now = clock.monotonic();
    for (const { connection } of idle.filter(({ until }) => until <= now)) connection.destroy();
    if (idle.length > 0) stopSweep = clock.after(idleMs, sweep);
  };
  const dial = (): Http1Connection => {
    const connection = new Http1Connection(owner, tcp);
    all.add(connection);
    return connection;
  };
  const nextWaiting = (): Exchange | undefined => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) if (!next.signal.aborted) return next;
    return undefined;
  };
  const place = (exchange: Exchange): void => {
    const now = clock.monotonic();
    if (exchange.call.upgrade !== undefined) {
      // It cannot be sent twice, so that it takes no connection which the peer may just have closed; and it may stay for days.
      const connection = new Http1Connection(owner, tcp);
      upgraded.add(connection);
      connection.start(exchange);
      return;
    }
    for (let last = idle.pop(); last !== undefined; last = idle.pop()) {
      if (last.until > now) {
        last.connection.start(exchange);
        return;
      }
      last.connection.destroy();
    }
    if (all.size < maxConnections) {
      dial().start(exchange);
      return;
    }
    waiting.push(exchange);
    exchange.signal.addEventListener("abort", () => {
      const at = waiting.indexOf(exchange);
      if (at < 0) return;
      waiting.splice(at, 1);
      exchange.reject(new AppUnreachable(`${exchange.what}: context canceled`));
      exchange.finished();
    });
  };

  return {
    request(call, signal, finished) {
      return new Promise((resolve, reject) => {
        const { method } = call;
        const refuse = (text: string, cause?: unknown) => {
          const verb = method.charAt(0) + method.slice(1).toLowerCase();
          reject(new AppUnreachable(`${verb} "${urlOf(call)}": ${text}`, { cause }));
          finished();
        };
        if (isClosed) return refuse("http: client is closed");
        if (signal.aborted) return refuse("context canceled", signal.reason);
        let head: ReturnType<typeof encodeRequestHead>;
        try {
          head = encodeRequestHead(call, defaults);
        } catch (error) {
          return refuse(error instanceof Error ? error.message : String(error), error);
        }
        place({
          call,
          head,
          signal,
          get what() {
            return `${method.charAt(0)}${method.slice(1).toLowerCase()} "${urlOf(call)}"`;
          },
          resolve: head.unpacks ? (reply) => resolve(unpackGzip(reply)) : resolve,
          reject,
          finished,
        });
      });
    },
    get connections() {
      return all.size + upgraded.size;
    },
    get busy() {
      return all.size + upgraded.size - idle.length + waiting.length;
    },
    close() {
      isClosed = true;
      stopSweep?.();
      for (const connection of [...all, ...upgraded]) connection.destroy();
    },
  };

  function urlOf(call: HttpCall): string {
    return `${origin}${call.path}${call.query === "" ? "" : `?${call.query}`}`;
  }
}

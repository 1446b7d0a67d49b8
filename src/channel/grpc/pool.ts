import type { Clock } from "../../kit/clock.ts";
import type { Http2Client, Http2Connect } from "../../platform/types.ts";
import { createGrpcClient, type GrpcClient, type GrpcClientOptions } from "./client.ts";

export interface GrpcPoolOptions {
  readonly connect: (options: Http2Connect) => Http2Client;
  readonly clock: Clock;
  /** A connection without calls for so long is closed. */
  readonly idleMs?: number;
  readonly maxReceiveBytes: number;
  readonly maxSendBytes: number;
}

/** Where a client of the pool connects to. */
export interface GrpcTarget extends Http2Connect {
  /** Tells apart connections to one address, for example by the identity expected there. */
  readonly key?: string;
  readonly authority?: GrpcClientOptions["authority"];
  readonly headers?: GrpcClientOptions["headers"];
}

/** Connections kept by address. */
export interface GrpcPool {
  /** The client to use for one call to `target`; it dials on its first call and redials after a loss. */
  get(target: GrpcTarget): GrpcClient;
  /** How many connections there are. */
  readonly size: number;
  /** Calls that are not done. */
  readonly busy: number;
  close(): Promise<void>;
}

interface Kept {
  readonly client: GrpcClient;
  idleSince: number;
}

const defaultIdleMs = 180_000;
const purgeEveryMs = 45_000;
/** What a peer grants at least; beyond it another connection is opened, so that no call waits for another to end. */
const callsPerConnection = 100;

/** Makes a pool. Its purge runs on the clock, and only while there are connections. */
export function createGrpcPool(options: GrpcPoolOptions): GrpcPool {
  const { clock, connect, maxReceiveBytes, maxSendBytes } = options;
  const idleMs = options.idleMs ?? defaultIdleMs;
  const kept = new Map<string, Kept[]>();
  let stopTimer: (() => void) | undefined;

  const purge = () => {
    stopTimer = undefined;
    const now = clock.monotonic();
    for (const [key, entries] of kept) {
      const rest = entries.filter((entry) => {
        if (entry.client.http2.openStreams > 0) entry.idleSince = now;
        if (now - entry.idleSince < idleMs) return true;
        void entry.client.http2.close();
        return false;
      });
      if (rest.length > 0) kept.set(key, rest);
      else kept.delete(key);
    }
    schedule();
  };
  const schedule = () => {
    if (stopTimer === undefined && kept.size > 0) stopTimer = clock.after(Math.min(purgeEveryMs, idleMs), purge);
  };
  const open = (target: GrpcTarget): Kept => {
    const { host, port, path } = target;
    const address = host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
    const client = createGrpcClient({
      client: connect(target),
      clock,
      target: path === undefined ? `tcp ${address}` : `unix ${path}`,
      scheme: target.tls === undefined ? "http" : "https",
      authority: target.authority,
      headers: target.headers,
      maxReceiveBytes,
      maxSendBytes,
    });
    return { client, idleSince: 0 };
  };

  return {
    get(target) {
      const key = target.key ?? target.path ?? `${target.host}:${target.port}`;
      const entries = kept.get(key) ?? [];
      let entry: Kept | undefined;
      for (const one of entries) {
        if (one.client.http2.openStreams >= callsPerConnection) continue;
        entry = one;
        break;
      }
      if (entry === undefined) {
        entry = open(target);
        entries.push(entry);
        kept.set(key, entries);
      }
      entry.idleSince = clock.monotonic();
      schedule();
      return entry.client;
    },
    get size() {
      let count = 0;
      for (const entries of kept.values()) count += entries.length;
      return count;
    },
    get busy() {
      let count = 0;
      for (const entries of kept.values()) for (const { client } of entries) count += client.http2.openStreams;
      return count;
    },
    async close() {
      stopTimer?.();
      stopTimer = undefined;
      const clients = [...kept.values()].flat();
      kept.clear();
      await Promise.all(clients.map(({ client }) => client.http2.close()));
    },
  };
}

import { DriverError } from "../../src/driver/errors.ts";
import type { Clock } from "../../src/kit/clock.ts";
import { encodeFrame, FrameReader, framePrefix } from "../../src/kit/grpc/frames.ts";
import { decodeMessageText } from "../../src/kit/grpc/message-text.ts";
import type { HeaderList, Http2Client, Http2Connect } from "../../src/platform/types.ts";

/** A refusal of the server, with gRPC's number of its kind. */
export class EtcdStatusError extends Error {
  readonly code: number;
  constructor(code: number, message: string) {
    super(message);
    this.name = "EtcdStatusError";
    this.code = code;
  }
}

/** Calls to the servers of one etcd cluster. Nothing is dialed before the first call. */
export interface EtcdChannel {
  /** The addresses, for messages. */
  readonly address: string;
  /**
   * Sends one message and gives the answer. Rejects with EtcdStatusError when etcd refuses, else with DriverError
   * "unavailable", "timeout" or "closed". What may have reached a server goes to another one only when `isRead`.
   */
  call(path: string, message: Uint8Array, options: { isRead: boolean; signal?: AbortSignal }): Promise<Uint8Array>;
  close(): Promise<void>;
}

export interface EtcdChannelPorts {
  readonly endpoints: readonly Http2Connect[];
  readonly connect: (options: Http2Connect) => Http2Client;
  readonly clock: Pick<Clock, "after" | "sleep">;
}

const callMs = 5000;
const cancelCode = 8;
const unavailable = 14;
const maxBytes = 2 ** 31 - 1;
const pauses: readonly number[] = [100, 400];

/** A server and the calls that run on its connection. */
interface Peer {
  readonly client: Http2Client;
  calls: number;
  isRetired: boolean;
}

class TransportError extends Error {
  readonly sent: boolean;
  constructor(message: string, sent: boolean, options?: { cause?: unknown }) {
    super(message, options);
    this.name = "TransportError";
    this.sent = sent;
  }
}

const first = (value: string | readonly string[] | undefined): string | undefined =>
  typeof value === "string" ? value : value?.[0];

function statusOf(trailers: HeaderList, header: HeaderList | undefined): EtcdStatusError | undefined {
  const from = trailers["grpc-status"] === undefined ? (header ?? {}) : trailers;
  const status = first(from["grpc-status"]);
  if (status === "0") return undefined;
  const text = decodeMessageText(first(from["grpc-message"]) ?? "");
  if (status !== undefined) return new EtcdStatusError(Number(status), text);
  return new EtcdStatusError(unavailable, `the answer is not gRPC, its status is ${first(header?.[":status"])}`);
}

/** A channel over HTTP/2 that changes to the next endpoint when one fails. */
export function createEtcdChannel({ endpoints, connect, clock }: EtcdChannelPorts): EtcdChannel {
  const address = endpoints
    .map(({ host, port }) => (host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`))
    .join(",");
  const peers: (Peer | undefined)[] = endpoints.map(() => undefined);
  let current = 0;
  let isClosed = false;
  const fault = (kind: "closed" | "timeout" | "unavailable", why: string, cause?: unknown) =>
    new DriverError(kind, `etcd at ${address} ${why}`, { cause });
  const closed = () => fault("closed", "is not connected: the component is closed");

  function peerAt(at: number): Peer {
    return (peers[at] ??= { client: connect(endpoints[at]!), calls: 0, isRetired: false });
  }
  /** A silent connection may lead nowhere: later calls get a new one, those that run on it may end. */
  function retire(at: number, peer: Peer): void {
    if (peers[at] !== peer) return;
    peers[at] = undefined;
    peer.isRetired = true;
  }

  async function once(at: number, path: string, message: Uint8Array, signal: AbortSignal): Promise<Uint8Array> {
    const peer = peerAt(at);
    peer.calls++;
    try {
      return await exchange(peer.client, at, path, message, signal);
    } catch (error) {
      if (signal.reason === timedOut) retire(at, peer);
      throw error;
    } finally {
      if (--peer.calls === 0 && peer.isRetired) void peer.client.close();
    }
  }

  function exchange(client: Http2Client, at: number, path: string, message: Uint8Array, signal: AbortSignal) {
    const { host, port, tls } = endpoints[at]!;
    return new Promise<Uint8Array>((resolve, reject) => {
      const reader = new FrameReader(maxBytes);
      let header: HeaderList | undefined;
      let answer: Uint8Array | undefined;
      const headers = {
        ":method": "POST",
        ":scheme": tls === undefined ? "http" : "https",
        ":authority": `${host}:${port}`,
        ":path": path,
        "content-type": "application/grpc",
        te: "trailers",
      };
      const onAbort = () => {
        stream.reset(cancelCode);
        reject(signal.reason);
      };
      const settle = () => signal.removeEventListener("abort", onAbort);
      const stream = client.request(headers, {
        onHeaders(received) {
          header = received;
        },
        onData(chunk) {
          try {
            reader.push(chunk, (frame) => {
              answer = frame.subarray(framePrefix);
            });
          } catch (error) {
            stream.reset(cancelCode);
            settle();
            reject(new TransportError((error as Error).message, true, { cause: error }));
          }
        },
        onEnd(trailers) {
          settle();
          const refusal = statusOf(trailers, header);
          if (refusal !== undefined) reject(refusal);
          else if (answer === undefined) reject(new EtcdStatusError(unavailable, "the answer is empty"));
          else resolve(answer);
        },
        onError(error) {
          settle();
          reject(new TransportError(error.message, error.sent, { cause: error }));
        },
      });
      signal.addEventListener("abort", onAbort);
      stream.end(encodeFrame(message));
    });
  }

  const timedOut = new Error("the call took too long");

  async function attempts(path: string, message: Uint8Array, isRead: boolean, signal: AbortSignal) {
    for (let round = 0; ; round++) {
      let failure: unknown;
      for (let tried = 0; tried < endpoints.length; tried++) {
        if (isClosed) throw closed();
        const at = current;
        try {
          return await once(at, path, message, signal);
        } catch (cause) {
          const isBusy = cause instanceof EtcdStatusError && cause.code === unavailable;
          const isUnsent = cause instanceof TransportError && !cause.sent;
          if (!isUnsent && !(isRead && (isBusy || cause instanceof TransportError))) throw cause;
          if (current === at) current = (at + 1) % endpoints.length;
          failure = cause;
        }
      }
      const pause = pauses[round];
      if (pause === undefined) throw failure;
      await clock.sleep(pause, signal);
    }
  }

  return {
    address,
    async call(path, message, { isRead, signal }) {
      if (isClosed) throw closed();
      const limit = new AbortController();
      const stopTimer = clock.after(callMs, () => limit.abort(timedOut));
      const end = () => limit.abort(signal?.reason);
      if (signal?.aborted) end();
      signal?.addEventListener("abort", end);
      try {
        limit.signal.throwIfAborted();
        return await attempts(path, message, isRead, limit.signal);
      } catch (cause) {
        if (isClosed) throw closed();
        if (limit.signal.aborted) {
          if (limit.signal.reason === timedOut) current = (current + 1) % endpoints.length;
          const why = limit.signal.reason === timedOut ? `did not answer within ${callMs} ms` : "was not waited for";
          throw fault("timeout", why, cause);
        }
        if (cause instanceof TransportError) throw fault("unavailable", `cannot be reached: ${cause.message}`, cause);
        throw cause;
      } finally {
        stopTimer();
        signal?.removeEventListener("abort", end);
      }
    },
    async close() {
      isClosed = true;
      await Promise.all(peers.map((peer) => peer?.client.close()));
    },
  };
}

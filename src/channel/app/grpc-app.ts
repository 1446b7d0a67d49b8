import { Code, ConnectError } from "@connectrpc/connect";
import { errorFromTrailers } from "../../errors/grpc-status.ts";
import { AppUnhealthy, type GrpcAppChannel, type GrpcReply } from "../../kit/app-channel.ts";
import { encodeFrame, framePrefix } from "../../kit/grpc/frames.ts";
import type { HeaderList, Platform } from "../../platform/types.ts";
import type { GrpcClient } from "../grpc/client.ts";
import type { CallOptions, CallReceiver, OpenCall } from "../grpc/open-call.ts";
import { createGrpcPool, type GrpcTarget } from "../grpc/pool.ts";
import type { RawAnswer } from "../grpc/raw-answer.ts";
import { createConcurrencyLimit } from "./concurrency-limit.ts";

export interface GrpcAppOptions {
  readonly platform: Pick<Platform, "connectHttp2" | "clock">;
  readonly host: string;
  readonly port: number;
  /** The app listens on this unix socket instead. */
  readonly path?: string;
  /** TLS whose certificate is not verified. */
  readonly tls: boolean;
  /** Unary calls at once; 0: any number. Probes and raw calls do not count. */
  readonly maxConcurrency: number;
  /** Sent as `dapr-api-token` with every call; empty: none. */
  readonly appToken: string;
  /** Largest message either way, in bytes. Default 4 MiB. */
  readonly maxMessageBytes?: number;
  /** Unary calls are refused with AppUnhealthy while this is false. */
  readonly isHealthy?: () => boolean;
  /** Hears of every unary call of the app: its gRPC code, sizes of messages in bytes, milliseconds. */
  readonly meter?: ((path: string, code: number, sent: number, received: number, ms: number) => void) | undefined;
}

/** The channel of one app with what its owner asks of it. */
export interface GrpcApp extends GrpcAppChannel {
  /** Open connections. */
  readonly connections: number;
  /** A unary call past limit, token and health: for probes. */
  readonly probe: GrpcAppChannel["unary"];
  /** Any call as frames, for proxying: past the limit, with the token. */
  raw(path: string, frames: AsyncIterable<Uint8Array>, options: CallOptions): RawAnswer;
  /** The same on the level of callbacks. */
  open(path: string, options: CallOptions, receiver: CallReceiver): OpenCall;
  /** Calls that are not done, probes included. */
  readonly busy: number;
  close(): Promise<void>;
}

/** Opens the way into an app that speaks gRPC; nothing is dialled before the first call. */
export function createGrpcAppChannel(options: GrpcAppOptions): GrpcApp {
  const { platform, host, port, path, tls, appToken } = options;
  if (platform.connectHttp2 === undefined)
    throw new Error("opening the app channel failed: this host has no HTTP/2 client");
  const isHealthy = options.isHealthy ?? (() => true);
  const limit = createConcurrencyLimit(options.maxConcurrency);
  const maxBytes = options.maxMessageBytes ?? 4 << 20;
  const pool = createGrpcPool({
    connect: platform.connectHttp2,
    clock: platform.clock,
    maxReceiveBytes: maxBytes,
    maxSendBytes: maxBytes,
  });
  const target: GrpcTarget = {
    host,
    port,
    ...(path === undefined ? {} : { path }),
    // compat: pkg/api/grpc/manager/manager.go does not verify the app's certificate.
    ...(tls ? { tls: { insecure: true } } : {}),
  };
  const withToken = (headers: HeaderList | undefined): HeaderList | undefined =>
    appToken === "" ? headers : { ...headers, "dapr-api-token": appToken };

  async function measured(path: string, message: Uint8Array, call: CallOptions): Promise<GrpcReply> {
    const { meter } = options;
    if (meter === undefined) return callUnary(pool.get(target), path, message, call);
    const start = platform.clock.monotonic();
    let code: number = Code.Unknown;
    let received = 0;
    try {
      const reply = await callUnary(pool.get(target), path, message, call);
      code = 0;
      received = reply.message.length;
      return reply;
    } catch (error) {
      if (error instanceof ConnectError) code = error.code;
      throw error;
    } finally {
      meter(path, code, message.length, received, platform.clock.monotonic() - start);
    }
  }

  return {
    async unary(path, message, metadata, signal) {
      if (!isHealthy()) throw new AppUnhealthy();
      const turn = limit.take(signal);
      if (turn !== undefined) await turn;
      try {
        return await measured(path, message, { headers: withToken(metadata), signal });
      } finally {
        limit.release();
      }
    },
    probe: (path, message, metadata, signal) =>
      callUnary(pool.get(target), path, message, { headers: metadata, signal }),
    raw: (path, frames, call) => pool.get(target).raw(path, frames, { ...call, headers: withToken(call.headers) }),
    open: (path, call, receiver) =>
      pool.get(target).open(path, appToken === "" ? call : { ...call, headers: withToken(call.headers) }, receiver),
    get connections() {
      return pool.size;
    },
    get busy() {
      return pool.busy;
    },
    close: () => pool.close(),
  };
}

/** One message there and one back, both encoded. Rejects with a ConnectError. */
function callUnary(client: GrpcClient, path: string, message: Uint8Array, options: CallOptions): Promise<GrpcReply> {
  return new Promise((resolve, reject) => {
    let answer: Uint8Array | undefined;
    const call = client.open(path, options, {
      onFrame(frame) {
        if (frame[0] !== 0)
          throw new ConnectError("grpc: compressed flag set with identity or empty encoding", Code.Internal);
        answer = frame.subarray(framePrefix);
      },
      onDone(header, trailer) {
        const error = errorFromTrailers(trailer);
        if (error !== undefined) reject(error);
        else if (answer === undefined) reject(new ConnectError("the app answered without a message", Code.Internal));
        else resolve({ message: answer, header, trailer });
      },
      onError: reject,
    });
    call.end(encodeFrame(message));
  });
}

import { AppUnhealthy, type HttpAppChannel } from "../../kit/app-channel.ts";
import type { HttpCall, HttpReply } from "../../kit/http-message.ts";
import type { Platform, TcpConnect } from "../../platform/types.ts";
import { createConcurrencyLimit } from "./concurrency-limit.ts";
import { createHttp1Client, type HttpClient } from "./http1-client.ts";
import { createHttp2AppClient } from "./http2-app-client.ts";
import { type HttpCallMeter, metered } from "./metered.ts";

/** A step around the call of an app, outermost first (Configuration `spec.appHttpPipeline`). */
export type AppMiddleware = (
  call: HttpCall,
  signal: AbortSignal,
  next: (call: HttpCall, signal: AbortSignal) => Promise<HttpReply>,
) => Promise<HttpReply>;

export interface HttpAppOptions {
  readonly platform: Pick<Platform, "tcp" | "connectHttp2" | "clock">;
  readonly protocol: "http" | "https" | "h2c";
  readonly host: string;
  readonly port: number;
  /** The app listens on this unix socket instead. */
  readonly path?: string;
  /** Calls at once; 0: any number. Health probes do not count. */
  readonly maxConcurrency: number;
  /** Sent as `dapr-api-token` with every call, but not with probes; empty: none. */
  readonly appToken: string;
  /** Largest header of an answer in bytes. */
  readonly maxHeaderBytes?: number;
  readonly pipeline?: readonly AppMiddleware[];
  /** Calls are refused with AppUnhealthy while this is false. */
  readonly isHealthy?: () => boolean;
  readonly meter?: HttpCallMeter | undefined;
}

/** The channel of one app with what its owner asks of it. */
export interface HttpApp extends HttpAppChannel {
  /** Open connections. */
  readonly connections: number;
  /** A call past limit, token, pipeline and health: for probes. */
  probe(call: HttpCall, signal: AbortSignal): Promise<HttpReply>;
  /** Calls that are not done, probes included. */
  readonly busy: number;
  close(): void;
}

/** Opens the way into an app that speaks HTTP; nothing is dialled before the first call. */
export function createHttpAppChannel(options: HttpAppOptions): HttpApp {
  const isHealthy = options.isHealthy ?? (() => true);
  const limit = createConcurrencyLimit(options.maxConcurrency);
  const token = options.appToken;
  const client = openClient(options, token === "" ? [] : [["dapr-api-token", token]]);
  const plain = token === "" ? client : openClient(options, []);
  const release = () => limit.release();

  let send = (call: HttpCall, signal: AbortSignal): Promise<HttpReply> => {
    const turn = limit.take(signal);
    return turn === undefined
      ? client.request(call, signal, release)
      : turn.then(() => client.request(call, signal, release));
  };
  for (const middleware of [...(options.pipeline ?? [])].reverse()) {
    const next = send;
    send = (call, signal) => middleware(call, signal, next);
  }

  send = metered(send, options.platform.clock, options.meter);

  return {
    call: (call, signal) => (isHealthy() ? send(call, signal) : Promise.reject(new AppUnhealthy())),
    probe: (call, signal) => plain.request(call, signal, () => {}),
    get connections() {
      return plain === client ? client.connections : client.connections + plain.connections;
    },
    get busy() {
      return plain === client ? client.busy : client.busy + plain.busy;
    },
    close() {
      client.close();
      if (plain !== client) plain.close();
    },
  };
}

function openClient(options: HttpAppOptions, fixedHeaders: readonly (readonly [string, string])[]): HttpClient {
  const { platform, protocol, host, port, path } = options;
  const { clock } = platform;
  const connect: TcpConnect = {
    host,
    port,
    ...(path === undefined ? {} : { path }),
    // compat: pkg/runtime/channels/channels.go does not verify the app's certificate.
    ...(protocol === "https" ? { tls: { insecure: true } } : {}),
  };
  if (protocol === "h2c") {
    if (platform.connectHttp2 === undefined)
      throw new Error('opening the app channel failed: this host has no HTTP/2 client for "h2c"');
    return createHttp2AppClient({ client: platform.connectHttp2(connect), connect, fixedHeaders });
  }
  if (platform.tcp === undefined)
    throw new Error("opening the app channel failed: this host cannot open TCP connections");
  return createHttp1Client({
    tcp: platform.tcp,
    clock,
    connect,
    fixedHeaders,
    ...(options.maxHeaderBytes === undefined ? {} : { maxHeadBytes: options.maxHeaderBytes }),
  });
}

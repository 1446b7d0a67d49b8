import type { HttpAppChannel } from "../../kit/app-channel.ts";
import type { HttpCall, HttpReply } from "../../kit/http-message.ts";
import type { Platform, TcpConnect } from "../../platform/types.ts";
import { type ConcurrencyLimit, createConcurrencyLimit } from "./concurrency-limit.ts";
import { followRedirects } from "./follow-redirects.ts";
import type { AppMiddleware } from "./http-app.ts";
import { createHttp1Client, type HttpClient } from "./http1-client.ts";
import { type HttpCallMeter, metered } from "./metered.ts";

export interface HttpOriginOptions {
  readonly platform: Pick<Platform, "tcp" | "clock">;
  /** Absolute `http` or `https` URL; its path goes in front of every call's. */
  readonly baseUrl: string;
  /** Go with every call to this host, whatever the call says of them. */
  readonly headers?: readonly (readonly [name: string, value: string])[];
  /** PEM texts. Without a `ca` the host's own authorities count. */
  readonly tls?: { readonly ca?: string; readonly cert?: string; readonly key?: string };
  /** Goes where answers of 3xx send it. */
  readonly followsRedirects?: boolean;
  /** Places for calls at once, which several origins may share. */
  readonly limit?: ConcurrencyLimit;
  readonly pipeline?: readonly AppMiddleware[];
  readonly meter?: HttpCallMeter | undefined;
}

/** An HTTP service outside, called in the way of an app. */
export interface HttpOrigin extends HttpAppChannel {
  /** Open connections. */
  readonly connections: number;
  close(): void;
}

const connectTimeoutMs = 15_000;
/** Hosts that redirects lead to; further ones take the place of the one that came first. */
const mostHosts = 8;

/** Opens the way to a service outside; nothing is dialled before the first call. Throws when the URL is none. */
export function createHttpOrigin(options: HttpOriginOptions): HttpOrigin {
  const { platform, baseUrl, headers, tls } = options;
  const { tcp, clock } = platform;
  if (tcp === undefined) throw new Error(`calling "${baseUrl}" failed: this host cannot open TCP connections`);
  if (!URL.canParse(baseUrl)) throw new Error(`calling "${baseUrl}" failed: it is no URL`);
  const base = new URL(baseUrl);
  const open = (url: URL): HttpClient =>
    createHttp1Client({
      tcp,
      clock,
      connect: connectTo(url, tls),
      authority: url.host,
      ...(headers === undefined || url.origin !== base.origin ? {} : { fixedHeaders: headers }),
    });
  const own = open(base);
  const others = new Map<string, HttpClient>();
  const clientAt = (url: URL): HttpClient => {
    if (url.origin === base.origin) return own;
    let client = others.get(url.origin);
    if (client === undefined) {
      others.set(url.origin, (client = open(url)));
      // Its calls go on, its idle connections end by themselves.
      if (others.size > mostHosts) others.delete(others.keys().next().value as string);
    }
    return client;
  };

  const limit = options.limit ?? createConcurrencyLimit(0);
  const release = () => limit.release();
  const request = options.followsRedirects === true ? followRedirects(base.origin, clientAt) : own.request;
  let send = (call: HttpCall, signal: AbortSignal): Promise<HttpReply> => {
    const turn = limit.take(signal);
    return turn === undefined ? request(call, signal, release) : turn.then(() => request(call, signal, release));
  };
  for (const middleware of [...(options.pipeline ?? [])].reverse()) {
    const next = send;
    send = (call, signal) => middleware(call, signal, next);
  }
  const measured = metered((call, signal) => send(inside(call), signal), clock, options.meter);
  const prefix = base.pathname.replace(/\/+$/, "");
  const inside = (call: HttpCall): HttpCall => {
    if (prefix === "") return call;
    // The empty method is the base URL itself, with or without a slash at its end.
    return { ...call, path: call.path === "/" ? base.pathname : `${prefix}${call.path}` };
  };

  return {
    call: measured,
    get connections() {
      let count = own.connections;
      for (const client of others.values()) count += client.connections;
      return count;
    },
    close() {
      own.close();
      for (const client of others.values()) client.close();
    },
  };
}

function connectTo(url: URL, tls: HttpOriginOptions["tls"]): TcpConnect {
  const isSecure = url.protocol === "https:";
  const host = url.hostname.replace(/^\[|\]$/g, "");
  const isAddress = /^[\d.]+$/.test(host) || host.includes(":");
  return {
    host,
    port: url.port === "" ? (isSecure ? 443 : 80) : Number(url.port),
    connectTimeoutMs,
    ...(isSecure ? { tls: { ...(isAddress ? {} : { servername: host }), ...tls } } : {}),
  };
}

import type { HttpAppChannel } from "../../kit/app-channel.ts";
import type { HttpCall } from "../../kit/http-message.ts";
import type { Platform, TcpConnect } from "../../platform/types.ts";
import { createHttp1Client, type HttpClient } from "./http1-client.ts";

export interface HttpOriginOptions {
  readonly platform: Pick<Platform, "tcp" | "clock">;
  /** Absolute `http` or `https` URL; its path goes in front of every call's. */
  readonly baseUrl: string;
  /** Go with every call, whatever the call says of them. */
  readonly headers?: readonly (readonly [name: string, value: string])[];
  /** PEM texts. Without a `ca` the host's own authorities count. */
  readonly tls?: { readonly ca?: string; readonly cert?: string; readonly key?: string };
}

/** An HTTP service outside, called in the way of an app. */
export interface HttpOrigin extends HttpAppChannel {
  /** Open connections. */
  readonly connections: number;
  close(): void;
}

const connectTimeoutMs = 15_000;

/** Opens the way to a service outside; nothing is dialled before the first call. Throws when the URL is none. */
export function createHttpOrigin(options: HttpOriginOptions): HttpOrigin {
  const { platform, baseUrl, headers, tls } = options;
  if (platform.tcp === undefined) throw new Error(`calling "${baseUrl}" failed: this host cannot open TCP connections`);
  if (!URL.canParse(baseUrl)) throw new Error(`calling "${baseUrl}" failed: it is no URL`);
  const url = new URL(baseUrl);
  const isSecure = url.protocol === "https:";
  const host = url.hostname.replace(/^\[|\]$/g, "");
  const isAddress = /^[\d.]+$/.test(host) || host.includes(":");
  const connect: TcpConnect = {
    host,
    port: url.port === "" ? (isSecure ? 443 : 80) : Number(url.port),
    connectTimeoutMs,
    ...(isSecure ? { tls: { ...(isAddress ? {} : { servername: host }), ...tls } } : {}),
  };
  const client: HttpClient = createHttp1Client({
    tcp: platform.tcp,
    clock: platform.clock,
    connect,
    authority: url.host,
    ...(headers === undefined ? {} : { fixedHeaders: headers }),
  });
  const prefix = url.pathname.replace(/\/+$/, "");
  const inside = (call: HttpCall): HttpCall => (prefix === "" ? call : { ...call, path: `${prefix}${call.path}` });

  return {
    call: (call, signal) => client.request(inside(call), signal, () => {}),
    get connections() {
      return client.connections;
    },
    close: () => client.close(),
  };
}

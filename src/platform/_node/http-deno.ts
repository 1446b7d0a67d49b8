import type { FetchHandler, HttpListen, Listener, RequestInfo } from "../types.ts";
import { plainAddress } from "./address.ts";
import { listenFailure } from "./listen-failure.ts";
import { prepareSocketPath } from "./socket-path.ts";

interface DenoServer {
  readonly addr: { readonly port?: number };
  readonly finished: Promise<void>;
  shutdown(): Promise<void>;
}
interface DenoRequestInfo {
  readonly remoteAddr: { readonly hostname?: string };
}
/** The part of Deno's global that this file uses. */
interface DenoServe {
  serve(
    options: {
      readonly hostname?: string;
      readonly port?: number;
      readonly path?: string;
      readonly signal: AbortSignal;
      onListen(): void;
      onError(): Response;
    },
    handle: (request: Request, info: DenoRequestInfo) => Response | Promise<Response>,
  ): DenoServer;
}

class LazyRequestInfo implements RequestInfo {
  readonly #info: DenoRequestInfo;
  constructor(info: DenoRequestInfo) {
    this.#info = info;
  }
  get remoteAddress(): string {
    return plainAddress(this.#info.remoteAddr.hostname);
  }
}

/** Listens with Deno's own server. Deno answers what its parser refuses itself; its header limit cannot be chosen. */
export async function serveDenoHttp(listen: HttpListen, handle: FetchHandler): Promise<Listener> {
  const { Deno } = globalThis as unknown as { readonly Deno: DenoServe };
  if (listen.path !== undefined) await prepareSocketPath(listen.path);
  const cut = new AbortController();
  let server: DenoServer;
  try {
    server = Deno.serve(
      {
        ...(listen.path === undefined ? { hostname: listen.host, port: listen.port } : { path: listen.path }),
        signal: cut.signal,
        onListen() {},
        onError: () => new Response(null, { status: 500 }),
      },
      (request, info) => handle(request, new LazyRequestInfo(info)),
    );
  } catch (error) {
    throw listenFailure(listen, error);
  }
  return {
    host: listen.host,
    port: server.addr.port ?? 0,
    async close(graceMs) {
      const done = server.shutdown();
      const timer = graceMs === undefined ? undefined : setTimeout(() => cut.abort(), graceMs);
      await Promise.race([done, new Promise((resolve) => cut.signal.addEventListener("abort", resolve))]);
      clearTimeout(timer);
    },
  };
}

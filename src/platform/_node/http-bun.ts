import type { Server } from "bun";
import type { FetchHandler, HttpListen, Listener, RequestInfo } from "../types.ts";
import { plainAddress } from "./address.ts";
import { listenFailure } from "./listen-failure.ts";
import { prepareSocketPath } from "./socket-path.ts";

type BunServer = Server<undefined>;

/** Asks for the address only when someone wants it, because that costs as much as a small request. */
class BunRequestInfo implements RequestInfo {
  readonly #server: BunServer;
  readonly #request: Request;
  constructor(server: BunServer, request: Request) {
    this.#server = server;
    this.#request = request;
  }
  get remoteAddress(): string {
    return plainAddress(this.#server.requestIP(this.#request)?.address);
  }
  get remotePort(): number | undefined {
    return this.#server.requestIP(this.#request)?.port;
  }
}

function start(listen: HttpListen, options: object): BunServer {
  try {
    return (Bun.serve as (options: object) => BunServer)(options);
  } catch (error) {
    throw listenFailure(listen, error);
  }
}

/**
 * Listens with Bun's own server. The header limit is one per process there: the largest that any listener asked for holds for all.
 * Bun answers what its parser refuses itself (400, 431, or closing the connection).
 */
export function createBunHttp(): (listen: HttpListen, handle: FetchHandler) => Promise<Listener> {
  let headerBytes = 0;
  return async (listen, handle) => {
    if (listen.maxHeaderBytes !== undefined && listen.maxHeaderBytes > headerBytes) {
      headerBytes = listen.maxHeaderBytes;
      const http = process.getBuiltinModule("node:http") as { maxHeaderSize: number };
      http.maxHeaderSize = headerBytes;
    }
    const place = listen.path === undefined ? { hostname: listen.host, port: listen.port } : { unix: listen.path };
    if (listen.path !== undefined) await prepareSocketPath(listen.path);
    const server = start(listen, {
      ...place,
      development: false,
      // portable: Bun shares a taken port unless told not to
      reusePort: false,
      idleTimeout: 0,
      maxRequestBodySize: Number.MAX_SAFE_INTEGER,
      fetch: (request: Request, running: BunServer) => handle(request, new BunRequestInfo(running, request)),
      error: () => new Response(null, { status: 500 }),
    });
    return {
      host: listen.host,
      port: server.port ?? 0,
      async close(graceMs) {
        const done = server.stop(false);
        if (graceMs === undefined) return done;
        let timer: ReturnType<typeof setTimeout> | undefined;
        const over = new Promise<void>((resolve) => {
          timer = setTimeout(() => resolve(server.stop(true)), graceMs);
        });
        await Promise.race([done, over]);
        clearTimeout(timer);
      },
    };
  };
}

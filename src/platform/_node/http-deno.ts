import { isWebStatus } from "../../kit/any-status.ts";
import { defaultMessageBytes, UpgradeResponse } from "../../kit/websocket/upgrade-response.ts";
import type { FetchHandler, HttpListen, Listener, RequestInfo } from "../types.ts";
import { plainAddress } from "./address.ts";
import { listenFailure } from "./listen-failure.ts";
import { prepareSocketPath } from "./socket-path.ts";
import { type DenoWebSocket, openDenoWebSocket } from "./websocket-deno.ts";

interface DenoServer {
  readonly addr: { readonly port?: number };
  readonly finished: Promise<void>;
  shutdown(): Promise<void>;
}
interface DenoRequestInfo {
  readonly remoteAddr: { readonly hostname?: string; readonly port?: number };
  /** Settles when the answer has been sent, or could not be. */
  readonly completed: Promise<void>;
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

/** portable: Deno's server sends what the web has statuses for: others become 500, and what has no body there has none. */
function sendable(answer: Response): Response {
  // Where the status is the web's own, looking at the body would hide its length.
  if (!Object.hasOwn(answer, "status")) return answer;
  const { status, headers, body } = answer;
  body?.cancel().catch(() => {});
  return new Response(null, isWebStatus(status, false) ? { status, headers } : { status: 500 });
}

class LazyRequestInfo implements RequestInfo {
  readonly #info: DenoRequestInfo;
  constructor(info: DenoRequestInfo) {
    this.#info = info;
  }
  get remoteAddress(): string {
    return plainAddress(this.#info.remoteAddr.hostname);
  }
  get remotePort(): number | undefined {
    return this.#info.remoteAddr.port;
  }
}

/**
 * Listens with Deno's own server. Deno answers what its parser refuses itself; its header limit cannot be chosen.
 * portable: it cannot cut connections once it refuses new ones, so within the grace new requests are answered with 503 instead.
 */
export async function serveDenoHttp(listen: HttpListen, handle: FetchHandler): Promise<Listener> {
  const { Deno } = globalThis as unknown as { readonly Deno: DenoServe };
  if (listen.path !== undefined) await prepareSocketPath(listen.path);
  const cut = new AbortController();
  let open = 0;
  let whenIdle: (() => void) | null = null;
  const webSockets = new Set<DenoWebSocket>();
  const done = () => {
    open -= 1;
    if (open === 0) whenIdle?.();
  };
  const accepted = (request: Request, answer: Response): Response => {
    if (!(answer instanceof UpgradeResponse)) return sendable(answer);
    open += 1;
    const socket = openDenoWebSocket(answer, request, listen.maxMessageBytes ?? defaultMessageBytes, () => {
      webSockets.delete(socket);
      done();
    });
    webSockets.add(socket);
    return socket.response;
  };
  let server: DenoServer;
  try {
    server = Deno.serve(
      {
        ...(listen.path === undefined
          ? {
              // portable: Deno refuses an empty host, which means every interface
              hostname: listen.host === "" ? "::" : listen.host,
              port: listen.port,
            }
          : { path: listen.path }),
        signal: cut.signal,
        onListen() {},
        onError: () => new Response(null, { status: 500 }),
      },
      (request, info) => {
        if (whenIdle !== null) return new Response(null, { status: 503, headers: { connection: "close" } });
        open += 1;
        info.completed.then(done, done);
        const answer = handle(request, new LazyRequestInfo(info));
        return answer instanceof Response
          ? accepted(request, answer)
          : answer.then((response) => accepted(request, response));
      },
    );
  } catch (error) {
    throw listenFailure(listen, error);
  }
  return {
    host: listen.host,
    port: server.addr.port ?? 0,
    async close(graceMs) {
      for (const socket of webSockets) socket.goAway();
      if (graceMs === undefined) return server.shutdown();
      let timer: ReturnType<typeof setTimeout> | undefined;
      await new Promise<void>((resolve) => {
        whenIdle = resolve;
        timer = setTimeout(resolve, graceMs);
        if (open === 0) resolve();
      });
      clearTimeout(timer);
      cut.abort();
      await server.finished;
    },
  };
}

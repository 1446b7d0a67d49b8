import { errorCode } from "../_http2/frame.ts";
import type { HuffmanTable } from "../_http2/huffman.ts";
import { createResetLimit } from "../_http2/reset-limit.ts";
import { type Peer, ServerExchange } from "../_http2/server-exchange.ts";
import { Http2Session } from "../_http2/session.ts";
import type { Wire, WireEvents } from "../_http2/wire.ts";
import type { Http2Listen, Listener, StreamHandler } from "../types.ts";
import { listenFailure } from "./listen-failure.ts";
import { prepareSocketPath } from "./socket-path.ts";

/** A socket that listens. */
export interface Bound {
  readonly port: number;
  /** Takes no new connections. */
  stop(): void;
}

/** Listens for sockets, each handed to `accept` when it is established. Rejects with the system's error. */
export type Bind = (listen: Http2Listen, accept: (wire: Wire, peer: Peer) => WireEvents) => Bound | Promise<Bound>;

/** Listens for HTTP/2, in the clear (prior knowledge) or with TLS. A peer that breaks the protocol loses its own connection only. */
export async function listenHttp2(
  listen: Http2Listen,
  handle: StreamHandler,
  bind: Bind,
  huffman: () => HuffmanTable,
): Promise<Listener> {
  const sessions = new Set<Http2Session>();
  let closing = false;
  let whenEmpty: (() => void) | undefined;

  function accept(wire: Wire, peer: Peer): WireEvents {
    const session = new Http2Session({
      role: "server",
      huffman: huffman(),
      headerLimit: listen.maxHeaderListBytes,
      transport: wire,
      mayReset: createResetLimit(() => performance.now()),
      onStream(stream, list) {
        handle(new ServerExchange(stream, list, session.writer, peer));
      },
    });
    sessions.add(session);
    // Its socket knows its events only when this has returned.
    if (closing) queueMicrotask(() => session.shutdown());
    return {
      onData: (chunk) => session.receive(chunk),
      onDrain: () => session.drained(),
      onClose() {
        sessions.delete(session);
        session.lost();
        if (sessions.size === 0) whenEmpty?.();
      },
    };
  }

  if (listen.path !== undefined) await prepareSocketPath(listen.path);
  let bound: Bound;
  try {
    bound = await bind(listen, accept);
  } catch (error) {
    throw listenFailure(listen, error);
  }

  return {
    host: listen.host,
    port: listen.path === undefined ? bound.port : 0,
    async close(graceMs) {
      closing = true;
      bound.stop();
      const empty = new Promise<void>((resolve) => {
        whenEmpty = resolve;
        if (sessions.size === 0) resolve();
      });
      for (const session of sessions) session.shutdown();
      let timer: ReturnType<typeof setTimeout> | undefined;
      const over = new Promise<void>((resolve) => {
        if (graceMs !== undefined) timer = setTimeout(resolve, graceMs);
      });
      await Promise.race([empty, over]);
      clearTimeout(timer);
      for (const session of sessions) for (const stream of session.streams.values()) stream.cut(errorCode.cancel);
      for (const session of sessions) session.fail(errorCode.noError);
    },
  };
}

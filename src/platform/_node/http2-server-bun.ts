import type { Socket } from "bun";
import { errorCode } from "../_http2/frame.ts";
import type { HuffmanTable } from "../_http2/huffman.ts";
import { ServerExchange } from "../_http2/server-exchange.ts";
import { Http2Session } from "../_http2/session.ts";
import type { Http2Listen, Listener, StreamHandler } from "../types.ts";
import { plainAddress } from "./address.ts";
import { GreedyRead, type TookBytes } from "./greedy-read.ts";
import { createResetLimit } from "./http2-limits.ts";
import { listenFailure } from "./listen-failure.ts";
import { prepareSocketPath } from "./socket-path.ts";

interface Connection {
  readonly session: Http2Session;
  readonly reading: GreedyRead;
}

/** Listens for HTTP/2 in the clear (prior knowledge). A peer that breaks the protocol loses its own connection only. */
export async function serveBunHttp2(
  listen: Http2Listen,
  handle: StreamHandler,
  huffman: () => HuffmanTable,
  tookBytes: TookBytes,
): Promise<Listener> {
  const connections = new Set<Connection>();
  let closing = false;
  let whenEmpty: (() => void) | undefined;

  function admit(socket: Socket<Connection>): Connection {
    const address = plainAddress(socket.remoteAddress);
    const session = new Http2Session({
      role: "server",
      huffman: huffman(),
      headerLimit: listen.maxHeaderListBytes,
      transport: { write: (bytes) => socket.write(bytes), end: () => void socket.end() },
      mayReset: createResetLimit(() => performance.now()),
      onStream(stream, list) {
        handle(new ServerExchange(stream, list, session.writer, address));
      },
    });
    const reading = new GreedyRead(tookBytes);
    reading.open(socket);
    return { session, reading };
  }

  const socket = {
    open(opened: Socket<Connection>) {
      opened.setNoDelay(true);
      opened.data = admit(opened);
      connections.add(opened.data);
      if (closing) opened.data.session.shutdown();
    },
    data(from: Socket<Connection>, chunk: Buffer) {
      from.data.reading.took(chunk.length);
      from.data.session.receive(chunk);
    },
    drain: (from: Socket<Connection>) => from.data.session.drained(),
    close: (from: Socket<Connection>) => gone(from.data),
    error: (from: Socket<Connection>) => gone(from.data),
  };

  function gone(connection: Connection | undefined): void {
    if (connection === undefined) return;
    connections.delete(connection);
    connection.reading.close();
    connection.session.lost();
    if (connections.size === 0) whenEmpty?.();
  }

  if (listen.path !== undefined) await prepareSocketPath(listen.path);
  const bind = (place: { hostname: string; port: number } | { unix: string }) =>
    Bun.listen<Connection>({ ...place, socket } as never) as {
      readonly port?: number;
      stop(closeActive?: boolean): void;
    };
  const bindAll = () => {
    try {
      return bind({ hostname: "::", port: listen.port });
    } catch (error) {
      // A host without IPv6.
      if ((error as { code?: unknown }).code === "EADDRINUSE") throw error;
      return bind({ hostname: "0.0.0.0", port: listen.port });
    }
  };
  let server: ReturnType<typeof bind>;
  try {
    if (listen.path !== undefined) server = bind({ unix: listen.path });
    else server = listen.host === "" ? bindAll() : bind({ hostname: listen.host, port: listen.port });
  } catch (error) {
    throw listenFailure(listen, error as Error);
  }

  return {
    host: listen.host,
    port: listen.path === undefined ? (server.port ?? 0) : 0,
    async close(graceMs) {
      closing = true;
      server.stop();
      const empty = new Promise<void>((resolve) => {
        whenEmpty = resolve;
        if (connections.size === 0) resolve();
      });
      for (const { session } of connections) session.shutdown();
      let timer: ReturnType<typeof setTimeout> | undefined;
      const over = new Promise<void>((resolve) => {
        if (graceMs !== undefined) timer = setTimeout(resolve, graceMs);
      });
      await Promise.race([empty, over]);
      clearTimeout(timer);
      for (const { session } of connections)
        for (const stream of session.streams.values()) stream.cut(errorCode.cancel);
      for (const { session } of connections) session.fail(errorCode.noError);
    },
  };
}

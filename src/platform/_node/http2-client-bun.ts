import type { Socket } from "bun";
import { ClientExchange, type ClientLink } from "../_http2/client-exchange.ts";
import { errorCode } from "../_http2/frame.ts";
import type { HuffmanTable } from "../_http2/huffman.ts";
import { Http2Session } from "../_http2/session.ts";
import { refuseStream } from "../_http2/stream-error.ts";
import type { Http2Client, Http2Connect } from "../types.ts";
import { GreedyRead, type TookBytes } from "./greedy-read.ts";

/** Notices a peer that vanished without a word. */
const keepAliveMs = 30_000;
const defaultConnectTimeoutMs = 20_000;

interface Link extends ClientLink {
  /** Resolves when the socket is gone. */
  readonly gone: Promise<void>;
}

/**
 * A client of one HTTP/2 server in the clear. It dials on the first request, again after a loss, and anew when the peer asks to go
 * (open streams finish on the old connection). `close` cuts what is open.
 */
export function connectBunHttp2(options: Http2Connect, huffman: () => HuffmanTable, tookBytes: TookBytes): Http2Client {
  const links = new Set<Link>();
  let current: Link | null = null;
  let closed = false;
  const host = options.path === undefined ? options.host : "localhost";
  const authority = `${host.includes(":") ? `[${host}]` : host}${options.path === undefined && options.port !== 80 ? `:${options.port}` : ""}`;
  const defaults = { ":method": "GET", ":scheme": "http", ":authority": authority, ":path": "/" };
  const place = options.path ?? `${options.host}:${options.port}`;

  function dial(): Link {
    let socket: Socket<unknown> | undefined;
    const gone = Promise.withResolvers<void>();
    const reading = new GreedyRead(tookBytes);
    const timeoutMs = options.connectTimeoutMs ?? defaultConnectTimeoutMs;
    const session = new Http2Session({
      role: "client",
      huffman: huffman(),
      defaults,
      transport: {
        write: (bytes) => socket?.write(bytes) ?? 0,
        end() {
          clearTimeout(timer);
          socket?.end();
        },
      },
      onGoaway: () => leave(),
    });
    const link: Link = { session, isReady: false, gone: gone.promise };
    const leave = (): void => {
      if (current === link) current = null;
    };
    const lose = (error?: Error): void => {
      clearTimeout(timer);
      leave();
      links.delete(link);
      reading.close();
      session.lost(error);
      gone.resolve();
    };
    const failed = (error: Error): void =>
      lose(link.isReady ? error : new Error(`connecting to "${place}" failed: ${error.message}`, { cause: error }));
    const timer = setTimeout(() => {
      lose(new Error(`connecting to "${place}" took longer than ${timeoutMs} ms`));
      socket?.terminate();
    }, timeoutMs);
    const handlers = {
      open(opened: Socket<unknown>) {
        if (session.isClosed) return void opened.terminate();
        clearTimeout(timer);
        socket = opened;
        reading.open(opened);
        link.isReady = true;
        opened.setNoDelay(true);
        opened.setKeepAlive(true, keepAliveMs);
        session.drained();
      },
      data(_: Socket<unknown>, chunk: Buffer) {
        reading.took(chunk.length);
        session.receive(chunk);
        if (session.isClosed) leave();
      },
      drain: () => session.drained(),
      end: (from: Socket<unknown>) => void from.end(),
      close: (_: Socket<unknown>, error?: Error) => (error === undefined ? lose() : failed(error)),
      error: (_: Socket<unknown>, error: Error) => failed(error),
      // portable: for a unix socket it is called before the dialling call returns; the rejected promise says the same in time.
      connectError() {},
    };
    const where = options.path === undefined ? { hostname: options.host, port: options.port } : { unix: options.path };
    Bun.connect({ ...where, socket: handlers } as never).catch((error: unknown) => failed(error as Error));
    links.add(link);
    return link;
  }

  return {
    request(headers, handlers) {
      if (closed) return refuseStream(handlers);
      if (current === null || current.session.isClosed || current.session.isDraining) current = dial();
      return new ClientExchange(headers, current, handlers);
    },
    get openStreams() {
      let count = 0;
      for (const { session } of links) count += session.openStreams;
      return count;
    },
    get connected() {
      return current?.isReady === true && !current.session.isClosed;
    },
    async close() {
      closed = true;
      current = null;
      const reason = new Error("the client was closed");
      const open = [...links];
      for (const { session } of open) session.fail(errorCode.noError, reason);
      await Promise.all(open.filter((link) => link.isReady).map((link) => link.gone));
    },
  };
}

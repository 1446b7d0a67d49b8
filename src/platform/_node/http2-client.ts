import { ClientExchange, type ClientLink } from "../_http2/client-exchange.ts";
import { errorCode } from "../_http2/frame.ts";
import type { HuffmanTable } from "../_http2/huffman.ts";
import { Http2Session } from "../_http2/session.ts";
import { refuseStream } from "../_http2/stream-error.ts";
import type { Wire, WireEvents } from "../_http2/wire.ts";
import type { Http2Client, Http2Connect } from "../types.ts";

const defaultConnectTimeoutMs = 20_000;

/** What a socket tells while and after it is dialled. */
export interface DialEvents extends WireEvents {
  /** It is established, with TLS if that was asked for. */
  onOpen(wire: Wire): void;
}

/** Opens a socket; gives what cuts it, or gives it up while it is not open. */
export type Dial = (options: Http2Connect, events: DialEvents) => () => void;

interface Link extends ClientLink {
  /** Resolves when the socket is gone. */
  readonly gone: Promise<void>;
}

/**
 * A client of one HTTP/2 server. It dials on the first request, again after a loss, and anew when the peer asks to go (open streams
 * finish on the old connection). `close` cuts what is open.
 */
export function createHttp2Client(options: Http2Connect, dial: Dial, huffman: () => HuffmanTable): Http2Client {
  if (options.tls?.insecure && options.tls.verifyPeer)
    throw new Error("connecting with HTTP/2 failed: insecure and verifyPeer exclude each other");
  const links = new Set<Link>();
  let current: Link | null = null;
  let closed = false;
  const host = options.path === undefined ? options.host : "localhost";
  const usualPort = options.tls === undefined ? 80 : 443;
  const port = options.path === undefined && options.port !== usualPort ? `:${options.port}` : "";
  const scheme = options.tls === undefined ? "http" : "https";
  const authority = `${host.includes(":") ? `[${host}]` : host}${port}`;
  const defaults = { ":method": "GET", ":scheme": scheme, ":authority": authority, ":path": "/" };
  const place = options.path ?? `${options.host}:${options.port}`;

  function open(): Link {
    let wire: Wire | undefined;
    const gone = Promise.withResolvers<void>();
    const timeoutMs = options.connectTimeoutMs ?? defaultConnectTimeoutMs;
    const session = new Http2Session({
      role: "client",
      huffman: huffman(),
      defaults,
      transport: {
        write: (bytes) => wire?.write(bytes) ?? 0,
        end() {
          clearTimeout(timer);
          if (wire === undefined) cut();
          else wire.end();
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
      session.lost(error);
      gone.resolve();
    };
    const timer = setTimeout(
      () => lose(new Error(`connecting to "${place}" took longer than ${timeoutMs} ms`)),
      timeoutMs,
    );
    const cut = dial(options, {
      onOpen(opened) {
        if (session.isClosed) return opened.destroy();
        clearTimeout(timer);
        wire = opened;
        link.isReady = true;
        session.drained();
      },
      onData(chunk) {
        session.receive(chunk);
        if (session.isClosed) leave();
      },
      onDrain: () => session.drained(),
      onClose(error) {
        if (error === undefined || link.isReady) lose(error);
        else lose(new Error(`connecting to "${place}" failed: ${error.message}`, { cause: error }));
      },
    });
    links.add(link);
    return link;
  }

  return {
    request(headers, handlers) {
      if (closed) return refuseStream(handlers);
      if (current === null || current.session.isClosed || current.session.isDraining) current = open();
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
      const all = [...links];
      for (const { session } of all) session.fail(errorCode.noError, reason);
      await Promise.all(all.filter((link) => link.isReady).map((link) => link.gone));
    },
  };
}

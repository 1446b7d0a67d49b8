import type { Socket, TCPSocketListener, UnixSocketListener } from "bun";
import { defaultMessageBytes } from "../../kit/websocket/upgrade-response.ts";
import type { FetchHandler, HttpListen, Listener, RequestInfo, WireHandler } from "../types.ts";
import { plainAddress } from "./address.ts";
import { GreedyRead, type TookBytes } from "./greedy-read.ts";
import { type ConnectionHost, Http1Connection, type Wire } from "./http1-connection.ts";
import { listenFailure } from "./listen-failure.ts";
import { prepareSocketPath } from "./socket-path.ts";

interface Accepted {
  readonly connection: Http1Connection;
  readonly reading: GreedyRead;
}
type BunSocket = Socket<Accepted>;
type BunListener = TCPSocketListener<Accepted> | UnixSocketListener<Accepted>;

const defaultHeaderBytes = 16_384;
/** 64 KB of a stream and what surrounds them. */
const roomBytes = 65_600;

class BunWire implements Wire, RequestInfo {
  readonly #socket: BunSocket;
  readonly #reading: GreedyRead;
  constructor(socket: BunSocket, reading: GreedyRead) {
    this.#socket = socket;
    this.#reading = reading;
    reading.open(socket);
  }
  get info(): RequestInfo {
    return this;
  }
  get remoteAddress(): string {
    return plainAddress(this.#socket.remoteAddress);
  }
  get remotePort(): number | undefined {
    return (this.#socket as { readonly remotePort?: number }).remotePort;
  }
  write(bytes: Uint8Array, length: number): number {
    return this.#socket.write(bytes, 0, length);
  }
  pause(): void {
    this.#reading.pause();
  }
  resume(): void {
    this.#reading.resume();
  }
  finish(): void {
    this.#socket.shutdown();
  }
  close(): void {
    this.#socket.end();
  }
  destroy(): void {
    this.#socket.terminate();
  }
}

/** The Date line, made anew once a second. */
function createDate(): () => string {
  let second = 0;
  let text = "";
  return () => {
    const now = Math.floor(Date.now() / 1000);
    if (now !== second) {
      second = now;
      text = new Date(now * 1000).toUTCString();
    }
    return text;
  };
}

/** A handler that wants the web's objects, for requests from the wire. What the web has no request for is refused. */
function throughWeb(handle: FetchHandler): WireHandler {
  return (request, info) => {
    let web: Request;
    try {
      web = request.web();
    } catch {
      return { status: 400, lines: ["connection", "close"], body: null };
    }
    return handle(web, info);
  };
}

function start(listen: HttpListen, hostname: string, socket: object): BunListener {
  const place = listen.path === undefined ? { hostname, port: listen.port, exclusive: true } : { unix: listen.path };
  return (Bun.listen as unknown as (options: object) => BunListener)({ ...place, allowHalfOpen: true, socket });
}

/** portable: Bun has no name for "every address", and a host without IPv6 has none of its addresses. */
function startAnywhere(listen: HttpListen, socket: object): BunListener {
  try {
    if (listen.host !== "" || listen.path !== undefined) return start(listen, listen.host, socket);
    try {
      return start(listen, "::", socket);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "EADDRINUSE") throw error;
      return start(listen, "0.0.0.0", socket);
    }
  } catch (error) {
    throw listenFailure(listen, error);
  }
}

/** Listens with our own HTTP/1.1 server on Bun's sockets, which costs half of what Bun's own takes. */
export async function serveBunHttp(listen: HttpListen, handle: FetchHandler, tookBytes: TookBytes): Promise<Listener> {
  if (listen.path !== undefined) await prepareSocketPath(listen.path);
  const open = new Set<Http1Connection>();
  let whenEmpty: (() => void) | undefined;
  const host: ConnectionHost = {
    handle: handle.wire ?? throughWeb(handle),
    maxHeaderBytes: listen.maxHeaderBytes ?? defaultHeaderBytes,
    maxMessageBytes: listen.maxMessageBytes ?? defaultMessageBytes,
    room: Buffer.allocUnsafeSlow(roomBytes),
    date: createDate(),
    after(ms, call) {
      const timer = setTimeout(call, ms);
      timer.unref();
      return () => clearTimeout(timer);
    },
    closed(connection) {
      open.delete(connection);
      if (open.size === 0) whenEmpty?.();
    },
  };
  const server = startAnywhere(listen, {
    open(socket: BunSocket) {
      socket.setNoDelay(true);
      const reading = new GreedyRead(tookBytes);
      const connection = new Http1Connection(new BunWire(socket, reading), host);
      socket.data = { connection, reading };
      open.add(connection);
    },
    data(socket: BunSocket, chunk: Uint8Array) {
      socket.data.reading.took(chunk.length);
      socket.data.connection.receive(chunk);
    },
    end: (socket: BunSocket) => socket.data.connection.peerEnded(),
    drain: (socket: BunSocket) => socket.data.connection.writable(),
    // portable: Bun reports some failures before it has opened the socket
    close(socket: BunSocket) {
      socket.data?.reading.close();
      socket.data?.connection.gone();
    },
    error: (socket: BunSocket) => socket.data?.connection.cut(),
  });
  return {
    host: listen.host,
    port: "port" in server ? server.port : 0,
    async close(graceMs) {
      server.stop(false);
      for (const connection of [...open]) connection.retire();
      if (open.size === 0) return;
      let timer: ReturnType<typeof setTimeout> | undefined;
      await new Promise<void>((resolve) => {
        whenEmpty = resolve;
        if (graceMs === undefined) return;
        timer = setTimeout(() => {
          for (const connection of [...open]) connection.cut();
          resolve();
        }, graceMs);
      });
      clearTimeout(timer);
    },
  };
}

import type { ClientHttp2Session, OutgoingHttpHeaders } from "node:http2";
import type { Socket } from "node:net";
import { refuseStream } from "../_http2/stream-error.ts";
import type { Http2Client, Http2Connect } from "../types.ts";
import { type ClientConnection, Http2ClientStream } from "./http2-client-stream.ts";
import { createKick } from "./http2-kick.ts";
import { sessionMemoryMb, streamWindow, unlimited, widenConnection } from "./http2-limits.ts";

/** Notices a peer that vanished without a word. */
const keepAliveMs = 30_000;
const defaultConnectTimeoutMs = 20_000;
const limits = { maxSessionMemory: sessionMemoryMb, maxSessionInvalidFrames: unlimited };

interface Connection extends ClientConnection {
  readonly session: ClientHttp2Session;
  /** Takes no new streams: it is closed, or the peer asked to go. */
  draining: boolean;
}

/** Loaded with the first connection: on Bun it is a good part of the time to start. */
const net = () => process.getBuiltinModule("node:net");

function openSocket(options: Http2Connect): Socket {
  if (options.tls === undefined) {
    return options.path === undefined
      ? net().connect({ host: options.host, port: options.port, noDelay: true })
      : net().connect({ path: options.path });
  }
  const { ca, key, cert, servername, insecure, verifyPeer } = options.tls;
  // portable: an IP address as server name is refused by Bun, and RFC 6066 forbids it anyway.
  const name = servername ?? (net().isIP(options.host) === 0 ? options.host : undefined);
  return process.getBuiltinModule("node:tls").connect({
    ...(options.path === undefined ? { host: options.host, port: options.port } : { path: options.path }),
    ca,
    key,
    cert,
    ...(name === undefined ? {} : { servername: name }),
    ALPNProtocols: ["h2"],
    minVersion: "TLSv1.2",
    rejectUnauthorized: !insecure,
    ...(verifyPeer === undefined
      ? {}
      : {
          checkServerIdentity(_host: string, certificate: { readonly raw?: Uint8Array }) {
            try {
              verifyPeer(certificate.raw ?? new Uint8Array());
              return undefined;
            } catch (error) {
              return error as Error;
            }
          },
        }),
  });
}

/**
 * A client of one HTTP/2 server. It dials on the first request, again after a loss, and anew when the peer asks to go (open streams
 * finish on the old connection). `close` cuts what is open.
 */
export function connectHttp2(options: Http2Connect): Http2Client {
  if (options.tls?.insecure && options.tls.verifyPeer)
    throw new Error("connecting with HTTP/2 failed: insecure and verifyPeer exclude each other");
  const connections = new Set<Connection>();
  let current: Connection | null = null;
  let closed = false;
  const place = options.path ?? `${options.host}:${options.port}`;

  function dial(): Connection {
    for (const old of connections) if (old.session.destroyed && old.streams.size === 0) connections.delete(old);
    const http2 = process.getBuiltinModule("node:http2");
    const timeoutMs = options.connectTimeoutMs ?? defaultConnectTimeoutMs;
    const scheme = options.tls === undefined ? "http" : "https";
    const host = options.path === undefined ? options.host : "localhost";
    const session = http2.connect(`${scheme}://${net().isIP(host) === 6 ? `[${host}]` : host}:${options.port || 80}`, {
      createConnection: () => openSocket(options),
      settings: { enablePush: false, initialWindowSize: streamWindow },
      ...limits,
    });
    const connection: Connection = {
      session,
      open: (headers, waitForTrailers) =>
        session.request(headers as OutgoingHttpHeaders, { endStream: false, waitForTrailers }),
      streams: new Set(),
      kick: createKick(session, (answered) => session.settings({ enablePush: false }, answered)),
      ready: false,
      draining: false,
      failure: undefined,
      lastStream: undefined,
    };
    const leave = () => {
      connection.draining = true;
      if (current === connection) current = null;
    };
    const gone = () => {
      clearTimeout(timer);
      leave();
      connections.delete(connection);
      for (const stream of connection.streams) stream.lost(connection.failure);
    };
    const timer = setTimeout(() => {
      connection.failure = new Error(`connecting to "${place}" took longer than ${timeoutMs} ms`);
      session.destroy(connection.failure);
      gone();
    }, timeoutMs);
    session.once("connect", (_session, socket) => {
      clearTimeout(timer);
      connection.ready = true;
      widenConnection(session);
      (socket as Socket | undefined)?.setKeepAlive?.(true, keepAliveMs);
    });
    session.on("goaway", (_code: number, lastStream: number) => {
      connection.lastStream = lastStream;
      leave();
    });
    session.on("error", (error: Error) => {
      connection.failure ??= connection.ready
        ? error
        : new Error(`connecting to "${place}" failed: ${error.message}`, { cause: error });
      leave();
    });
    session.on("close", gone);
    connections.add(connection);
    return connection;
  }

  return {
    request(headers, handlers) {
      if (closed) return refuseStream(handlers);
      if (current === null || current.session.destroyed || current.session.closed) current = dial();
      return new Http2ClientStream(headers, current, handlers);
    },
    get openStreams() {
      let count = 0;
      for (const connection of connections) count += connection.streams.size;
      return count;
    },
    get connected() {
      return current?.ready === true && !current.session.destroyed;
    },
    async close() {
      closed = true;
      current = null;
      const reason = new Error("the client was closed");
      for (const { streams } of connections) for (const stream of streams) stream.cut(reason);
      // The resets leave before their connections end.
      await new Promise((resolve) => setImmediate(resolve));
      const ends = [...connections].map(
        ({ session }) =>
          new Promise<void>((resolve) => {
            // portable: a session that TLS tore down never tells of its close in Node.
            if (session.destroyed) return resolve();
            session.once("close", () => resolve());
            session.destroy();
          }),
      );
      await Promise.all(ends);
    },
  };
}

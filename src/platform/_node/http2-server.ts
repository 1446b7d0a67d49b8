import type { Http2SecureServer, Http2Server, ServerHttp2Session, ServerHttp2Stream } from "node:http2";
import type { AddressInfo, Socket } from "node:net";
import type { TLSSocket } from "node:tls";
import type { Http2Listen, Listener, StreamHandler } from "../types.ts";
import { plainAddress } from "./address.ts";
import type { ReceivedHeaders } from "./http2-headers.ts";
import { createKick } from "./http2-kick.ts";
import { createResetLimit, sessionMemoryMb, streamWindow, unlimited, widenConnection } from "./http2-limits.ts";
import { Http2ServerStream, type ServerConnection } from "./http2-server-stream.ts";
import { listenFailure } from "./listen-failure.ts";
import { prepareSocketPath } from "./socket-path.ts";

const mostStreams = 100_000;
const cancel = 8;
const enhanceYourCalm = 11;

function peerCertificate(socket: Socket | TLSSocket | undefined): Uint8Array | undefined {
  // The session hands out a proxy of its socket, to which `in` says nothing.
  const raw = ((socket as TLSSocket | undefined)?.getPeerCertificate?.() as { raw?: Uint8Array } | null | undefined)
    ?.raw;
  return raw === undefined || raw.length === 0 ? undefined : raw;
}

function openServer(listen: Http2Listen): Http2Server | Http2SecureServer {
  const http2 = process.getBuiltinModule("node:http2");
  const options = {
    settings: {
      maxConcurrentStreams: mostStreams,
      initialWindowSize: streamWindow,
      enablePush: false,
      ...(listen.maxHeaderListBytes === undefined ? {} : { maxHeaderListSize: listen.maxHeaderListBytes }),
    },
    maxSessionMemory: sessionMemoryMb,
    maxSessionInvalidFrames: unlimited,
    streamResetBurst: unlimited,
    streamResetRate: unlimited,
    noDelay: true,
  };
  if (listen.tls === undefined) return http2.createServer(options);
  return http2.createSecureServer({
    ...options,
    key: listen.tls.key,
    cert: listen.tls.cert,
    ca: listen.tls.ca,
    requestCert: listen.tls.requireClientCert ?? false,
    rejectUnauthorized: listen.tls.requireClientCert ?? false,
    minVersion: "TLSv1.2",
    ALPNProtocols: ["h2"],
  });
}

/** Listens for HTTP/2, in the clear (prior knowledge) or with TLS. A peer that breaks the protocol loses its own connection only. */
export async function serveHttp2(listen: Http2Listen, handle: StreamHandler): Promise<Listener> {
  const sessions = new Map<ServerHttp2Session, ServerConnection>();
  let closing = false;
  let whenEmpty: (() => void) | null = null;

  function admit(session: ServerHttp2Session): ServerConnection {
    const known = sessions.get(session);
    if (known !== undefined) return known;
    const socket = session.socket as Socket | TLSSocket | undefined;
    const allowed = createResetLimit(() => performance.now());
    let refused = false;
    let certificate: Uint8Array | null | undefined = null;
    const connection: ServerConnection = {
      remoteAddress: plainAddress(socket?.remoteAddress),
      get peerCertificate() {
        if (certificate === null) certificate = peerCertificate(socket);
        return certificate;
      },
      kick: createKick(session, (answered) => session.ping(answered)),
      peerReset() {
        if (allowed() || refused) return;
        refused = true;
        // portable: Node can crash when a session is destroyed while it reads a frame.
        setImmediate(() => {
          if (session.destroyed) return;
          session.goaway(enhanceYourCalm);
          session.destroy();
        });
      },
      streams: new Set(),
    };
    sessions.set(session, connection);
    session.on("error", () => {});
    session.on("close", () => {
      sessions.delete(session);
      for (const stream of connection.streams) stream.lost(cancel);
      if (sessions.size === 0) whenEmpty?.();
    });
    widenConnection(session);
    if (closing) session.close();
    return connection;
  }

  function withHandlers(server: Http2Server | Http2SecureServer): Http2Server | Http2SecureServer {
    server.on("session", admit);
    for (const event of ["sessionError", "clientError", "tlsClientError"]) server.on(event, () => {});
    server.on("connection", (socket: Socket) => void socket.setNoDelay?.(true));
    server.on("stream", (stream: ServerHttp2Stream, headers: ReceivedHeaders, _flags: number, raw: string[]) => {
      const session = stream.session as ServerHttp2Session | undefined;
      if (session === undefined) return stream.destroy();
      const one = new Http2ServerStream(stream, headers, raw, admit(session));
      handle(one);
      one.start();
    });
    return server;
  }
  const server = withHandlers(openServer(listen));

  if (listen.path !== undefined) await prepareSocketPath(listen.path);
  await new Promise<void>((resolve, reject) => {
    const failed = (error: Error) => reject(listenFailure(listen, error));
    server.once("error", failed);
    const started = () => {
      server.off("error", failed);
      server.on("error", () => {});
      resolve();
    };
    if (listen.path === undefined) server.listen(listen.port, listen.host, started);
    else server.listen(listen.path, started);
  });
  const address = server.address() as AddressInfo | string | null;

  return {
    host: listen.host,
    port: address !== null && typeof address === "object" ? address.port : 0,
    async close(graceMs) {
      closing = true;
      server.close();
      const empty = new Promise<void>((resolve) => {
        whenEmpty = resolve;
        if (sessions.size === 0) resolve();
      });
      for (const session of sessions.keys()) session.close();
      let timer: ReturnType<typeof setTimeout> | undefined;
      const over = new Promise<void>((resolve) => {
        if (graceMs !== undefined) timer = setTimeout(resolve, graceMs);
      });
      await Promise.race([empty, over]);
      clearTimeout(timer);
      for (const { streams } of sessions.values()) for (const stream of streams) stream.cut(cancel);
      // The resets leave before their connections end.
      await new Promise((resolve) => setImmediate(resolve));
      for (const session of sessions.keys()) session.destroy();
    },
  };
}

import type { Server, Socket } from "node:net";
import type { TLSSocket } from "node:tls";
import type { Peer } from "../_http2/server-exchange.ts";
import type { Wire, WireEvents } from "../_http2/wire.ts";
import type { Http2Connect, Http2Listen } from "../types.ts";
import { plainAddress } from "./address.ts";
import type { Dial } from "./http2-client.ts";
import type { Bind } from "./http2-server.ts";

/** Notices a peer that vanished without a word. */
const keepAliveMs = 30_000;
/** How long a peer gets to close its side after we have closed ours. */
const lingerMs = 1_000;

/** Loaded with the first socket: on Bun it is a good part of the time to start. */
const net = () => process.getBuiltinModule("node:net");
const tls = () => process.getBuiltinModule("node:tls");

class SocketWire implements Wire {
  readonly #socket: Socket;
  #isFull = false;

  constructor(socket: Socket) {
    this.#socket = socket;
  }

  /** Takes a copy: the socket may write later, and the caller uses its buffer again. */
  write(bytes: Uint8Array): number {
    if (this.#isFull || this.#socket.destroyed) return 0;
    this.#isFull = !this.#socket.write(Buffer.from(bytes));
    return bytes.length;
  }
  end(): void {
    this.#socket.end();
    this.#socket.setTimeout(lingerMs, () => this.#socket.destroy());
  }
  destroy(): void {
    this.#socket.destroy();
  }
  drained(): void {
    this.#isFull = false;
  }
}

/** Connects a socket that is established to what is above it. */
function attach(socket: Socket, wire: SocketWire, events: WireEvents): void {
  socket.on("data", (chunk: Buffer) => events.onData(chunk));
  socket.on("drain", () => {
    wire.drained();
    events.onDrain();
  });
}

function openSocket(options: Http2Connect): Socket {
  if (options.tls === undefined)
    return net().connect(
      options.path === undefined ? { host: options.host, port: options.port } : { path: options.path },
    );
  const { ca, key, cert, servername, insecure, verifyPeer } = options.tls;
  // portable: an IP address as server name is refused by Bun, and RFC 6066 forbids it anyway.
  const name = servername ?? (net().isIP(options.host) === 0 ? options.host : undefined);
  return tls().connect({
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

/** Dials with node:net or node:tls. */
export const dialNet: Dial = (options, events) => {
  let socket: Socket;
  try {
    socket = openSocket(options);
  } catch (error) {
    // Broken TLS material is refused on the spot.
    queueMicrotask(() => events.onClose(error as Error));
    return () => {};
  }
  let failure: Error | undefined;
  socket.once(options.tls === undefined ? "connect" : "secureConnect", () => {
    const wire = new SocketWire(socket);
    socket.setNoDelay(true);
    socket.setKeepAlive(true, keepAliveMs);
    attach(socket, wire, events);
    events.onOpen(wire);
  });
  socket.on("error", (error) => {
    failure ??= error;
  });
  socket.on("close", () => events.onClose(failure));
  return () => socket.destroy();
};

function createServer(listen: Http2Listen): Server {
  if (listen.tls === undefined) return net().createServer();
  return tls().createServer({
    key: listen.tls.key,
    cert: listen.tls.cert,
    ca: listen.tls.ca,
    requestCert: listen.tls.requireClientCert ?? false,
    rejectUnauthorized: listen.tls.requireClientCert ?? false,
    minVersion: "TLSv1.2",
    ALPNProtocols: ["h2"],
  });
}

function peerOf(socket: Socket, listen: Http2Listen): Peer {
  const remoteAddress = plainAddress(socket.remoteAddress);
  if (listen.tls?.requireClientCert !== true) return { remoteAddress };
  return { remoteAddress, peerCertificate: (socket as TLSSocket).getPeerCertificate().raw };
}

/** Listens with node:net or node:tls. */
export const bindNet: Bind = async (listen, accept) => {
  const server = createServer(listen);
  server.on(listen.tls === undefined ? "connection" : "secureConnection", (socket: Socket) => {
    socket.on("error", () => {});
    socket.setNoDelay(true);
    const wire = new SocketWire(socket);
    const events = accept(wire, peerOf(socket, listen));
    attach(socket, wire, events);
    socket.on("close", () => events.onClose());
  });
  server.on("tlsClientError", () => {});
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    const started = () => {
      server.off("error", reject);
      server.on("error", () => {});
      resolve();
    };
    if (listen.path !== undefined) server.listen(listen.path, started);
    else if (listen.host === "") server.listen(listen.port, started);
    else server.listen(listen.port, listen.host, started);
  });
  const address = server.address();
  return {
    port: address !== null && typeof address === "object" ? address.port : 0,
    stop: () => void server.close(),
  };
};

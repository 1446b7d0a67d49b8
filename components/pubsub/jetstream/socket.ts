import type { Platform, TcpConnect, TcpSocket } from "../../../src/platform/types.ts";
import { hostAndPort, type NatsServer } from "./nats-servers.ts";
import { encodeFrame, FrameReader, frameKind } from "./web-socket-frames.ts";

/** Certificates for encrypted connections, PEM. */
export interface NatsTls {
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
}

/** The part of a WebSocket that the client library uses. */
export interface NatsSocket {
  binaryType: string;
  /** Not 0 while the system does not take what was sent. */
  readonly bufferedAmount: number;
  onopen: ((event: object) => void) | null;
  onmessage: ((event: { readonly data: Uint8Array }) => void) | null;
  onclose: ((event: { readonly wasClean: boolean; readonly reason: string }) => void) | null;
  onerror: ((event: { readonly message: string }) => void) | null;
  send(bytes: ArrayBuffer): void;
  close(): void;
}

export interface SocketPorts extends Pick<Platform, "random"> {
  readonly tcp: NonNullable<Platform["tcp"]>;
  readonly tls: NatsTls;
  /** Hears why a connection ended; the client library only says that it took too long. */
  ended?(reason: string): void;
}

const dialMs = 5000;
const infoLine = /^INFO\s+(\{.*\})\s*\r\n/;
const latin1 = new TextDecoder("latin1");

function join(a: Uint8Array, b: Uint8Array): Uint8Array {
  if (a.length === 0) return b;
  const all = new Uint8Array(a.length + b.length);
  all.set(a);
  all.set(b, a.length);
  return all;
}

/** A protocol above a connection: what arrives, what happens when it stands, how bytes are wrapped. */
interface Layer {
  opened(): void;
  received(chunk: Uint8Array): void;
  wrap(bytes: Uint8Array): Uint8Array;
}

function dial(
  ports: SocketPorts,
  connect: TcpConnect,
  layerOf: (connection: TcpSocket, socket: NatsSocket, fail: (message: string) => void) => Layer,
): NatsSocket {
  let isOver = false;
  let isFull = false;
  let message = "";
  const end = () => {
    if (isOver) return;
    isOver = true;
    ports.ended?.(message || "the server closed the connection");
    // The library waits for an answer until its limit unless it hears of an error first.
    socket.onerror?.({ message: message || "the connection was closed" });
    socket.onclose?.({ wasClean: message === "", reason: message });
  };
  const fail = (reason: string) => {
    message ||= reason;
    connection.destroy();
    end();
  };
  const connection = ports.tcp(connect, {
    onOpen: () => layer.opened(),
    onData(chunk) {
      if (isOver) return;
      try {
        layer.received(chunk);
      } catch (error) {
        fail(error instanceof Error ? error.message : String(error));
      }
    },
    onEnd() {},
    onDrain() {
      isFull = false;
    },
    onClose(error) {
      message ||= error?.message ?? "";
      end();
    },
  });
  const socket: NatsSocket = {
    binaryType: "arraybuffer",
    get bufferedAmount() {
      return isFull && !isOver ? 1 : 0;
    },
    onopen: null,
    onmessage: null,
    onclose: null,
    onerror: null,
    send(bytes) {
      if (!isOver && !connection.write(layer.wrap(new Uint8Array(bytes)))) isFull = true;
    },
    close() {
      connection.destroy();
      end();
    },
  };
  const layer = layerOf(connection, socket, fail);
  return socket;
}

/** The protocol as it is. The server speaks first, and says in its first line whether the rest has to be encrypted. */
function plainLayer(isSecure: boolean, hasCertificate: boolean) {
  return (connection: TcpSocket, socket: NatsSocket, fail: (message: string) => void): Layer => {
    let head: Uint8Array | undefined = new Uint8Array();
    let greeting: Uint8Array | undefined;
    return {
      opened() {
        if (greeting === undefined) return socket.onopen?.({});
        socket.onmessage?.({ data: greeting });
      },
      received(chunk) {
        if (head === undefined) return socket.onmessage?.({ data: chunk });
        head = join(head, chunk);
        const text = latin1.decode(head);
        if (!text.includes("\r\n") && text.length < 65_536) return;
        const line = infoLine.exec(text)?.[1];
        if (line === undefined) return fail("what answers is no NATS server");
        const info = JSON.parse(line) as { tls_required?: boolean; tls_available?: boolean };
        const isOffered = info.tls_required === true || info.tls_available === true;
        if (isSecure && !isOffered) return fail("the server does not offer TLS, write nats:// for a plain connection");
        greeting = head;
        head = undefined;
        if (info.tls_required === true || (isOffered && (isSecure || hasCertificate))) connection.startTls?.();
        else socket.onmessage?.({ data: greeting });
      },
      wrap: (bytes) => bytes,
    };
  };
}

async function acceptOf(key: string): Promise<string> {
  const bytes = new TextEncoder().encode(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`);
  return btoa(String.fromCharCode(...new Uint8Array(await crypto.subtle.digest("SHA-1", bytes))));
}

/** The protocol inside a WebSocket. */
function webSocketLayer(place: string, key: string, accept: string, mask: () => Uint8Array) {
  return (connection: TcpSocket, socket: NatsSocket, fail: (message: string) => void): Layer => {
    let head: Uint8Array | undefined = new Uint8Array();
    const frames = new FrameReader();
    const take = (kind: number, payload: Uint8Array): void => {
      if (kind === frameKind.ping) connection.write(encodeFrame(frameKind.pong, payload, mask()));
      else if (kind === frameKind.close)
        fail(`the server closed the connection: ${latin1.decode(payload.subarray(2))}`);
      // The NATS protocol is a stream of bytes: where messages begin and end does not matter.
      else if (kind !== frameKind.pong) socket.onmessage?.({ data: payload });
    };
    return {
      opened() {
        const lines = [
          "GET / HTTP/1.1",
          `Host: ${place}`,
          "Upgrade: websocket",
          "Connection: Upgrade",
          "Sec-WebSocket-Version: 13",
          `Sec-WebSocket-Key: ${key}`,
        ];
        connection.writeText(`${lines.join("\r\n")}\r\n\r\n`);
      },
      received(chunk) {
        if (head === undefined) return frames.push(chunk, take);
        head = join(head, chunk);
        const text = latin1.decode(head);
        const end = text.indexOf("\r\n\r\n");
        if (end < 0 && text.length < 65_536) return;
        const given = /\r\nsec-websocket-accept:\s*(\S+)/i.exec(text.slice(0, end + 2))?.[1];
        if (!/^HTTP\/1\.1 101 /.test(text) || given !== accept)
          return fail(`what answers is no WebSocket: ${text.split("\r\n", 1)[0]}`);
        const rest = head.subarray(end + 4);
        head = undefined;
        socket.onopen?.({});
        if (rest.length > 0) frames.push(rest, take);
      },
      wrap: (bytes) => encodeFrame(frameKind.binary, bytes, mask()),
    };
  };
}

/** Dials a server. What becomes of it arrives at the handlers of the answer, which may be set until the next turn. */
export async function dialNats(ports: SocketPorts, server: NatsServer): Promise<NatsSocket> {
  const { host, port, isSecure, transport } = server;
  const place = { host, port, connectTimeoutMs: dialMs };
  if (transport === "tcp") {
    const layer = plainLayer(isSecure, ports.tls.cert !== undefined);
    return dial(ports, { ...place, tls: { ...ports.tls, onDemand: true } }, layer);
  }
  const key = btoa(String.fromCharCode(...ports.random.bytes(16)));
  const layer = webSocketLayer(hostAndPort(server), key, await acceptOf(key), () => ports.random.bytes(4));
  return dial(ports, isSecure ? { ...place, tls: ports.tls } : place, layer);
}

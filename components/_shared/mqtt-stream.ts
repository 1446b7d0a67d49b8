// portable: the client library works on streams of Node's kind, which all runtimes with sockets have
import { Duplex } from "node:stream";
import { concatBytes } from "../../src/kit/bytes.ts";
import type { Platform, TcpSocket } from "../../src/platform/types.ts";
import type { MqttAddress } from "./mqtt-address.ts";

/** Certificates in PEM. */
export interface MqttTls {
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
}

export type MqttDial = Pick<Platform, "name" | "tcp">;

type Written = (error?: Error | null) => void;

/** What carries a stream's bytes. */
interface Carrier {
  send(bytes: Uint8Array, done: Written): void;
  /** The reader takes bytes again. */
  resume(): void;
  close(): void;
}

function streamOver({ send, resume, close }: Carrier): Duplex {
  const stream = new Duplex({
    allowHalfOpen: false,
    read: resume,
    write: (chunk: Uint8Array, _encoding, done) => send(chunk, done),
    writev: (chunks, done) => send(concatBytes(chunks.map(({ chunk }) => chunk as Uint8Array)), done),
    final(done) {
      done();
      stream.destroy();
    },
    destroy(error, done) {
      close();
      done(error);
    },
  });
  return stream;
}

/** Dials a broker. What goes wrong is the stream's error. */
export function openMqttStream(address: MqttAddress, tls: MqttTls, { name, tcp }: MqttDial, limitMs: number): Duplex {
  if (address.transport === "ws") return overWebSocket(address, tls, name);
  if (tcp === undefined) throw new Error(`the ${name} runtime has no TCP connections, use a ws:// or wss:// address`);
  let socket: TcpSocket | undefined;
  let drained: Written | undefined;
  const send = (bytes: Uint8Array, done: Written): void => {
    if (socket?.write(bytes) === false) drained = done;
    else done();
  };
  const stream = streamOver({ send, resume: () => socket?.resume(), close: () => socket?.destroy() });
  socket = tcp(
    {
      host: address.host,
      port: address.port,
      connectTimeoutMs: limitMs,
      ...(address.isSecure && { tls }),
    },
    {
      onOpen() {},
      onData(chunk) {
        if (!stream.push(chunk)) socket?.pause();
      },
      onEnd: () => void stream.push(null),
      onDrain() {
        const done = drained;
        drained = undefined;
        done?.();
      },
      onClose(error) {
        drained?.(error ?? null);
        drained = undefined;
        stream.destroy(error);
      },
    },
  );
  return stream;
}

type SocketOptions = { readonly protocols: string[]; readonly tls: MqttTls };

function overWebSocket({ host, port, path, isSecure, text }: MqttAddress, tls: MqttTls, runtime: string): Duplex {
  const url = `${isSecure ? "wss" : "ws"}://${host.includes(":") ? `[${host}]` : host}:${port}${path}`;
  const hasTls = tls.ca !== undefined || tls.cert !== undefined;
  // portable: only Bun's WebSocket takes certificates.
  if (hasTls && runtime !== "bun")
    throw new Error(`certificates with wss:// are not served on the ${runtime} runtime, use the executable or ssl://`);
  const options = hasTls ? ({ protocols: ["mqtt"], tls } satisfies SocketOptions as unknown as string[]) : ["mqtt"];
  const socket = new WebSocket(url, options);
  socket.binaryType = "arraybuffer";
  const waiting: Written[] = [];
  const send = (bytes: Uint8Array, done: Written): void => {
    const go = (): void => {
      socket.send(bytes as Uint8Array<ArrayBuffer>);
      done();
    };
    if (socket.readyState === WebSocket.OPEN) go();
    else if (socket.readyState === WebSocket.CONNECTING) waiting.push((error) => (error ? done(error) : go()));
    else done(new Error("the WebSocket is closed"));
  };
  const stream = streamOver({ send, resume() {}, close: () => socket.close() });
  let isOpen = false;
  const end = (): void => {
    const error = isOpen ? undefined : Object.assign(new Error(`no WebSocket connection to ${text}`), { code: "EWS" });
    for (const refused of waiting.splice(0)) refused(error ?? null);
    stream.destroy(error);
  };
  socket.onopen = () => {
    isOpen = true;
    for (const go of waiting.splice(0)) go();
  };
  socket.onmessage = ({ data }) => void stream.push(new Uint8Array(data as ArrayBuffer));
  socket.onerror = end;
  socket.onclose = end;
  return stream;
}

import { connect, createServer, type Socket } from "node:net";
import { encodeUtf8 } from "../../src/kit/bytes.ts";
import { FrameReader } from "../../src/kit/websocket/frame-reader.ts";
import { closePayload, encodeFrame, opcodes } from "../../src/kit/websocket/frames.ts";
import { acceptKey } from "../../src/kit/websocket/handshake.ts";

type Opcode = keyof typeof opcodes;
/** What came in: kind and content; of a close frame code and reason; `lost` when the connection ended without one. */
export type SocketEvent = readonly [kind: "text" | "binary" | "ping" | "pong" | "close" | "lost", ...what: unknown[]];

/** One end of a WebSocket, frame by frame: nothing is answered by itself. */
export interface RawWebSocket {
  readonly socket: Socket;
  send(kind: Opcode, payload?: string | Uint8Array): boolean;
  close(code: number, reason?: string): void;
  /** The next event; waits for it. */
  next(): Promise<SocketEvent>;
  /** All that has not been read yet. */
  readonly waiting: readonly SocketEvent[];
}

/** Reads frames of a connection behind its handshake. */
function rawWebSocket(socket: Socket, isClient: boolean): RawWebSocket & { push(chunk: Uint8Array): void } {
  const events: SocketEvent[] = [];
  const readers: ((event: SocketEvent) => void)[] = [];
  let isOver = false;
  const add = (event: SocketEvent): void => {
    if (isOver) return;
    if (event[0] === "close" || event[0] === "lost") isOver = true;
    const reader = readers.shift();
    if (reader === undefined) events.push(event);
    else reader(event);
  };
  const frames = new FrameReader(
    { isMasked: !isClient, maxMessageBytes: 1 << 30 },
    {
      onText: (text) => add(["text", text]),
      onBinary: (bytes) => add(["binary", bytes]),
      onPing: (data) => add(["ping", String.fromCharCode(...data)]),
      onPong: (data) => add(["pong", String.fromCharCode(...data)]),
      onClose: (code, reason) => add(["close", code, reason]),
    },
  );
  socket.on("close", () => add(["lost"]));
  socket.on("error", () => {});
  const mask = isClient ? Uint8Array.of(9, 8, 7, 6) : undefined;
  return {
    socket,
    waiting: events,
    push: (chunk) => frames.push(chunk),
    send: (kind, payload = "") =>
      socket.write(encodeFrame(opcodes[kind], typeof payload === "string" ? encodeUtf8(payload) : payload, mask)),
    close(code, reason = "") {
      socket.write(encodeFrame(opcodes.close, closePayload(code, reason), mask));
    },
    next() {
      const event = events.shift();
      return event === undefined ? new Promise((resolve) => readers.push(resolve)) : Promise.resolve(event);
    },
  };
}

/** A request for a WebSocket as the app got it. */
export interface SocketRequest {
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly socket: Socket;
  /** Answers with 101 and these field lines. */
  accept(...lines: string[]): Promise<RawWebSocket>;
}

export interface SocketApp {
  readonly port: number;
  readonly requests: readonly SocketRequest[];
  /** Open connections. */
  readonly open: number;
  close(): Promise<void>;
}

function parseHead(text: string): { readonly first: string; readonly headers: Record<string, string> } {
  const [first = "", ...lines] = text.split("\r\n");
  const headers: Record<string, string> = {};
  for (const line of lines) {
    const colon = line.indexOf(":");
    const name = line.slice(0, colon).toLowerCase();
    const value = line.slice(colon + 1).trim();
    headers[name] = headers[name] === undefined ? value : `${headers[name]}, ${value}`;
  }
  return { first, headers };
}

/** Calls back with the head once it is whole, and then with all that follows. */
function afterHead(socket: Socket, head: (text: string) => (chunk: Uint8Array) => void): void {
  let text: string | undefined = "";
  let rest: (chunk: Uint8Array) => void = () => {};
  socket.on("data", (chunk: Uint8Array) => {
    if (text === undefined) return rest(chunk);
    text += Buffer.from(chunk).toString("latin1");
    const end = text.indexOf("\r\n\r\n");
    if (end < 0) return;
    const more = Buffer.from(text.slice(end + 4), "latin1");
    const whole = text.slice(0, end);
    text = undefined;
    rest = head(whole);
    if (more.length > 0) rest(more);
  });
}

/** Starts an app on loopback; `handle` gets every request. */
export async function startSocketApp(handle: (request: SocketRequest) => unknown): Promise<SocketApp> {
  const requests: SocketRequest[] = [];
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on("error", () => {});
    socket.on("close", () => sockets.delete(socket));
    afterHead(socket, (text) => {
      const { first, headers } = parseHead(text);
      const end = rawWebSocket(socket, false);
      const request: SocketRequest = {
        path: first.split(" ")[1] ?? "",
        headers,
        socket,
        async accept(...lines) {
          const key = await acceptKey(headers["sec-websocket-key"] ?? "");
          const own = ["upgrade: websocket", "connection: Upgrade", `sec-websocket-accept: ${key}`, ...lines];
          socket.write(`HTTP/1.1 101 Switching Protocols\r\n${own.join("\r\n")}\r\n\r\n`);
          return end;
        },
      };
      requests.push(request);
      handle(request);
      return (chunk) => end.push(chunk);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  return {
    port: typeof address === "object" && address !== null ? address.port : 0,
    requests,
    get open() {
      return sockets.size;
    },
    async close() {
      for (const socket of sockets) socket.destroy();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}

/** The answer to a request for a WebSocket; `end` is there when it is 101. */
export interface SocketAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly end: RawWebSocket | undefined;
  /** The rest of any other answer. */
  readonly body: Promise<string>;
}

export const sampleKey = "dGhlIHNhbXBsZSBub25jZQ==";

/** Asks for a WebSocket with the field lines; `undefined` as a value leaves one of the usual ones out. */
export function askForWebSocket(
  port: number,
  path: string,
  lines: Readonly<Record<string, string | undefined>> = {},
): Promise<SocketAnswer> {
  const headers: Record<string, string | undefined> = {
    host: "sidecar",
    upgrade: "websocket",
    connection: "Upgrade",
    "sec-websocket-version": "13",
    "sec-websocket-key": sampleKey,
    ...lines,
  };
  return new Promise((resolve, reject) => {
    const socket = connect(port, "127.0.0.1");
    socket.setNoDelay(true);
    socket.on("error", reject);
    socket.on("close", () =>
      reject(new Error(`asking for a WebSocket at "${path}" failed: the connection was closed`)),
    );
    let text = `GET ${path} HTTP/1.1\r\n`;
    for (const [name, value] of Object.entries(headers)) if (value !== undefined) text += `${name}: ${value}\r\n`;
    socket.write(`${text}\r\n`);
    afterHead(socket, (head) => {
      const { first, headers: received } = parseHead(head);
      const status = Number(first.split(" ")[1]);
      const body = Promise.withResolvers<string>();
      if (status === 101) {
        const end = rawWebSocket(socket, true);
        body.resolve("");
        resolve({ status, headers: received, end, body: body.promise });
        return (chunk) => end.push(chunk);
      }
      let content = "";
      const length = Number(received["content-length"] ?? Number.NaN);
      const look = () => {
        if (content.length < length) return;
        body.resolve(content);
        socket.destroy();
      };
      socket.on("close", () => body.resolve(content));
      resolve({ status, headers: received, end: undefined, body: body.promise });
      queueMicrotask(look);
      return (chunk) => {
        content += Buffer.from(chunk).toString("latin1");
        look();
      };
    });
  });
}

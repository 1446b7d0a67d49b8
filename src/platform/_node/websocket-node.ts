import type { IncomingMessage } from "node:http";
import type { Duplex } from "node:stream";
import { FrameReader, WebSocketFault } from "../../kit/websocket/frame-reader.ts";
import { closePayload, encodeFrame, opcodes } from "../../kit/websocket/frames.ts";
import { acceptKey, listed } from "../../kit/websocket/handshake.ts";
import type { ServerSocket, ServerSocketHandlers, UpgradeResponse } from "../../kit/websocket/upgrade-response.ts";

/** An open WebSocket, for its listener. */
export interface NodeWebSocket {
  close(code: number, reason: string): void;
}

const lost = 1006;
/** How long a client may take to answer a close frame. */
const closeMs = 5000;

/**
 * portable: with a listener for upgrades, Node hands over every request that names any protocol, and loses its body. This one says
 * so only of WebSockets.
 */
export function onlyWebSockets(Base: typeof IncomingMessage): typeof IncomingMessage {
  const asks = Symbol("asks");
  // No private member: the base's constructor assigns before there could be one.
  return class extends Base {
    [asks] = false;
    get upgrade(): boolean {
      return this[asks] && listed(this.headers.upgrade ?? "", "websocket");
    }
    set upgrade(value: boolean) {
      this[asks] = value;
    }
  } as typeof IncomingMessage;
}

/** Answers with 101 and takes the connection over; undefined when that is gone already. */
export async function openNodeWebSocket(
  answer: UpgradeResponse,
  incoming: IncomingMessage,
  socket: Duplex,
  maxMessageBytes: number,
): Promise<NodeWebSocket | undefined> {
  const accept = await acceptKey(incoming.headers["sec-websocket-key"] ?? "");
  // Whoever has ended its side cannot close a WebSocket any more.
  if (socket.destroyed || socket.readableEnded) {
    socket.destroy();
    answer.taker.missed();
    return undefined;
  }
  let head = `HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: Upgrade\r\nsec-websocket-accept: ${accept}\r\n`;
  for (const [name, value] of answer.headers) head += `${name}: ${value}\r\n`;
  socket.write(`${head}\r\n`, "latin1");

  let handlers: ServerSocketHandlers | undefined;
  let isClosing = false;
  let ended: { readonly code: number; readonly reason: string } | undefined;
  let timer: ReturnType<typeof setTimeout> | undefined;

  let unanswered: Uint8Array | undefined;

  const write = (opcode: number, payload: Uint8Array): boolean =>
    isClosing || socket.destroyed || socket.write(encodeFrame(opcode, payload));
  const sendClose = (code: number, reason: string): void => {
    if (isClosing || socket.destroyed) return;
    isClosing = true;
    socket.write(encodeFrame(opcodes.close, closePayload(code, reason)));
    // The client answers, or has it said first; a paused socket would not hear it.
    socket.resume();
    timer = setTimeout(() => socket.destroy(), closeMs);
  };
  const closedBy = (code: number, reason: string): void => {
    ended ??= { code, reason };
    sendClose(code, reason);
    socket.end();
  };
  const reader = new FrameReader(
    { isMasked: true, maxMessageBytes },
    {
      onText: (text) => handlers?.onMessage(text),
      onBinary: (bytes) => handlers?.onMessage(bytes),
      onPing(data) {
        // To a client that does not read, only the last of its pings is answered, and later (RFC 6455, 5.5.3).
        if (socket.writableNeedDrain) unanswered = data;
        else write(opcodes.pong, data);
        handlers?.onPing(data);
      },
      onPong: (data) => handlers?.onPong(data),
      onClose: closedBy,
    },
  );
  const view: ServerSocket = {
    send: (message) =>
      typeof message === "string"
        ? write(opcodes.text, new TextEncoder().encode(message))
        : write(opcodes.binary, message),
    ping: (data) => write(opcodes.ping, data),
    close: sendClose,
    destroy: () => void socket.destroy(),
    pause: () => void socket.pause(),
    resume: () => void socket.resume(),
  };
  handlers = answer.taker.opened(view);
  socket.on("drain", () => {
    if (unanswered !== undefined) write(opcodes.pong, unanswered);
    unanswered = undefined;
    handlers?.onDrain();
  });
  socket.on("end", () => socket.end());
  socket.on("close", () => {
    clearTimeout(timer);
    handlers?.onClose(ended?.code ?? lost, ended?.reason ?? "");
  });
  socket.on("data", (chunk: Uint8Array) => {
    try {
      reader.push(chunk);
    } catch (error) {
      if (!(error instanceof WebSocketFault)) throw error;
      closedBy(error.code, error.message);
    }
  });
  return { close: sendClose };
}

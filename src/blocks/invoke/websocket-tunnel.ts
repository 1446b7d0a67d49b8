import { encodeUtf8 } from "../../kit/bytes.ts";
import type { Clock } from "../../kit/clock.ts";
import type { Random } from "../../kit/random.ts";
import { FrameReader, type FrameSink, WebSocketFault } from "../../kit/websocket/frame-reader.ts";
import { closePayload, encodeFrame, opcodes } from "../../kit/websocket/frames.ts";
import type { ServerSocket, ServerSocketHandlers } from "../../kit/websocket/upgrade-response.ts";

/** What a tunnel needs of its surroundings. */
export interface TunnelPorts {
  readonly clock: Clock;
  readonly random: Random;
  /** Largest message either way. */
  readonly maxMessageBytes: number;
}

/** Bytes that may wait for the app before the client is not read any more. */
const highWater = 65_536;
/** How long the app may take to end the connection after the closing handshake. */
const lingerMs = 5000;
const badGateway = 1014;
const tooBig = 1009;
const lost = 1006;

/**
 * One WebSocket between a client, whose frames the host handles, and an app, whose bytes come over any way that calls take. To the
 * app it is the client: it masks its frames. Messages go through whole, both ways with back-pressure; pings, pongs, close codes and
 * the loss of either side too.
 */
export class WebSocketTunnel implements ServerSocketHandlers {
  readonly #ports: TunnelPorts;
  /** Ends the call that carries the tunnel, when nothing else does. */
  readonly #abandon: () => void;
  #toApp: ReadableStreamDefaultController<Uint8Array> | undefined;
  #socket: ServerSocket | undefined;
  #fromApp: ReadableStreamDefaultReader<Uint8Array> | undefined;
  #isBlocked = false;
  #wake: (() => void) | undefined;
  #stopLinger: (() => void) | undefined;
  #isClientGone = false;

  constructor(ports: TunnelPorts, abandon: () => void) {
    this.#ports = ports;
    this.#abandon = abandon;
  }

  /** What goes to the app, for one try of the call. */
  sends(): ReadableStream<Uint8Array> {
    return new ReadableStream<Uint8Array>(
      {
        start: (controller) => {
          this.#toApp = controller;
        },
        pull: () => this.#socket?.resume(),
        cancel: () => {
          this.#toApp = undefined;
        },
      },
      { highWaterMark: highWater, size: (chunk) => chunk?.length ?? 0 },
    );
  }

  /** Both sides are there: what the app sends goes to the socket from now on. */
  start(socket: ServerSocket, fromApp: ReadableStream<Uint8Array>): void {
    this.#socket = socket;
    const reader = fromApp.getReader();
    this.#fromApp = reader;
    void this.#relay(socket, reader);
  }

  onMessage(message: string | Uint8Array): void {
    const isText = typeof message === "string";
    const payload = isText ? encodeUtf8(message) : message;
    if (payload.length > this.#ports.maxMessageBytes) {
      this.#socket?.close(tooBig, `a message is longer than ${this.#ports.maxMessageBytes} bytes`);
      return;
    }
    this.#send(isText ? opcodes.text : opcodes.binary, payload);
  }

  onPing(data: Uint8Array): void {
    this.#send(opcodes.ping, data);
  }

  onPong(data: Uint8Array): void {
    this.#send(opcodes.pong, data);
  }

  onDrain(): void {
    this.#isBlocked = false;
    this.#wake?.();
  }

  onClose(code: number, reason: string): void {
    this.#isClientGone = true;
    this.onDrain();
    if (code === lost) this.#cut();
    else this.#endApp(code, reason);
  }

  #send(opcode: number, payload: Uint8Array): void {
    const controller = this.#toApp;
    if (controller === undefined) return;
    controller.enqueue(encodeFrame(opcode, payload, this.#ports.random.bytes(4)));
    if ((controller.desiredSize ?? 0) <= 0) this.#socket?.pause();
  }

  /** The last frame to the app, which then has a while to end the connection. */
  #endApp(code: number, reason: string): void {
    const controller = this.#toApp;
    if (controller === undefined) return;
    this.#send(opcodes.close, closePayload(code, reason));
    this.#toApp = undefined;
    controller.close();
    this.#stopLinger = this.#ports.clock.after(lingerMs, () => this.#cut());
  }

  /** Ends the app's side without a word. */
  #cut(): void {
    this.#stopLinger?.();
    this.#toApp = undefined;
    this.#fromApp?.cancel().catch(() => {});
    this.#abandon();
  }

  async #relay(socket: ServerSocket, from: ReadableStreamDefaultReader<Uint8Array>): Promise<void> {
    let isClosed = false;
    const close = (code: number, reason: string, clientCode = code, clientReason = reason): void => {
      isClosed = true;
      this.#endApp(code, reason);
      socket.close(clientCode, clientReason);
    };
    const frames = new FrameReader(
      { isMasked: false, maxMessageBytes: this.#ports.maxMessageBytes },
      this.#framesOfApp(socket, close),
    );
    try {
      for (let next = await from.read(); !next.done; next = await from.read()) {
        // Behind the last frame only the end of the connection is waited for.
        if (isClosed) continue;
        try {
          frames.push(next.value);
        } catch (error) {
          if (!(error instanceof WebSocketFault)) throw error;
          close(error.code, error.message, badGateway, `the app broke the protocol: ${error.message}`);
        }
        while (this.#isBlocked && !this.#isClientGone) {
          await new Promise<void>((resolve) => {
            this.#wake = resolve;
          });
        }
      }
    } catch {
      // Whatever broke the stream, it is the loss of the app.
    }
    if (!isClosed) socket.destroy();
    this.#cut();
  }

  #framesOfApp(socket: ServerSocket, closed: (code: number, reason: string) => void): FrameSink {
    const deliver = (message: string | Uint8Array): void => {
      if (!this.#isClientGone && !socket.send(message)) this.#isBlocked = true;
    };
    return {
      onText: deliver,
      onBinary: deliver,
      onPing: (data) => {
        if (this.#isClientGone) return;
        if (socket.ping === undefined) this.#send(opcodes.pong, data);
        else if (!socket.ping(data)) this.#isBlocked = true;
      },
      // The host has answered the client's pings itself.
      onPong: () => {},
      onClose: closed,
    };
  }
}

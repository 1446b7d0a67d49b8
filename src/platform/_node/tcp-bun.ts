import type { Socket } from "bun";
import type { TcpConnect, TcpError, TcpHandlers, TcpSocket } from "../types.ts";
import { GreedyRead, type TookBytes } from "./greedy-read.ts";
import { connectTcp } from "./tcp.ts";

/** Dials with Bun's own sockets, which write without a detour; TLS goes through node:tls, because only that verifies names there. */
export function connectBunTcp(connect: TcpConnect, handlers: TcpHandlers, tookBytes: TookBytes): TcpSocket {
  return connect.tls === undefined ? new BunTcpSocket(connect, handlers, tookBytes) : connectTcp(connect, handlers);
}

class BunTcpSocket implements TcpSocket {
  readonly #handlers: TcpHandlers;
  #socket: Socket<BunTcpSocket> | undefined;
  #waiting: Uint8Array[] = [];
  #timer: ReturnType<typeof setTimeout> | undefined;
  readonly #reading: GreedyRead;
  #isClosed = false;
  #isMade = false;

  constructor(connect: TcpConnect, handlers: TcpHandlers, tookBytes: TookBytes) {
    this.#handlers = handlers;
    this.#reading = new GreedyRead(tookBytes);
    if (connect.connectTimeoutMs !== undefined) {
      this.#timer = setTimeout(() => {
        this.#close(Object.assign(new Error("dialling took too long"), { code: "TIMEOUT" }));
        this.#socket?.terminate();
      }, connect.connectTimeoutMs);
    }
    const place = connect.path === undefined ? { hostname: connect.host, port: connect.port } : { unix: connect.path };
    const socket = {
      binaryType: "uint8array" as const,
      open: (opened: Socket<BunTcpSocket>) => this.#open(opened),
      data: (_: Socket<BunTcpSocket>, chunk: Uint8Array) => {
        if (this.#isClosed) return;
        this.#reading.took(chunk.length);
        this.#handlers.onData(chunk);
      },
      end: () => {
        if (!this.#isClosed) this.#handlers.onEnd();
      },
      drain: () => this.#drain(),
      close: (_: Socket<BunTcpSocket>, error?: Error) => this.#close(error === undefined ? undefined : tcpError(error)),
      error: (_: Socket<BunTcpSocket>, error: Error) => this.#close(tcpError(error)),
      connectError: (_: Socket<BunTcpSocket>, error: Error) => this.#close(tcpError(error)),
    };
    Bun.connect<BunTcpSocket>({ ...place, socket } as Parameters<typeof Bun.connect<BunTcpSocket>>[0]).catch(
      (error: unknown) => this.#close(tcpError(error as Error)),
    );
    this.#isMade = true;
  }

  writeText(text: string, body?: Uint8Array): boolean {
    if (text === "" && body !== undefined) return this.write(body);
    const size = body === undefined ? 0 : body.length;
    const all = Buffer.allocUnsafe(text.length + size);
    all.write(text, 0, "latin1");
    if (size > 0) all.set(body as Uint8Array, text.length);
    return this.write(all);
  }

  write(chunk: Uint8Array): boolean {
    if (this.#isClosed) return true;
    if (this.#socket === undefined || this.#waiting.length > 0) {
      this.#waiting.push(chunk);
      return false;
    }
    return this.#send(chunk);
  }

  destroy(): void {
    if (this.#isClosed) return;
    this.#socket?.terminate();
    this.#close();
  }

  pause(): void {
    this.#reading.pause();
  }

  resume(): void {
    this.#reading.resume();
  }

  #open(socket: Socket<BunTcpSocket>): void {
    if (this.#isClosed) {
      socket.terminate();
      return;
    }
    clearTimeout(this.#timer);
    this.#socket = socket;
    socket.setNoDelay(true);
    this.#reading.open(socket);
    const hasWaiting = this.#waiting.length > 0;
    const isFlushed = this.#flush();
    this.#handlers.onOpen();
    if (hasWaiting && isFlushed && !this.#isClosed) this.#handlers.onDrain();
  }

  /** What the system does not take waits here. */
  #send(chunk: Uint8Array): boolean {
    const taken = (this.#socket as Socket<BunTcpSocket>).write(chunk);
    if (taken === chunk.length) return true;
    this.#waiting.unshift(taken > 0 ? chunk.subarray(taken) : chunk);
    return false;
  }

  #flush(): boolean {
    while (this.#waiting.length > 0) if (!this.#send(this.#waiting.shift() as Uint8Array)) return false;
    return true;
  }

  #drain(): void {
    if (!this.#isClosed && this.#flush()) this.#handlers.onDrain();
  }

  #close(error?: TcpError): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#reading.close();
    clearTimeout(this.#timer);
    this.#waiting = [];
    // portable: Bun reports some failed dials before its connect returns.
    if (this.#isMade) this.#handlers.onClose(error);
    else queueMicrotask(() => this.#handlers.onClose(error));
  }
}

function tcpError(error: Error): TcpError {
  const code = (error as { code?: unknown }).code;
  return Object.assign(error, { code: typeof code === "string" ? code : "UNKNOWN" });
}

import type { UpgradeResponse } from "../../kit/websocket/upgrade-response.ts";
import type { RequestInfo } from "../types.ts";
import { refusalText } from "./http1-answer.ts";
import { Exchange, type ExchangeHost, type ExchangeLine, mostUnread } from "./http1-exchange.ts";
import { chunked, HeaderBlock, Refusal, readRequestLine, refuseBareFeed } from "./http1-head.ts";
import { Outbox, type Sender } from "./http1-outbox.ts";
import { WireWebSocket } from "./websocket-bun.ts";

/** The socket below a connection. */
export interface Wire extends Sender {
  pause(): void;
  resume(): void;
  /** Ends our side; the peer may still send. */
  finish(): void;
  /** Ends both sides; what was written still arrives, unless the peer goes on sending. */
  close(): void;
  /** Ends both sides, whatever was written. */
  destroy(): void;
  readonly info: RequestInfo;
}

/** What the connections of one listener share. */
export interface ConnectionHost extends ExchangeHost {
  readonly maxMessageBytes: number;
  /** Calls back after so many milliseconds, without keeping the process alive; the answer cancels. */
  after(ms: number, call: () => void): () => void;
  closed(connection: Http1Connection): void;
}

/** compat: pkg/api/http/server.go gives a header ten seconds. */
const headerMs = 10_000;
/** How long a peer may take to read a last answer while it still sends. */
const lingerMs = 1000;
/** Bytes of requests that wait for the answer to an earlier one. */
const mostAhead = 65_536;
const headEnd = Buffer.from("\r\n\r\n");

/** One connection of an HTTP/1.1 server: requests one after the other, also when they come ahead of the answers. */
export class Http1Connection implements ExchangeLine {
  readonly #wire: Wire;
  readonly #host: ConnectionHost;
  readonly #outbox: Outbox;
  #held: Uint8Array | undefined;
  #blockText = "";
  #block: HeaderBlock | undefined;
  #exchange: Exchange | undefined;
  #webSocket: WireWebSocket | undefined;
  #unread = 0;
  #isRetired = false;
  #peerEnded = false;
  #isPaused = false;
  /** Nothing is taken any more; when all is sent the connection closes, at once or once the peer had time to read. */
  #ending: "close" | "linger" | undefined;
  isClosed = false;
  #cancelTimer: (() => void) | undefined;

  constructor(wire: Wire, host: ConnectionHost) {
    this.#wire = wire;
    this.#host = host;
    this.#outbox = new Outbox(wire);
  }

  receive(chunk: Uint8Array): void {
    if (this.#webSocket !== undefined) this.#webSocket.receive(chunk);
    else if (this.#ending === undefined && !this.isClosed) {
      const rest = this.#exchange?.body?.isDone === false ? this.#feed(this.#exchange, chunk) : chunk;
      if (rest === undefined) return;
      if (this.#exchange === undefined) this.#advance(rest);
      else this.#hold(rest);
    }
  }

  /** The peer sends no more. compat: a request under way is aborted as in Go, and may still be answered. */
  peerEnded(): void {
    this.#peerEnded = true;
    if (this.#ending !== undefined) {
      if (this.#outbox.isEmpty) this.#finished();
    } else if (this.#exchange === undefined) this.#end("close");
    else this.#exchange.abort();
  }

  /** The system takes bytes again. */
  writable(): void {
    if (!this.#outbox.flush()) return;
    if (this.#ending !== undefined) this.#finished();
    else if (this.#webSocket !== undefined) this.#webSocket.drained();
    else if (this.#exchange?.isAnswered) this.answered(this.#exchange);
  }

  /** The socket is gone. */
  gone(): void {
    if (this.isClosed) return;
    this.isClosed = true;
    this.#cancelTimer?.();
    this.#held = undefined;
    this.#outbox.drop();
    this.#exchange?.abort();
    this.#webSocket?.gone();
    this.#host.closed(this);
  }

  /** Ends with the answer to the request under way; at once without one. */
  retire(): void {
    this.#isRetired = true;
    if (this.#webSocket !== undefined) this.#webSocket.close(1001, "the server goes away");
    else if (this.#exchange === undefined) this.#end("close");
  }

  cut(): void {
    // The close frame of a WebSocket shall still arrive; half an answer shall not look whole.
    if (this.#webSocket !== undefined && this.#outbox.isEmpty) this.#wire.close();
    else this.#wire.destroy();
    this.gone();
  }

  get isLeaving(): boolean {
    return this.#isRetired || this.#peerEnded || this.#ending !== undefined;
  }
  get info(): RequestInfo {
    return this.#wire.info;
  }

  send(bytes: Uint8Array, length: number): void {
    if (!this.isClosed) this.#outbox.send(bytes, length);
  }

  sendKept(bytes: Uint8Array): void {
    if (!this.isClosed) this.#outbox.sendKept(bytes);
  }

  room(): Promise<void> | undefined {
    return this.isClosed ? undefined : this.#outbox.room();
  }

  pause(): void {
    if (this.#isPaused) return;
    this.#isPaused = true;
    this.#wire.pause();
  }

  resume(): void {
    if (!this.#isPaused) return;
    this.#isPaused = false;
    this.#wire.resume();
  }

  /** Goes on to the next request once the answer is out and the body is in, or ends. */
  answered(exchange: Exchange): void {
    if (this.#exchange !== exchange || this.isClosed || this.#ending !== undefined) return;
    const isHalf = exchange.body?.isDone === false;
    if (exchange.mustClose || this.isLeaving) {
      this.#end(isHalf || this.#held !== undefined ? "linger" : "close");
      return;
    }
    // A peer that does not read its answers gets no further ones.
    if (!this.#outbox.isEmpty) return;
    if (isHalf) {
      exchange.body?.discard();
      return;
    }
    this.#exchange = undefined;
    this.resume();
    if (this.#held !== undefined && !this.#isAdvancing) this.#advance(undefined);
  }

  upgraded({ taker }: UpgradeResponse): void {
    this.#exchange = undefined;
    const wire = {
      write: (bytes: Uint8Array) => {
        this.send(bytes, bytes.length);
        return this.isClosed || this.#outbox.isEmpty;
      },
      pause: () => this.pause(),
      resume: () => this.resume(),
      close: () => this.#end("close"),
      destroy: () => this.cut(),
      after: this.#host.after,
    };
    this.#webSocket = new WireWebSocket(wire, taker, this.#host.maxMessageBytes);
    const early = this.#held;
    this.#held = undefined;
    this.resume();
    if (early !== undefined) this.#webSocket.receive(early);
  }

  /** A peer that still sends would lose the last answer if both sides were closed under it: it gets time to read. */
  #end(how: "close" | "linger"): void {
    if (this.#ending !== undefined || this.isClosed) return;
    this.#ending = how;
    this.#held = undefined;
    this.#cancelTimer?.();
    this.resume();
    if (this.#outbox.isEmpty) this.#finished();
  }

  #finished(): void {
    if (this.isClosed) return;
    if (this.#ending === "close" || this.#peerEnded) {
      this.#wire.close();
      this.gone();
      return;
    }
    this.#wire.finish();
    this.#cancelTimer?.();
    this.#cancelTimer = this.#host.after(lingerMs, () => this.cut());
  }

  #hold(chunk: Uint8Array): void {
    this.#held = this.#held === undefined ? chunk : Buffer.concat([this.#held, chunk]);
    if (this.#held.length > mostAhead) this.pause();
  }

  #isAdvancing = false;

  /** Takes requests from what was held back and `chunk` behind it, until one is under way or no more is there. */
  #advance(chunk: Uint8Array | undefined): void {
    let bytes = chunk;
    if (this.#held !== undefined) {
      bytes = bytes === undefined ? this.#held : Buffer.concat([this.#held, bytes]);
      this.#held = undefined;
    }
    this.#isAdvancing = true;
    try {
      while (bytes !== undefined && bytes.length > 0 && !this.isClosed && this.#ending === undefined) {
        if (this.#exchange !== undefined) {
          this.#hold(bytes);
          break;
        }
        bytes = this.#read(bytes as Buffer);
      }
    } catch (error) {
      this.#refuse(error);
    }
    this.#isAdvancing = false;
  }

  /** Begins the request at the start of the bytes; the answer is what comes behind it, undefined while its header is not complete. */
  #read(bytes: Buffer): Uint8Array | undefined {
    let from = 0;
    while (bytes[from] === 13 && bytes[from + 1] === 10) from += 2;
    const end = bytes.indexOf(headEnd, from);
    const size = (end < 0 ? bytes.length : end + headEnd.length) - from;
    if (size > this.#host.maxHeaderBytes) throw new Refusal(431, "");
    if (end < 0) {
      refuseBareFeed(bytes, from);
      if (from === bytes.length) return undefined;
      this.#held = bytes.subarray(from);
      this.#cancelTimer ??= this.#host.after(headerMs, () => this.cut());
      return undefined;
    }
    this.#cancelTimer?.();
    this.#cancelTimer = undefined;
    const text = bytes.toString("latin1", from, end);
    const lineEnd = text.indexOf("\r\n");
    const first = readRequestLine(lineEnd < 0 ? text : text.slice(0, lineEnd));
    const block = this.#blockOf(lineEnd < 0 ? "" : text.slice(lineEnd + 2));
    if (first.minor > 0 && block.hosts === 0) throw new Refusal(400, "missing required Host header");
    if (first.minor === 0 && block.length === chunked) throw new Refusal(400, "chunked body in HTTP/1.0");
    const start = end + headEnd.length;
    let rest = start < bytes.length ? bytes.subarray(start) : undefined;
    const exchange = new Exchange(this, this.#host, first, block, rest === undefined);
    this.#exchange = exchange;
    this.#unread = 0;
    if (rest !== undefined && exchange.body?.isDone === false) {
      const used = exchange.body.feed(rest);
      rest = used < rest.length ? rest.subarray(used) : undefined;
    }
    exchange.serve();
    return rest;
  }

  /** Clients send the same header over and over: the last one is remembered. */
  #blockOf(text: string): HeaderBlock {
    if (this.#block === undefined || text !== this.#blockText) {
      this.#block = new HeaderBlock(text, this.#block);
      this.#blockText = text;
    }
    return this.#block;
  }

  /** Body bytes of the request under way; the answer is what comes behind them. */
  #feed(exchange: Exchange, chunk: Uint8Array): Uint8Array | undefined {
    const body = exchange.body as NonNullable<Exchange["body"]>;
    let used: number;
    try {
      used = body.feed(chunk);
    } catch (error) {
      this.#refuse(error);
      return undefined;
    }
    if (exchange.isAnswered) {
      this.#unread += used;
      if (body.isDone) this.answered(exchange);
      else if (this.#unread > mostUnread) this.#end("linger");
    }
    return used < chunk.length ? chunk.subarray(used) : undefined;
  }

  #refuse(error: unknown): void {
    const { status, message } = error instanceof Refusal ? error : { status: 400, message: "" };
    const exchange = this.#exchange;
    if (exchange?.hasBegun === true && !exchange.isAnswered) {
      this.cut();
      return;
    }
    if (exchange?.hasBegun !== true) {
      const text = Buffer.from(refusalText(status, message), "latin1");
      this.send(text, text.length);
    }
    this.#end("linger");
    exchange?.abort();
  }
}

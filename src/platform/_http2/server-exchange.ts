import type { HeaderList, ServerStream } from "../types.ts";
import { errorCode } from "./frame.ts";
import type { FrameWriter } from "./frame-writer.ts";
import type { Http2Stream, StreamEvents } from "./stream.ts";

/** Who is at the other end of a connection. */
export interface Peer {
  readonly remoteAddress: string;
  /** In DER; absent without TLS or without a certificate. */
  readonly peerCertificate?: Uint8Array | undefined;
}

type ResponseHeaders = HeaderList & { readonly ":status": string };

/** A stream of a server's connection as the contract has it. */
export class ServerExchange implements ServerStream {
  readonly headers: HeaderList;
  onData: ((chunk: Uint8Array) => void) | null = null;
  onEnd: ((trailers: HeaderList) => void) | null = null;
  onReset: ((code: number) => void) | null = null;
  onDrain: (() => void) | null = null;
  readonly #stream: Http2Stream;
  readonly #writer: FrameWriter;
  readonly #peer: Peer;
  /** Response headers that are not sent yet, so that a bare `end` in the same turn makes one frame of both. */
  #held: ResponseHeaders | null = null;
  #responded = false;
  #ended = false;

  constructor(stream: Http2Stream, headers: HeaderList, writer: FrameWriter, peer: Peer) {
    this.#stream = stream;
    this.#writer = writer;
    this.headers = headers;
    this.#peer = peer;
    stream.events = new ExchangeEvents(this);
  }

  get path(): string {
    return (this.headers[":path"] as string | undefined) ?? "";
  }
  get remoteAddress(): string {
    return this.#peer.remoteAddress;
  }
  get peerCertificate(): Uint8Array | undefined {
    return this.#peer.peerCertificate;
  }
  get method(): string {
    return (this.headers[":method"] as string | undefined) ?? "";
  }

  pause(): void {
    this.#stream.pause();
  }
  resume(): void {
    this.#stream.resume();
  }

  respond(headers: ResponseHeaders): void {
    if (this.#responded || this.#stream.isGone) return;
    this.#responded = true;
    this.#held = headers;
    queueMicrotask(() => {
      if (this.#held !== null) this.#guarded(() => this.#sendHeaders(false));
    });
  }

  write(chunk: Uint8Array, behind?: Uint8Array): boolean {
    if (this.#ended || this.#stream.isGone) return true;
    if (this.#held !== null) this.#sendHeaders(false);
    return this.#stream.write(chunk, behind);
  }

  end(trailers?: HeaderList): void {
    if (this.#ended || this.#stream.isGone) return;
    this.#ended = true;
    if (this.#held !== null) {
      this.#sendHeaders(trailers === undefined);
      if (trailers === undefined) return;
    }
    this.#guarded(() => this.#stream.end(trailers));
  }

  reset(code: number): void {
    this.#held = null;
    this.#stream.reset(code);
  }

  /** The stream is gone: its handler hears of it, unless it has answered to the end. */
  lost(code: number): void {
    this.#held = null;
    if (!this.#stream.localEnded) this.onReset?.(code);
  }

  /** The whole answer was sent. A request that is still coming is of no use any more: RFC 9113 8.1 asks to stop it. */
  sent(): void {
    const stream = this.#stream;
    if (stream.remoteEnded) return;
    setImmediate(() => {
      if (!stream.remoteEnded) stream.reset(errorCode.noError);
    });
  }

  #sendHeaders(endStream: boolean): void {
    const headers = this.#held as ResponseHeaders;
    this.#held = null;
    this.#writer.headers(this.#stream.id, headers, endStream);
    if (endStream) this.#stream.endedWithHeaders();
  }

  /** Runs something that throws for headers that HTTP/2 forbids, when no caller is there to catch it. */
  #guarded(send: () => void): void {
    try {
      send();
    } catch {
      this.#stream.cut(errorCode.internal);
    }
  }
}

/** What its stream tells an exchange. A class, not closures: each call has one. */
class ExchangeEvents implements StreamEvents {
  readonly #exchange: ServerExchange;

  constructor(exchange: ServerExchange) {
    this.#exchange = exchange;
  }
  onData(chunk: Uint8Array): void {
    this.#exchange.onData?.(chunk);
  }
  onEnd(trailers: HeaderList): void {
    this.#exchange.onEnd?.(trailers);
  }
  onReset(code: number): void {
    this.#exchange.lost(code);
  }
  onDrain(): void {
    this.#exchange.onDrain?.();
  }
  onSent(): void {
    this.#exchange.sent();
  }
}

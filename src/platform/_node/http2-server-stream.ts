import type { OutgoingHttpHeaders, ServerHttp2Stream } from "node:http2";
import type { HeaderList, ServerStream } from "../types.ts";
import { noHeaders, type ReceivedHeaders, receivedHeaders } from "./http2-headers.ts";

const noError = 0;
const internalError = 2;

/** What a stream needs of its connection. */
export interface ServerConnection {
  readonly remoteAddress: string;
  readonly peerCertificate: Uint8Array | undefined;
  /** To be called after every write. */
  readonly kick: () => void;
  /** The peer reset a stream. */
  readonly peerReset: () => void;
  readonly streams: Set<Http2ServerStream>;
}

type ResponseHeaders = HeaderList & { readonly ":status": string };

/** The contract's lists are read only, the runtime's types are not; it does not change them. */
const outgoing = (headers: HeaderList) => headers as OutgoingHttpHeaders;

/** One stream of `node:http2` as the contract has it. */
export class Http2ServerStream implements ServerStream {
  readonly headers: HeaderList;
  onData: ((chunk: Uint8Array) => void) | null = null;
  onEnd: ((trailers: HeaderList) => void) | null = null;
  onReset: ((code: number) => void) | null = null;
  onDrain: (() => void) | null = null;
  readonly #stream: ServerHttp2Stream;
  readonly #connection: ServerConnection;
  /** Response headers that are not sent yet, so that a bare `end` in the same turn makes one frame of both. */
  #held: ResponseHeaders | null = null;
  #responded = false;
  #ended = false;
  #trailers: HeaderList = noHeaders;
  #requestTrailers: HeaderList = noHeaders;
  #requestEnded = false;
  #responseSent = false;
  #dead = false;

  constructor(
    stream: ServerHttp2Stream,
    headers: ReceivedHeaders,
    raw: readonly string[],
    connection: ServerConnection,
  ) {
    this.#stream = stream;
    this.#connection = connection;
    this.headers = receivedHeaders(headers, raw);
    connection.streams.add(this);
    stream.on("error", () => {});
    stream.on("close", () => this.lost(stream.rstCode ?? noError));
    stream.on("aborted", () => {
      connection.peerReset();
      this.lost(stream.rstCode ?? noError);
    });
  }

  /** Starts the flow of events, after the handler has assigned its callbacks. */
  start(): void {
    const stream = this.#stream;
    stream.on("trailers", (trailers: ReceivedHeaders, _flags: number, raw?: string[]) => {
      this.#requestTrailers = receivedHeaders(trailers, raw);
    });
    stream.on("end", () => {
      // An aborted stream ends too; `lost` tells about that one.
      if (this.#dead || this.#requestEnded || (stream.rstCode ?? noError) !== noError) return;
      this.#requestEnded = true;
      this.onEnd?.(this.#requestTrailers);
    });
    stream.on("data", (chunk: Uint8Array) => {
      if (!this.#dead) this.onData?.(chunk);
    });
  }

  get path(): string {
    return (this.headers[":path"] as string | undefined) ?? "";
  }
  get method(): string {
    return (this.headers[":method"] as string | undefined) ?? "";
  }
  get remoteAddress(): string {
    return this.#connection.remoteAddress;
  }
  get peerCertificate(): Uint8Array | undefined {
    return this.#connection.peerCertificate;
  }

  pause(): void {
    this.#stream.pause();
  }
  resume(): void {
    this.#stream.resume();
  }

  respond(headers: ResponseHeaders): void {
    if (this.#responded || this.#dead) return;
    this.#responded = true;
    this.#held = headers;
    queueMicrotask(() => {
      if (this.#held === null) return;
      this.#guarded(() => this.#sendHeaders(true));
    });
  }

  write(chunk: Uint8Array, behind?: Uint8Array): boolean {
    const stream = this.#stream;
    if (this.#dead || this.#ended) return true;
    if (this.#held !== null) this.#sendHeaders(true);
    if (stream.destroyed || stream.writableEnded) return true;
    let more = stream.write(chunk);
    if (behind !== undefined) more = stream.write(behind);
    if (!more) stream.once("drain", () => this.onDrain?.());
    this.#connection.kick();
    return more;
  }

  end(trailers?: HeaderList): void {
    if (this.#dead || this.#ended) return;
    this.#ended = true;
    if (trailers !== undefined) this.#trailers = trailers;
    if (this.#held !== null) {
      if (trailers === undefined) {
        this.#responseSent = true;
        this.#sendHeaders(false);
        this.#sent();
        return;
      }
      this.#sendHeaders(true);
    }
    if (!this.#stream.destroyed) this.#stream.end();
    this.#connection.kick();
  }

  reset(code: number): void {
    if (this.#dead) return;
    this.#dead = true;
    this.#connection.streams.delete(this);
    this.#abandon(code);
  }

  /** The stream is gone, by the peer's will or with its connection. */
  lost(code: number): void {
    if (this.#dead) return;
    this.#dead = true;
    this.#held = null;
    this.#connection.streams.delete(this);
    if (!this.#responseSent) this.onReset?.(code);
  }

  /** Resets the stream and tells its handler. */
  cut(code: number): void {
    if (this.#dead) return;
    const tell = !this.#responseSent;
    this.reset(code);
    if (tell) this.onReset?.(code);
  }

  #sendHeaders(more: boolean): void {
    const headers = this.#held as ResponseHeaders;
    this.#held = null;
    const stream = this.#stream;
    if (stream.destroyed || stream.closed) return;
    if (!more) {
      stream.respond(outgoing(headers), { endStream: true });
      return;
    }
    // Always on: without it a reset would send END_STREAM first, and the peer would take half a response for a whole one.
    stream.on("wantTrailers", () => {
      if (this.#dead) return;
      this.#responseSent = true;
      this.#guarded(() => stream.sendTrailers(outgoing(this.#trailers)));
      this.#sent();
    });
    stream.respond(outgoing(headers), { waitForTrailers: true });
  }

  /** The whole response is handed to the session. A request that is still coming is of no use any more: RFC 9113 8.1 asks to stop it. */
  #sent(): void {
    this.#connection.kick();
    if (this.#requestEnded) return;
    setImmediate(() => {
      if (!this.#requestEnded && !this.#stream.destroyed && !this.#stream.closed) this.#stream.close(noError);
    });
  }

  /** Runs something that throws for headers that HTTP/2 forbids, when no caller is there to catch it. */
  #guarded(send: () => void): void {
    try {
      send();
    } catch {
      if (this.#dead) return;
      this.#responseSent = false;
      this.cut(internalError);
    }
  }

  #abandon(code: number): void {
    const stream = this.#stream;
    this.#held = null;
    if (stream.destroyed || stream.closed) return;
    // portable: Bun sends DATA without HEADERS when a stream is closed before it responded, which breaks the peer's connection.
    if ("Bun" in globalThis && !stream.headersSent) {
      const type = this.headers["content-type"];
      const grpc = typeof type === "string" && type.startsWith("application/grpc") ? { "content-type": type } : {};
      stream.on("wantTrailers", () => {});
      stream.respond({ ":status": "200", ...grpc }, { waitForTrailers: true });
    }
    stream.close(code);
  }
}

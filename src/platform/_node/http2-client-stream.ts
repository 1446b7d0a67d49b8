import type { ClientHttp2Stream } from "node:http2";
import { streamError } from "../_http2/stream-error.ts";
import type { ClientStream, ClientStreamHandlers, HeaderList } from "../types.ts";
import { noHeaders, type ReceivedHeaders, receivedHeaders } from "./http2-headers.ts";

const noError = 0;
const refusedStream = 7;
const cancel = 8;

/** What a stream needs of its connection. */
export interface ClientConnection {
  readonly open: (headers: HeaderList, waitForTrailers: boolean) => ClientHttp2Stream;
  readonly kick: () => void;
  readonly streams: Set<Http2ClientStream>;
  /** The connection was established, so bytes of a stream may have left. */
  ready: boolean;
  /** Why the connection failed. */
  failure: Error | undefined;
  /** The last stream the peer said it would process, once it said so. */
  lastStream: number | undefined;
}

/** One request over `node:http2` as the contract has it. */
export class Http2ClientStream implements ClientStream {
  readonly #connection: ClientConnection;
  readonly #handlers: ClientStreamHandlers;
  /** Request headers that are not sent yet: whether a body follows is known at the first `write` or `end`, or at the end of the turn. */
  #held: HeaderList | null;
  #stream: ClientHttp2Stream | null = null;
  #trailers: HeaderList = noHeaders;
  #paused = false;
  #done = false;

  constructor(headers: HeaderList, connection: ClientConnection, handlers: ClientStreamHandlers) {
    this.#held = headers;
    this.#connection = connection;
    this.#handlers = handlers;
    connection.streams.add(this);
    queueMicrotask(() => this.#open(true));
  }

  write(chunk: Uint8Array, behind?: Uint8Array): boolean {
    const stream = this.#open(true);
    if (stream === null || stream.destroyed || stream.writableEnded) return true;
    let more = stream.write(chunk);
    if (behind !== undefined) more = stream.write(behind);
    if (!more) stream.once("drain", () => this.#done || this.#handlers.onDrain?.());
    this.#connection.kick();
    return more;
  }
  end(chunk?: Uint8Array): void {
    const stream = this.#open(false);
    if (stream === null || stream.destroyed || stream.writableEnded) return;
    if (chunk === undefined) stream.end();
    else stream.end(chunk);
    this.#connection.kick();
  }
  reset(code: number): void {
    if (this.#done) return;
    this.#held = null;
    this.#finish();
    if (this.#stream !== null && !this.#stream.destroyed) this.#stream.close(code);
  }
  pause(): void {
    this.#paused = true;
    this.#stream?.pause();
  }
  resume(): void {
    this.#paused = false;
    this.#stream?.resume();
  }

  /** The stream is gone before its response was complete. */
  lost(cause: Error | undefined): void {
    if (this.#done) return;
    this.#held = null;
    this.#finish();
    const code = this.#stream?.rstCode ?? noError;
    const id = this.#stream?.id;
    const { lastStream, ready } = this.#connection;
    if (!ready || id === undefined) {
      const failure = this.#connection.failure ?? cause;
      this.#handlers.onError(streamError(failure?.message ?? "the connection was lost", false, undefined, failure));
      return;
    }
    const processed = code !== refusedStream && (lastStream === undefined || id <= lastStream);
    const reason =
      cause?.message ?? (code === noError ? "the connection was lost" : `the peer reset it with code ${code}`);
    this.#handlers.onError(streamError(reason, processed, code === noError ? undefined : code, cause));
  }

  /** Fails the stream and tells the peer. */
  cut(cause: Error): void {
    const stream = this.#stream;
    this.lost(cause);
    if (stream !== null && !stream.destroyed && !stream.closed) stream.close(cancel);
  }

  #open(body: boolean): ClientHttp2Stream | null {
    if (this.#done) return null;
    if (this.#held === null) return this.#stream;
    const headers = this.#held;
    this.#held = null;
    try {
      // With a body to come, the end of the request is ours to send: otherwise a reset would send END_STREAM first, and the
      // peer would take half a request for a whole one.
      const stream = this.#connection.open(headers, body);
      this.#stream = stream;
      this.#listen(stream);
      if (body)
        stream.on("wantTrailers", () => {
          if (!this.#done && !stream.destroyed) stream.sendTrailers({});
        });
      return stream;
    } catch (error) {
      queueMicrotask(() => this.lost(error as Error));
      return null;
    }
  }

  #listen(stream: ClientHttp2Stream): void {
    let failure: Error | undefined;
    stream.on("response", (headers: ReceivedHeaders, _flags: number, raw?: string[]) => {
      if (this.#done) return;
      this.#handlers.onHeaders(receivedHeaders(headers, raw));
      // portable: listening earlier makes Deno deliver data before the headers.
      stream.on("data", (chunk: Uint8Array) => {
        if (!this.#done) this.#handlers.onData(chunk);
      });
      if (this.#paused) stream.pause();
    });
    stream.on("trailers", (trailers: ReceivedHeaders, _flags: number, raw?: string[]) => {
      this.#trailers = receivedHeaders(trailers, raw);
    });
    stream.on("end", () => {
      // A stream that was reset ends too; `close` tells about that one.
      if (this.#done || (stream.rstCode ?? noError) !== noError || stream.pending) return;
      this.#finish();
      this.#handlers.onEnd(this.#trailers);
      // The peer needs no more of the request.
      if (!stream.writableEnded && !stream.destroyed) stream.close(noError);
    });
    stream.on("error", (error: Error) => {
      failure ??= error;
    });
    stream.on("close", () => {
      if (this.#connection.ready) this.lost(failure);
      // The connection's own error comes after its streams', and says more.
      else setImmediate(() => this.lost(failure));
    });
  }

  #finish(): void {
    this.#done = true;
    this.#connection.streams.delete(this);
  }
}

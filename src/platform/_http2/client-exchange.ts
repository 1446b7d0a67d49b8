import type { ClientStream, ClientStreamHandlers, HeaderList } from "../types.ts";
import { errorCode } from "./frame.ts";
import type { Http2Session } from "./session.ts";
import type { Http2Stream, StreamEvents } from "./stream.ts";
import { streamError } from "./stream-error.ts";

/** What a request needs to know of its connection. */
export interface ClientLink {
  readonly session: Http2Session;
  /** The connection was established, so bytes of a stream may have left. */
  isReady: boolean;
}

/** One request on a client's connection as the contract has it. */
export class ClientExchange implements ClientStream, StreamEvents {
  readonly #link: ClientLink;
  readonly #handlers: ClientStreamHandlers;
  #stream: Http2Stream | null = null;
  #done = false;

  constructor(headers: HeaderList, link: ClientLink, handlers: ClientStreamHandlers) {
    this.#link = link;
    this.#handlers = handlers;
    try {
      this.#stream = link.session.open(headers, this);
    } catch (error) {
      queueMicrotask(() => this.#fail(streamError((error as Error).message, false, undefined, error)));
    }
  }

  write(chunk: Uint8Array, behind?: Uint8Array): boolean {
    return this.#stream?.write(chunk, behind) ?? true;
  }
  end(chunk?: Uint8Array): void {
    if (chunk === undefined) this.#stream?.end();
    else this.#stream?.endWith(chunk);
  }
  reset(code: number): void {
    if (this.#done) return;
    this.#done = true;
    this.#stream?.reset(code);
  }
  pause(): void {
    this.#stream?.pause();
  }
  resume(): void {
    this.#stream?.resume();
  }

  onHeaders(list: HeaderList): void {
    if (!this.#done) this.#handlers.onHeaders(list);
  }
  onData(chunk: Uint8Array): void {
    if (!this.#done) this.#handlers.onData(chunk);
  }
  onDrain(): void {
    if (!this.#done) this.#handlers.onDrain?.();
  }

  onEnd(trailers: HeaderList): void {
    if (this.#done) return;
    this.#done = true;
    this.#handlers.onEnd(trailers);
    // The peer needs no more of the request.
    if (this.#stream !== null && !this.#stream.localEnded) this.#stream.reset(errorCode.noError);
  }

  onReset(code: number, cause: Error | undefined): void {
    const { session, isReady } = this.#link;
    const id = this.#stream?.id ?? 0;
    if (!isReady || id === 0) {
      const failure = session.failure ?? cause;
      this.#fail(streamError(failure?.message ?? "the connection was lost", false, undefined, failure));
      return;
    }
    const processed =
      code !== errorCode.refusedStream && (session.lastProcessed === undefined || id <= session.lastProcessed);
    if (session.isClosed) {
      this.#fail(streamError(session.failure?.message ?? "the connection was lost", processed, undefined, cause));
      return;
    }
    this.#fail(streamError(cause?.message ?? `the peer reset it with code ${code}`, processed, code, cause));
  }

  #fail(error: ReturnType<typeof streamError>): void {
    if (this.#done) return;
    this.#done = true;
    this.#handlers.onError(error as never);
  }
}

import type { ClientStream, ClientStreamHandlers, HeaderList } from "../types.ts";
import { errorCode } from "./frame.ts";
import type { Http2Session } from "./session.ts";
import type { Http2Stream } from "./stream.ts";
import { streamError } from "./stream-error.ts";

/** What a request needs to know of its connection. */
export interface ClientLink {
  readonly session: Http2Session;
  readonly exchanges: Set<ClientExchange>;
  /** The connection was established, so bytes of a stream may have left. */
  isReady: boolean;
}

/** One request on a client's connection as the contract has it. */
export class ClientExchange implements ClientStream {
  readonly #link: ClientLink;
  readonly #handlers: ClientStreamHandlers;
  #stream: Http2Stream | null = null;
  #done = false;

  constructor(headers: HeaderList, link: ClientLink, handlers: ClientStreamHandlers) {
    this.#link = link;
    this.#handlers = handlers;
    link.exchanges.add(this);
    try {
      const stream = link.session.open(headers, {
        onHeaders: (list) => {
          if (!this.#done) handlers.onHeaders(list);
        },
        onData: (chunk) => {
          if (!this.#done) handlers.onData(chunk);
        },
        onEnd: (trailers) => this.#end(trailers),
        onReset: (code, cause) => this.#lost(code, cause),
        onDrain: () => {
          if (!this.#done) handlers.onDrain?.();
        },
      });
      this.#stream = stream;
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
    this.#finish();
    this.#stream?.reset(code);
  }
  pause(): void {
    this.#stream?.pause();
  }
  resume(): void {
    this.#stream?.resume();
  }

  /** Fails the request and tells the peer. */
  cut(cause: Error): void {
    if (this.#done) return;
    const sent = this.#link.isReady && this.#stream !== null && this.#stream.id !== 0;
    this.#stream?.reset(errorCode.cancel);
    this.#fail(streamError(cause.message, sent, undefined, cause));
  }

  #end(trailers: HeaderList): void {
    if (this.#done) return;
    this.#finish();
    this.#handlers.onEnd(trailers);
    // The peer needs no more of the request.
    if (this.#stream !== null && !this.#stream.localEnded) this.#stream.reset(errorCode.noError);
  }

  #lost(code: number, cause: Error | undefined): void {
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
    this.#finish();
    this.#handlers.onError(error as never);
  }

  #finish(): void {
    this.#done = true;
    this.#link.exchanges.delete(this);
  }
}

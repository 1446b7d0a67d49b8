import type { MessageBody } from "../kit/http-message.ts";

/**
 * A request in a pipeline, on its way to the API or to the app, with the members of the web's Request that are of use there.
 * Never changed in place: pass a copy on, `next({ ...request, path: "/other" })`. Plain data, because Request cannot say all
 * that HTTP can (a GET with a body, a path with dot segments).
 */
export interface MiddlewareRequest {
  readonly method: string;
  /** Escaped path with a leading slash, without the query. */
  readonly path: string;
  /** Raw query without the question mark. */
  readonly query: string;
  readonly headers: Headers;
  /** Whoever reads it passes another one on. */
  readonly body: MessageBody;
  readonly caller: MiddlewareCaller;
  /** Aborts when the caller has gone. */
  readonly signal: AbortSignal;
}

/** Who is at the other end of the connection. */
export interface MiddlewareCaller {
  /** Empty where there is none, as on the way to the app. */
  readonly address: string;
  /** 0 when unknown. */
  readonly port: number;
}

/**
 * An answer in a pipeline; a Response is one, so its members are to be named, not spread. Its headers may be changed in place where they allow it (those of a fetched
 * Response do not). Whoever replaces a body reads or cancels the old one.
 */
export interface MiddlewareResponse {
  readonly status: number;
  readonly headers: Headers;
  readonly body: MessageBody;
}

/** The rest of the pipeline, and what it leads to. Rejects when the app gives no answer. */
export type MiddlewareNext = (request: MiddlewareRequest) => Promise<MiddlewareResponse>;

/** A step of the HTTP pipelines. It answers itself, or passes the request (the same or a changed copy) to `next`, at most once. */
export interface HttpMiddleware {
  handle(request: MiddlewareRequest, next: MiddlewareNext): MiddlewareResponse | Promise<MiddlewareResponse>;
  close(): Promise<void>;
}

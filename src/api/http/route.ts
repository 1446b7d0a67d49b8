import type { Call } from "../../kit/call.ts";
import type { HeaderView, RequestInfo } from "../../platform/types.ts";
import type { HttpAnswer } from "./answer.ts";

/** Versions and groups as the allow and deny lists of Configuration `spec.api` name them. */
export type ApiVersion = "v1.0" | "v1.0-alpha1" | "v1.0-beta1" | "v1.0-alpha2";
export type RouteGroup =
  | "state"
  | "invoke"
  | "publish"
  | "bindings"
  | "secrets"
  | "actors"
  | "metadata"
  | "configuration"
  | "lock"
  | "unlock"
  | "crypto"
  | "subtlecrypto"
  | "workflows"
  | "jobs"
  | "conversation"
  | "shutdown"
  | "healthz";

/** One request on the HTTP API, as routes see it. */
export interface HttpRequest {
  /** For what the other members do not give. Its headers may still hold the API token. */
  web(): Request;
  readonly method: string;
  /** Escaped path as received, without the query. */
  readonly path: string;
  /** Raw query without the question mark. */
  readonly query: string;
  readonly headers: HeaderView;
  readonly remoteAddress: string;
  readonly call: Call;
  /** A path parameter, query-unescaped once (`+` is a space, `%2F` a slash). */
  param(name: string): string;
  /** First value of a query parameter, unescaped; undefined when absent. */
  queryValue(name: string): string | undefined;
  /** The `metadata.<k>=<v>` query parameters: first value wins, case kept. */
  metadata(): Record<string, string>;
  /** The whole body, at most the configured limit; throws ApiError-free `BodyTooLarge` with text "stream too large" beyond it. */
  body(): Uint8Array | Promise<Uint8Array>;
  /** The body as a stream that errors with `BodyTooLarge` beyond the limit; null when there is none. */
  stream(): ReadableStream<Uint8Array> | null;
}

export type HttpHandler = (request: HttpRequest) => HttpAnswer | Promise<HttpAnswer>;

/** A route of the HTTP API as data. `path` is relative to the version, for example `/state/:storeName/:key`; a last `*name` takes the rest. */
export interface Route {
  readonly methods: readonly string[];
  readonly version: ApiVersion;
  readonly path: string;
  readonly group: RouteGroup;
  /** Also on the public listener, which has no token and no CORS. */
  readonly isPublic?: boolean;
  /** Exempt from the API token. */
  readonly isOpen?: boolean;
  /** What the API log shows instead of the URL when URLs are hidden, for example `GetState`; the group where absent. */
  readonly logName?: string;
  readonly handle: HttpHandler;
}

/** Answers what no route fits, and may name its calls for the API log. */
export interface Fallback {
  readonly handle: HttpHandler;
  readonly logName?: (request: HttpRequest) => string;
}

/**
 * What stands in front of the routes, from Configuration `spec.httpPipeline`. It answers itself, or passes the request to `next`:
 * as it is, or `changed`. `next` never rejects.
 */
export type HttpPipeline = (
  request: PipelineRequest,
  next: (changed?: Request) => Promise<Response>,
) => Response | Promise<Response>;

export interface PipelineRequest extends HttpRequest {
  /** The headers as the web's; what is changed in them holds for the routes as well. */
  webHeaders(): Headers;
  readonly info: RequestInfo;
}

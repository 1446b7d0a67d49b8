import type { Call, Trace } from "../../kit/call.ts";
import type { HeaderView, RequestInfo, WireRequest } from "../../platform/types.ts";
import { readBody, streamBody } from "./body.ts";
import { parseQuery, queryMetadata } from "./query.ts";
import type { HttpRequest } from "./route.ts";
import type { RouteMatch } from "./router.ts";
import { unescapeQuery } from "./unescape.ts";
import { withoutToken } from "./without-token.ts";

const noPairs: readonly (readonly [string, string])[] = [];

/**
 * One request of the API. Nothing is parsed before somebody asks for it; it is its own Call, which saves an object for each request.
 * portable: Node and workers hand over URLs whose dot segments, `%2e%2e` among them, are already resolved.
 */
export class ApiRequest implements HttpRequest, Call {
  readonly raw: Request | WireRequest;
  readonly path: string;
  readonly query: string;
  /** Set when a route was found. */
  match: RouteMatch | undefined = undefined;
  /** Raw values of the route's parameters. */
  readonly values: string[] = [];
  /** False until the request got past token and middleware. */
  isServed = false;
  /** The API token came with the request and is not for handlers. */
  hidesToken = false;
  readonly #info: RequestInfo;
  readonly #bodyLimit: number;
  #headers: HeaderView | undefined = undefined;
  #trace: Trace | undefined = undefined;
  #pairs: readonly (readonly [string, string])[] | undefined = undefined;

  constructor(raw: Request | WireRequest, info: RequestInfo, bodyLimit: number) {
    this.raw = raw;
    this.#info = info;
    this.#bodyLimit = bodyLimit;
    const isWire = "target" in raw;
    const url = isWire ? raw.target : raw.url;
    const from = isWire ? 0 : url.indexOf("/", url.indexOf("://") + 3);
    const mark = url.indexOf("?", from);
    const hash = url.indexOf("#", mark < 0 ? from : mark);
    const end = hash < 0 ? url.length : hash;
    this.path = url.slice(from, mark < 0 ? end : mark);
    this.query = mark < 0 ? "" : url.slice(mark + 1, end);
  }

  get method(): string {
    return this.raw.method;
  }
  get headers(): HeaderView {
    if (this.#headers !== undefined) return this.#headers;
    if (!this.hidesToken) return this.raw.headers;
    this.#headers = withoutToken(this.raw.headers);
    return this.#headers;
  }
  get remoteAddress(): string {
    return this.#info.remoteAddress;
  }
  get info(): RequestInfo {
    return this.#info;
  }
  get call(): Call {
    return this;
  }
  get signal(): AbortSignal {
    return this.raw.signal;
  }
  get trace(): Trace {
    return (this.#trace ??= incomingTrace(this.raw.headers));
  }
  set trace(trace: Trace) {
    this.#trace = trace;
  }

  param(name: string): string {
    const index = this.match?.names.indexOf(name) ?? -1;
    if (index < 0) throw new Error(`the route has no parameter "${name}"`);
    return unescapeQuery(this.values[index] ?? "");
  }

  queryValue(name: string): string | undefined {
    for (const [key, value] of this.#queryPairs()) if (key === name) return value;
    return undefined;
  }

  metadata(): Record<string, string> {
    return this.query.includes("metadata") || this.query.includes("%") ? queryMetadata(this.#queryPairs()) : {};
  }

  web(): Request {
    return "target" in this.raw ? this.raw.web() : this.raw;
  }

  webHeaders(): Headers {
    if (this.#headers instanceof Headers) return this.#headers;
    const { headers } = this.raw;
    if (headers instanceof Headers && !this.hidesToken) return headers;
    const copy = new Headers();
    this.headers.forEach((value, name) => copy.append(name, value));
    this.#headers = copy;
    return copy;
  }

  body(): Uint8Array | Promise<Uint8Array> {
    return readBody(this.raw, this.#bodyLimit);
  }

  stream(): ReadableStream<Uint8Array> | null {
    return streamBody(this.raw, this.#bodyLimit);
  }

  #queryPairs(): readonly (readonly [string, string])[] {
    return (this.#pairs ??= this.query === "" ? noPairs : parseQuery(this.query));
  }
}

function incomingTrace(headers: HeaderView): Trace {
  return {
    traceparent: headers.get("traceparent") ?? "",
    tracestate: headers.get("tracestate") ?? "",
    baggage: headers.get("baggage") ?? "",
  };
}

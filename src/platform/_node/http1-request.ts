import type { HeaderView, RequestInfo, WireRequest } from "../types.ts";
import type { IncomingBody } from "./http1-body.ts";
import type { HeaderBlock, RequestLine } from "./http1-head.ts";

/** One request of a connection; nothing is made before it is asked for. */
export class Http1Request implements WireRequest, RequestInfo {
  readonly method: string;
  readonly target: string;
  readonly minor: number;
  readonly headers: HeaderView;
  readonly #body: IncomingBody | undefined;
  readonly #info: RequestInfo;
  #controller: AbortController | undefined;
  #isGone = false;
  #whenGone: (() => void) | undefined;

  constructor(line: RequestLine, headers: HeaderBlock, body: IncomingBody | undefined, info: RequestInfo) {
    this.method = line.method;
    this.target = line.target;
    this.minor = line.minor;
    this.headers = headers;
    this.#body = body;
    this.#info = info;
  }

  get remoteAddress(): string {
    return this.#info.remoteAddress;
  }
  get remotePort(): number | undefined {
    return this.#info.remotePort;
  }
  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController();
      if (this.#isGone) this.abort();
    }
    return this.#controller.signal;
  }
  get body(): ReadableStream<Uint8Array> | null {
    return this.#body === undefined ? null : this.#body.stream();
  }

  whole(): Uint8Array | Promise<Uint8Array> {
    return this.#body === undefined ? new Uint8Array(0) : this.#body.whole();
  }

  web(): Request {
    const headers = new Headers();
    this.headers.forEach((value, name) => headers.append(name, value));
    const host = this.headers.get("host") || "localhost";
    const hasBody = this.#body !== undefined && this.method !== "GET" && this.method !== "HEAD";
    // `duplex` is required for streamed bodies and missing in the DOM's types.
    const init = {
      method: this.method,
      headers,
      signal: this.signal,
      body: hasBody ? this.body : null,
      duplex: "half",
    };
    return new Request(`http://${host}${this.target}`, init as RequestInit);
  }

  /** The client has gone. */
  abort(): void {
    this.#isGone = true;
    this.#controller?.abort(new DOMException("the client went away", "AbortError"));
    this.#whenGone?.();
  }

  /** Calls back when the client goes. */
  onGone(call: () => void): void {
    this.#whenGone = call;
    if (this.#isGone) call();
  }
}

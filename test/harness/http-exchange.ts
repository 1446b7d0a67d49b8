import { webResponse } from "../../src/api/http/answer.ts";
import type { HttpRequest, Route } from "../../src/api/http/route.ts";
import { renderHttp } from "../../src/errors/http.ts";

/** One answer of a route, read to its end. */
export interface Exchange {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  readonly bytes: Uint8Array;
  /** The body as JSON; throws when it is none. */
  json(): unknown;
}

export interface SendOptions {
  readonly body?: string | Uint8Array;
  readonly headers?: Readonly<Record<string, string>>;
  /** What reading the body fails with. */
  readonly bodyError?: Error;
}

const unescapeQuery = (text: string): string => decodeURIComponent(text.replaceAll("+", " "));

function match(route: Route, path: string): Map<string, string> | undefined {
  const pattern = `/${route.version}${route.path}`.split("/");
  const segments = path.split("/");
  if (pattern.length !== segments.length) return undefined;
  const params = new Map<string, string>();
  for (const [index, part] of pattern.entries()) {
    if (part.startsWith(":")) params.set(part.slice(1), unescapeQuery(segments[index]!));
    else if (part !== segments[index]) return undefined;
  }
  return params;
}

function request(method: string, target: string, params: Map<string, string>, options: SendOptions): HttpRequest {
  const [path = "", query = ""] = target.split("?");
  const pairs = query === "" ? [] : query.split("&").map((pair) => pair.split("=").map(unescapeQuery));
  const body = typeof options.body === "string" ? new TextEncoder().encode(options.body) : options.body;
  return {
    web: () => new Request("http://localhost/"),
    method,
    path,
    query,
    headers: new Headers({ ...options.headers }),
    remoteAddress: "127.0.0.1",
    call: { signal: new AbortController().signal, trace: { traceparent: "", tracestate: "", baggage: "" } },
    param: (name) => params.get(name) ?? "",
    queryValue: (name) => pairs.find(([key]) => key === name)?.[1],
    metadata: () => {
      const found: Record<string, string> = {};
      for (const [key = "", value = ""] of pairs)
        if (key.startsWith("metadata.")) found[key.slice("metadata.".length)] ??= value;
      return found;
    },
    body: async () => {
      if (options.bodyError !== undefined) throw options.bodyError;
      return body ?? new Uint8Array();
    },
    stream: () => null,
  };
}

/** Sends one request to routes without a server; the path starts with the version. Errors are rendered as the API does. */
export async function sendHttp(
  routes: readonly Route[],
  method: string,
  target: string,
  options: SendOptions = {},
): Promise<Exchange> {
  const [path = ""] = target.split("?");
  const fixedFirst = [...routes].sort((left, right) => left.path.split(":").length - right.path.split(":").length);
  for (const route of fixedFirst) {
    const params = route.methods.includes(method) ? match(route, path) : undefined;
    if (params === undefined) continue;
    let answer: Response;
    try {
      answer = webResponse(await route.handle(request(method, target, params, options)));
    } catch (error) {
      answer = renderHttp(error);
    }
    const bytes = new Uint8Array(await answer.arrayBuffer());
    const text = new TextDecoder().decode(bytes);
    return { status: answer.status, headers: answer.headers, text, bytes, json: () => JSON.parse(text) as unknown };
  }
  throw new Error(`no route for ${method} ${target}`);
}

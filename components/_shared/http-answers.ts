import type { MiddlewareResponse } from "../../src/driver/middleware.ts";

const utf8 = new TextEncoder();
const texts: Readonly<Record<number, string>> = {
  400: "Bad Request",
  401: "Unauthorized",
  403: "Forbidden",
  429: "Too Many Requests",
  500: "Internal Server Error",
};

/** The answer of a middleware that does not let a request pass; `message` replaces the standard text of the status. */
export function refusal(status: number, message = texts[status] ?? ""): MiddlewareResponse {
  return {
    status,
    headers: new Headers({ "content-type": "text/plain; charset=utf-8" }),
    body: utf8.encode(message),
  };
}

/** A 302 without a body. */
export function redirectTo(location: string): MiddlewareResponse {
  return { status: 302, headers: new Headers({ location }), body: null };
}

/** The headers and one more value of `name`. */
export function withHeader(headers: Headers, name: string, value: string): Headers {
  const copy = new Headers(headers);
  copy.append(name, value);
  return copy;
}

/** The answer with more headers: the same one where its headers can be changed. */
export function addHeaders(
  response: MiddlewareResponse,
  lines: readonly (readonly [name: string, value: string])[],
): MiddlewareResponse {
  let { headers } = response;
  let isCopy = false;
  for (const [name, value] of lines) {
    try {
      headers.append(name, value);
    } catch (error) {
      if (isCopy) throw error;
      headers = withHeader(headers, name, value);
      isCopy = true;
    }
  }
  return isCopy ? { status: response.status, headers, body: response.body } : response;
}

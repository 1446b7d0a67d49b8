import { AppUnreachable } from "../../kit/app-channel.ts";
import type { HeaderLines, HttpCall, HttpReply } from "../../kit/http-message.ts";
import type { HttpClient } from "./http1-client.ts";

/** compat: 307 and 308 want the same request once more, body and all; upstream cannot send it again and hands them on. */
const followed: ReadonlySet<number> = new Set([301, 302, 303]);
const mostRedirects = 10;

/** What the next host must not see when it is another one. */
const ownHeaders: ReadonlySet<string> = new Set(["authorization", "cookie", "cookie2", "www-authenticate"]);
const bodyHeaders = /^content-|^transfer-encoding$/i;

/**
 * Sends a request and goes where its answers send it, as Go's client does: from 301 to 303, at most ten
 * times, with a GET without a body. `origin` is where the first request goes, `clientAt` gives the client of any URL.
 */
export function followRedirects(origin: string, clientAt: (url: URL) => Pick<HttpClient, "request">) {
  return async (first: HttpCall, signal: AbortSignal, finished: () => void): Promise<HttpReply> => {
    let call = first;
    let url = new URL(origin);
    for (let count = 1; ; count++) {
      const turn = createTurn(finished);
      const reply = await clientAt(url)
        .request(call, signal, turn.over)
        .catch((error: unknown) => {
          turn.keep();
          throw error;
        });
      const location = locationOf(reply);
      if (location === undefined || !followed.has(reply.status)) {
        turn.keep();
        return reply;
      }
      if (reply.body instanceof ReadableStream) await reply.body.cancel();
      const from = new URL(`${call.path}${call.query === "" ? "" : `?${call.query}`}`, url);
      const verb = call.method === "HEAD" ? "Head" : "Get";
      const fail = (why: string): never => {
        turn.keep();
        throw new AppUnreachable(`${verb} "${location}": ${why}`);
      };
      if (count === mostRedirects) return fail(`stopped after ${mostRedirects} redirects`);
      if (!URL.canParse(location, from)) return fail("the place of the redirect is no URL");
      const next = new URL(location, from);
      if (!/^https?:$/.test(next.protocol)) return fail(`unsupported protocol scheme "${next.protocol.slice(0, -1)}"`);
      call = redirected(call, from, next);
      url = next;
    }
  };
}

/** `finished` of one request: it counts when its answer is the one to keep. */
function createTurn(finished: () => void): { readonly over: () => void; readonly keep: () => void } {
  let isOver = false;
  let isKept = false;
  return {
    over() {
      isOver = true;
      if (isKept) finished();
    },
    keep() {
      isKept = true;
      if (isOver) finished();
    },
  };
}

function locationOf({ headers }: HttpReply): string | undefined {
  const found = headers.find(([name]) => name.toLowerCase() === "location")?.[1] ?? "";
  return found === "" ? undefined : found;
}

function redirected(call: HttpCall, from: URL, next: URL): HttpCall {
  const isSame = from.origin === next.origin;
  const keeps = (name: string): boolean => {
    const lower = name.toLowerCase();
    return (isSame || !ownHeaders.has(lower)) && !bodyHeaders.test(lower) && lower !== "host";
  };
  const headers = call.headers.filter(([name]) => keeps(name));
  return {
    method: call.method === "HEAD" ? "HEAD" : "GET",
    path: next.pathname,
    query: next.search.slice(1),
    headers: withReferer(headers, from, next),
    body: null,
  };
}

function withReferer(headers: HeaderLines, from: URL, next: URL): HeaderLines {
  const rest = headers.filter(([name]) => name.toLowerCase() !== "referer");
  if (from.protocol === "https:" && next.protocol === "http:") return rest;
  return [...rest, ["referer", `${from.origin}${from.pathname}${from.search}`]];
}

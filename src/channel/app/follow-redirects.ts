import { AppUnreachable } from "../../kit/app-channel.ts";
import type { HeaderLines, HttpCall, HttpReply } from "../../kit/http-message.ts";
import type { HttpClient } from "./http1-client.ts";

/** Answers that name another place. Those of the second kind want the same request there, body and all. */
const changing: ReadonlySet<number> = new Set([301, 302, 303]);
const repeating: ReadonlySet<number> = new Set([307, 308]);
const mostRedirects = 10;

/** What the next host must not see when it is another one. */
const ownHeaders: ReadonlySet<string> = new Set(["authorization", "cookie", "cookie2", "www-authenticate"]);
const bodyHeaders = /^content-|^transfer-encoding$/i;

/**
 * Sends a request and goes where its answers send it, as Go's client does: at most ten times, as a GET after 301 to 303, and never
 * with a body. `origin` is where the first request goes, `clientAt` gives the client of any URL.
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
      const isRepeated = repeating.has(reply.status) && call.body === null;
      if (location === undefined || !(changing.has(reply.status) || isRepeated)) {
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
      call = redirected(call, from, next, isRepeated);
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

function redirected(call: HttpCall, from: URL, next: URL, isRepeated: boolean): HttpCall {
  const isSame = from.origin === next.origin;
  const keeps = (name: string): boolean => {
    const lower = name.toLowerCase();
    return (isSame || !ownHeaders.has(lower)) && (isRepeated || !bodyHeaders.test(lower)) && lower !== "host";
  };
  const headers = call.headers.filter(([name]) => keeps(name));
  const method = isRepeated || call.method === "HEAD" ? call.method : "GET";
  return {
    method,
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

import { asksForWebSocket } from "../../kit/websocket/handshake.ts";
import type { HeaderView } from "../../platform/types.ts";
import { type HttpAnswer, textError } from "./answer.ts";
import type { HeaderEdits } from "./whole-answer.ts";

/** What the rules look at. */
type Asked = { readonly method: string; readonly headers: HeaderView };

/** Cross-origin rules of a listener: which requests it answers itself, and which headers it adds to other answers. */
export interface Cors {
  /**
   * The answer to a preflight, or the refusal of a WebSocket for a foreign page, which browsers leave to the server; undefined for
   * any other request.
   */
  preflight(request: Asked): HttpAnswer | undefined;
  /** Adds what an ordinary answer to the request carries. */
  decorate(request: Asked, headers: HeaderEdits): void;
}

const methods: ReadonlySet<string> = new Set(["HEAD", "GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]);

/** Cross-origin rules for `*` or a comma list of origins, each with at most one `*` in it; null for the empty text. */
export function createCors(allowedOrigins: string): Cors | null {
  if (allowedOrigins === "") return null;
  const origins = allowedOrigins.split(",").map((origin) => origin.toLowerCase());
  const isOpen = origins.includes("*");
  const exact = new Set(origins.filter((origin) => !origin.includes("*")));
  const patterns = origins
    .filter((origin) => origin.includes("*"))
    .map((origin) => [origin.slice(0, origin.indexOf("*")), origin.slice(origin.indexOf("*") + 1)] as const);

  /** The value for Access-Control-Allow-Origin; undefined for a foreign origin or none. */
  function allowed(origin: string | null): string | undefined {
    if (origin === null || origin === "") return undefined;
    if (isOpen) return "*";
    const lower = origin.toLowerCase();
    if (exact.has(lower)) return origin;
    const fits = patterns.some(
      ([start, end]) => lower.length >= start.length + end.length && lower.startsWith(start) && lower.endsWith(end),
    );
    return fits ? origin : undefined;
  }

  function isForeignSocket({ method, headers }: Asked): boolean {
    if (isOpen || !asksForWebSocket(method, headers)) return false;
    const origin = headers.get("origin");
    return origin !== null && allowed(origin) === undefined;
  }

  return {
    preflight(request) {
      if (!isPreflight(request)) return isForeignSocket(request) ? textError(403, "origin not allowed") : undefined;
      const method = request.headers.get("access-control-request-method") ?? "";
      const headers = new Headers({ vary: "Origin" });
      headers.append("vary", "Access-Control-Request-Method");
      headers.append("vary", "Access-Control-Request-Headers");
      const origin = allowed(request.headers.get("origin"));
      if (origin !== undefined && methods.has(method.toUpperCase())) {
        headers.set("access-control-allow-origin", origin);
        headers.set("access-control-allow-methods", method.toUpperCase());
        const asked = headerList(request.headers.get("access-control-request-headers") ?? "");
        if (asked !== "") headers.set("access-control-allow-headers", asked);
      }
      return new Response("", { status: 200, headers });
    },
    decorate(request, headers) {
      if (isPreflight(request)) return;
      headers.append("vary", "Origin");
      const origin = allowed(request.headers.get("origin"));
      if (origin !== undefined && methods.has(request.method)) {
        headers.set("access-control-allow-origin", origin);
      }
    },
  };
}

function isPreflight(request: Asked): boolean {
  return request.method === "OPTIONS" && (request.headers.get("access-control-request-method") ?? "") !== "";
}

/** A header list in canonical case, joined as the answer shows it. */
function headerList(text: string): string {
  return text
    .split(/[,\s]+/)
    .filter((name) => name !== "")
    .map((name) => name.toLowerCase().replace(/(^|-)[a-z]/g, (start) => start.toUpperCase()))
    .join(", ");
}

import type { Span } from "../../kit/call.ts";
import { httpStatusText } from "../../kit/http-status-text.ts";
import { tokenHeader } from "../../security/token.ts";
import type { ApiRequest } from "./request.ts";
import type { RouteGroup } from "./route.ts";
import { unescapePath } from "./unescape.ts";

/** Groups whose calls upstream describes as those of a database, by its word for them. */
const databases: Readonly<Partial<Record<RouteGroup, string>>> = {
  state: "state",
  secrets: "secrets",
  bindings: "bindings",
};

/** Ends the span of a request whose answer has this status, with upstream's attributes. compat: `server.*` is the caller's address. */
export function endRequestSpan(span: Span, request: ApiRequest, status: number): void {
  const { method } = request;
  const path = unescapePath(request.path);
  const isCall = request.match === undefined;
  request.raw.headers.forEach((value, name) => {
    // compat: pkg/api/http/directmessaging.go takes the header that names the app away.
    if (isCall && name === "dapr-app-id") return;
    if (name.startsWith("dapr-") && name !== tokenHeader) span.set(name, value);
  });
  describeRoute(span, request, `${method} ${path}`);
  span.set("dapr.protocol", "http");
  span.set("dapr.api", `${method} ${path}`);
  span.set("dapr.status_code", String(status));
  span.set("http.request.method", method);
  span.set("url.full", request.query === "" ? request.path : `${request.path}?${request.query}`);
  span.set("server.address", request.remoteAddress);
  span.set("server.port", String(request.info.remotePort ?? ""));
  if (status >= 400) span.fail(`Code(${status}): ${httpStatusText(status) || "Unknown"}`);
  span.end();
}

/** What the route adds; invocation, whose calls have no route, describes itself. */
function describeRoute(span: Span, request: ApiRequest, statement: string): void {
  const { match } = request;
  if (match === undefined) return;
  const { group } = match.route;
  if (group === "publish") {
    span.set("messaging.system", "pubsub");
    span.set("messaging.destination.name", parameter(request, "topic"));
    return;
  }
  const system = databases[group];
  const [name] = match.names;
  if (system === undefined || name === undefined) return;
  span.set("db.system", system);
  span.set("db.connection_string", system);
  span.set("db.statement", statement);
  span.set("db.name", request.param(name));
}

function parameter(request: ApiRequest, name: string): string {
  return request.match?.names.includes(name) ? request.param(name) : "";
}

import type { Trace } from "../../kit/call.ts";
import type { HeaderLines } from "../../kit/http-message.ts";

export type Lines = (readonly [name: string, value: string])[];

/** Fields of one connection (RFC 9110, 7.6.1), and those that the next hop writes itself. */
const ofConnection = [
  "connection",
  "keep-alive",
  "proxy-connection",
  "transfer-encoding",
  "upgrade",
  "http2-settings",
  "te",
  "trailer",
  "proxy-authorization",
  "proxy-authenticate",
  "content-length",
];
const ofTrace = ["traceparent", "tracestate", "baggage", "grpc-trace-bin"];
const callerApp = "dapr-caller-app-id";
const callerNamespace = "dapr-caller-namespace";
const calleeApp = "dapr-callee-app-id";

const notForApps: ReadonlySet<string> = new Set([
  ...ofConnection,
  ...ofTrace,
  "content-type",
  "host",
  "dapr-app-id",
  "dapr-api-token",
  "destination-app-id",
]);
const stamped: ReadonlySet<string> = new Set([callerApp, callerNamespace, calleeApp]);
const notForCallers: ReadonlySet<string> = new Set([...ofConnection, "content-type"]);
const reserved: ReadonlySet<string> = new Set([":method", ":scheme", ":path", ":authority"]);

/** The names that a Connection field nominates, in lower case; undefined when there are none beyond the usual. */
export function nominated(connection: string | null | undefined): ReadonlySet<string> | undefined {
  if (connection === null || connection === undefined) return undefined;
  const value = connection.toLowerCase();
  if (value === "keep-alive" || value === "close") return undefined;
  return new Set(value.split(",").map((name) => name.trim()));
}

/** True when a request's field goes on to an app. `name` is in lower case. */
export function isForApp(name: string, dropped: ReadonlySet<string> | undefined): boolean {
  return !notForApps.has(name) && !stamped.has(name) && !(dropped?.has(name) ?? false);
}

/** As `isForApp`, for requests of other sidecars, whose stamps are true. */
export function isForAppFromPeer(name: string, dropped: ReadonlySet<string> | undefined): boolean {
  return !notForApps.has(name) && !(dropped?.has(name) ?? false);
}

/** The fields of an app's answer that go on to the caller, with names in lower case, and its content type. */
export function replyLines(headers: HeaderLines): { readonly lines: HeaderLines; readonly contentType: string } {
  let contentType = "";
  let connection: string | undefined;
  for (const [name, value] of headers) {
    if (name === "content-type") contentType = value;
    else if (name === "connection") connection = connection === undefined ? value : `${connection},${value}`;
  }
  const dropped = nominated(connection);
  const lines: Lines = [];
  for (const line of headers) {
    const name = line[0];
    if (!notForCallers.has(name) && !(dropped?.has(name) ?? false)) lines.push(line);
  }
  return { lines, contentType };
}

/**
 * Fields and metadata as an HTTP message shows them: what is binary stays out, names that gRPC reserves get a prefix.
 */
export function asHttp(lines: HeaderLines): HeaderLines {
  let isPlain = true;
  for (const [name] of lines) {
    if (name.endsWith("-bin") || name.startsWith("grpc-") || name.charCodeAt(0) === 0x3a) isPlain = false;
  }
  if (isPlain) return lines;
  const changed: Lines = [];
  for (const [name, value] of lines) {
    if (name.endsWith("-bin")) continue;
    if (reserved.has(name)) changed.push([`dapr-${name.slice(1)}`, value]);
    else changed.push([name.startsWith("grpc-") ? `dapr-${name}` : name, value]);
  }
  return changed;
}

/** compat: pkg/messaging/v1/util.go puts a prefix before these fields when they become gRPC metadata. */
const permanent: ReadonlySet<string> = new Set([
  "accept",
  "accept-charset",
  "accept-language",
  "accept-ranges",
  "cache-control",
  "content-type",
  "content-length",
  "cookie",
  "date",
  "expect",
  "from",
  "host",
  "if-match",
  "if-modified-since",
  "if-none-match",
  "if-schedule-tag-match",
  "if-unmodified-since",
  "max-forwards",
  "origin",
  "pragma",
  "referer",
  "via",
  "warning",
]);
/** Keys that gRPC sets itself, so that a caller's must not stand beside them. */
const ofGrpc: ReadonlySet<string> = new Set(["content-type", "user-agent", "te", "host"]);

/** Fields or metadata as gRPC metadata; `wire` says which of the two they are. */
export function asMetadata(wire: "http" | "grpc", lines: HeaderLines): Record<string, string | string[]> {
  const metadata = Object.create(null) as Record<string, string | string[]>;
  for (const [name, value] of lines) {
    const key = wire === "http" && permanent.has(name) ? `dapr-${name}` : name;
    if (ofGrpc.has(key) || key.charCodeAt(0) === 0x3a || key.startsWith("grpc-")) continue;
    const before = metadata[key];
    if (before === undefined) metadata[key] = value;
    else if (typeof before === "string") metadata[key] = [before, value];
    else before.push(value);
  }
  return metadata;
}

/** The trace fields of a call, absent ones left out. */
export function traceLines(trace: Trace): HeaderLines {
  const lines: Lines = [];
  if (trace.traceparent !== "") lines.push(["traceparent", trace.traceparent]);
  if (trace.tracestate !== "") lines.push(["tracestate", trace.tracestate]);
  if (trace.baggage !== "") lines.push(["baggage", trace.baggage]);
  return lines;
}

/** This host as forwarding fields name it. */
export interface ForwardingHost {
  /** IP address; empty when unknown. */
  readonly address: string;
  readonly name: string;
}

/** The lines that a sidecar adds to what it sends to another one. */
export function forwardingLines(host: ForwardingHost): HeaderLines {
  const lines: Lines = [];
  const parts: string[] = [];
  if (host.address !== "") {
    const quoted = host.address.includes(":") ? `"[${host.address}]"` : host.address;
    lines.push(["x-forwarded-for", host.address]);
    parts.push(`for=${quoted};by=${quoted}`);
  }
  if (host.name !== "") {
    lines.push(["x-forwarded-host", host.name]);
    parts.push(`host=${host.name}`);
  }
  lines.push(["forwarded", parts.join(";")]);
  return lines;
}

/** The true names of both ends. */
export function identityLines(
  caller: { readonly appId: string; readonly namespace: string },
  callee: string,
): HeaderLines {
  return [
    [callerNamespace, caller.namespace],
    [callerApp, caller.appId],
    [calleeApp, callee],
  ];
}

/** What the request says of itself. */
const ownHeaders: ReadonlySet<string> = new Set(["host", "content-length", "transfer-encoding", "trailer"]);
const jsonType = "application/json; charset=utf-8";
const traceKeys = ["traceparent", "tracestate", "baggage"] as const;

export interface HeaderSettings {
  readonly hasBody: boolean;
  /** Name and value of the header that lets the binding in. */
  readonly token?: readonly [name: string, value: string];
}

/** The headers of a request: metadata whose name begins with a capital letter, and the trace. Throws a TypeError for what no header can be. */
export function requestHeaders(
  metadata: Readonly<Record<string, string>>,
  { hasBody, token }: HeaderSettings,
): Headers {
  const headers = new Headers({ "accept-encoding": "gzip" });
  if (hasBody && !Object.hasOwn(metadata, "Content-Type")) headers.set("content-type", jsonType);
  if (!Object.hasOwn(metadata, "Accept")) headers.set("accept", jsonType);
  if (token !== undefined) headers.set(...token);
  for (const key in metadata) {
    if (/^[A-Z]/.test(key) && !ownHeaders.has(key.toLowerCase())) headers.set(key, metadata[key]!);
  }
  for (const key of traceKeys) {
    const value = Object.hasOwn(metadata, key) ? metadata[key]! : "";
    if (value !== "") headers.set(key, value);
  }
  return headers;
}

/** A header name as Go writes it. */
function canonical(name: string): string {
  return name.toLowerCase().replace(/(^|-)[a-z]/g, (found) => found.toUpperCase());
}

/** Status and headers of an answer as metadata; lines of one name are joined. */
export function answerMetadata(response: Response): Record<string, string> {
  const lines = new Map<string, string[]>();
  response.headers.forEach((value, name) => {
    lines.set(name, [...(lines.get(name) ?? []), value]);
  });
  // Go's client keeps this one to itself.
  lines.delete("transfer-encoding");
  // Unpacked on the way: these two describe what came over the wire.
  if (lines.get("content-encoding")?.includes("gzip") === true) {
    lines.delete("content-encoding");
    lines.delete("content-length");
  }
  const named = [...lines].map(([name, values]) => [canonical(name), values.join(", ")] as const);
  const { status, statusText } = response;
  return { ...Object.fromEntries(named), statusCode: String(status), status: `${status} ${statusText}`.trimEnd() };
}

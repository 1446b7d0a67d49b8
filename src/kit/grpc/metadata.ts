/** Metadata as an HTTP/2 host hands it out: keys in lower case; keys that end in `-bin` hold base64. */
export type MetadataList = Readonly<Record<string, string | readonly string[]>>;

const ofProtocol: ReadonlySet<string> = new Set([
  "content-type",
  "content-length",
  "te",
  "host",
  "connection",
  "keep-alive",
  "proxy-connection",
  "transfer-encoding",
  "upgrade",
  "http2-settings",
  "grpc-encoding",
  "grpc-accept-encoding",
  "grpc-timeout",
  "grpc-status",
  "grpc-message",
  "grpc-status-details-bin",
  "grpc-message-type",
]);

/** True for pseudo headers, the keys that gRPC itself sets and those that HTTP/2 forbids. */
export function isProtocolKey(key: string): boolean {
  return key.charCodeAt(0) === 0x3a || ofProtocol.has(key);
}

/** A copy without pseudo headers, fit to be sent on. */
export function withoutPseudo(list: MetadataList): Record<string, string | readonly string[]> {
  const rest: Record<string, string | readonly string[]> = {};
  for (const key in list) {
    const value = list[key];
    if (value !== undefined && key.charCodeAt(0) !== 0x3a) rest[key] = value;
  }
  return rest;
}

/** First value of a key. */
export function firstValue(list: MetadataList, key: string): string | undefined {
  const value = list[key];
  return typeof value === "string" || value === undefined ? value : value[0];
}

/** All of a list but pseudo headers, as Headers. */
export function toHeaders(list: MetadataList): Headers {
  const headers = new Headers();
  for (const key in list) {
    if (key.charCodeAt(0) === 0x3a) continue;
    const value = list[key];
    if (typeof value === "string") headers.append(key, value);
    else for (const one of value ?? []) headers.append(key, one);
  }
  return headers;
}

/** Adds what a handler has set to a list under construction; keys of the protocol are left out. */
export function addHeaders(target: Record<string, string | readonly string[]>, headers: Headers): void {
  headers.forEach((value, key) => {
    if (isProtocolKey(key)) return;
    const before = target[key];
    if (before === undefined) target[key] = value;
    else target[key] = typeof before === "string" ? [before, value] : [...before, value];
  });
}

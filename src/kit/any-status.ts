/** Statuses of which the web's `Response` takes no body. */
const webBodiless: ReadonlySet<number> = new Set([101, 103, 204, 205, 304]);

/**
 * A response of any status: the web's `Response` has only those from 200 to 599, and no body in some. Hosts that send what its
 * properties say send such a one as it is.
 */
export function responseOf(
  body: Uint8Array | ReadableStream<Uint8Array> | null,
  init: { readonly status: number; readonly headers: HeadersInit },
): Response {
  const { status, headers } = init;
  if (isWebStatus(status, body !== null)) return new Response(body as BodyInit | null, { status, headers });
  return Object.defineProperty(new Response(body as BodyInit | null, { headers }), "status", { value: status });
}

/** Whether the web knows answers of the status, with or without a body. */
export function isWebStatus(status: number, hasBody: boolean): boolean {
  return status >= 200 && status <= 599 && !(hasBody && webBodiless.has(status));
}

/** Whether HTTP answers of the status have no body: a 205 may have one, though the web knows none. */
export function isBodiless(status: number): boolean {
  return status === 101 || status === 204 || status === 304;
}

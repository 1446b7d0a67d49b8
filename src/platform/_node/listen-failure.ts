import type { HttpListen } from "../types.ts";

/** The error of a listener that could not start: names the address, keeps the system's `code` (EADDRINUSE, EACCES, …). */
export function listenFailure(listen: HttpListen, error: unknown): Error & { readonly code?: string } {
  const { code, message } = error as NodeJS.ErrnoException;
  const place = listen.path ?? `${listen.host}:${listen.port}`;
  const reason = code === "EADDRINUSE" ? "the address is in use" : message;
  return Object.assign(new Error(`listening on "${place}" failed: ${reason}`, { cause: error }), { code });
}

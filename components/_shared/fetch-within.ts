import type { Clock } from "../../src/kit/clock.ts";

/** How long a request may take, its answer's body included, and what else ends it. */
export interface FetchLimit {
  readonly clock: Clock;
  readonly ms: number;
  readonly signal?: AbortSignal;
}

/** Fetches and reads the whole answer within the limit. Throws an Error that says why there is none. */
export async function fetchWithin(
  url: string,
  init: RequestInit,
  { clock, ms, signal }: FetchLimit,
): Promise<{ readonly status: number; readonly headers: Headers; readonly text: string }> {
  const ends = new AbortController();
  const cancel = clock.after(ms, () => ends.abort(new Error(`no answer within ${ms} ms`)));
  const leave = (): void => ends.abort(signal?.reason);
  if (signal?.aborted) leave();
  signal?.addEventListener("abort", leave);
  try {
    const response = await fetch(url, { ...init, signal: ends.signal });
    return { status: response.status, headers: response.headers, text: await response.text() };
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new Error(`request to "${url}" failed: ${why}`, { cause });
  } finally {
    cancel();
    signal?.removeEventListener("abort", leave);
  }
}

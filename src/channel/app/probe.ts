import type { Clock } from "../../kit/clock.ts";
import type { HttpApp } from "./http-app.ts";

/** Hears the status or code of every probe, after `ms`. */
export type ProbeMeter = ((status: number, ms: number) => void) | undefined;

/** Probes with GET: any 2xx is healthy, everything else a failed probe, which counts as 500 without an answer. */
export function httpProbe(
  app: Pick<HttpApp, "probe">,
  path: string,
  clock: Pick<Clock, "monotonic">,
  meter?: ProbeMeter,
): (signal: AbortSignal) => Promise<true | string> {
  const cut = path.indexOf("?");
  const target = path.startsWith("/") ? path : `/${path}`;
  const at = cut < 0 ? target.length : target.indexOf("?");
  const call = { method: "GET", path: target.slice(0, at), query: target.slice(at + 1), headers: [], body: null };
  return async (signal) => {
    const start = clock.monotonic();
    let answered = 500;
    try {
      const { status, body } = await app.probe(call, signal);
      answered = status;
      if (body instanceof ReadableStream) await body.cancel();
      return (status >= 200 && status < 300) || `Health check failed with status code: ${status}`;
    } catch (error) {
      return `Network error: ${error instanceof Error ? error.message : String(error)}`;
    } finally {
      meter?.(answered, clock.monotonic() - start);
    }
  };
}

import type { Platform } from "../platform/types.ts";

const pauseMs = 50;

function isInUse(error: unknown): boolean {
  return error instanceof Error && "code" in error && error.code === "EADDRINUSE";
}

/** The same host, where a listener that finds its address in use tries again for `patienceMs`: its predecessor may not have let go yet. */
export function withPatientListeners(platform: Platform, patienceMs: number): Platform {
  const { clock, serveHttp, serveHttp2 } = platform;

  async function patiently<T>(listen: () => Promise<T>): Promise<T> {
    const end = clock.monotonic() + patienceMs;
    for (;;) {
      try {
        return await listen();
      } catch (error) {
        if (!isInUse(error) || clock.monotonic() >= end) throw error;
      }
      await clock.sleep(pauseMs);
    }
  }

  return {
    ...platform,
    ...(serveHttp !== undefined && { serveHttp: (at, handle) => patiently(() => serveHttp(at, handle)) }),
    ...(serveHttp2 !== undefined && { serveHttp2: (at, handle) => patiently(() => serveHttp2(at, handle)) }),
  };
}

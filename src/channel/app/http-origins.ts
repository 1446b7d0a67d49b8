import type { Platform } from "../../platform/types.ts";
import { createHttpOrigin, type HttpOrigin, type HttpOriginOptions } from "./http-origin.ts";

/** Services outside by their base URL, for calls that name one. */
export interface HttpOrigins {
  /** The way to a base URL, kept for the next call. Throws when it is no URL. */
  at(baseUrl: string): HttpOrigin;
  close(): void;
}

/** More are not kept: the one that was used longest ago goes, and its idle connections end by themselves. */
const mostKept = 64;

/** No origin at first; all of them share what is `around` their calls. */
export function createHttpOrigins(
  platform: Pick<Platform, "tcp" | "clock">,
  around: Pick<HttpOriginOptions, "limit" | "pipeline" | "meter"> = {},
): HttpOrigins {
  const kept = new Map<string, HttpOrigin>();
  return {
    at(baseUrl) {
      const origin = kept.get(baseUrl) ?? createHttpOrigin({ platform, baseUrl, ...around });
      kept.delete(baseUrl);
      kept.set(baseUrl, origin);
      if (kept.size > mostKept) kept.delete(kept.keys().next().value as string);
      return origin;
    },
    close() {
      for (const origin of kept.values()) origin.close();
      kept.clear();
    },
  };
}

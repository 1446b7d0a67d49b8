import type { Clock } from "../kit/clock.ts";
import type { Random } from "../kit/random.ts";

/** How long to wait between tries. Times in milliseconds. */
export interface BackOffSettings {
  readonly kind: "constant" | "exponential";
  /** The pause of a constant back-off. */
  readonly pauseMs: number;
  /** First pause of an exponential one; each next is longer by `growth`, until `longestMs`. */
  readonly firstMs: number;
  readonly growth: number;
  readonly longestMs: number;
  /** A pause differs from its nominal length by up to this fraction of it. */
  readonly jitter: number;
  /** No pause of an exponential back-off ends later than this after its start; 0: no limit. */
  readonly totalMs: number;
  /** Negative: without end. */
  readonly maxRetries: number;
}

/** The pauses of one operation. */
export interface BackOff {
  /** Milliseconds until the next try; undefined: there is none. */
  next(): number | undefined;
}

/** compat: the granularity of upstream's random pauses (cenkalti/backoff), in milliseconds. */
const nanosecond = 1e-6;

/** Starts a back-off; `startedAt` is the monotonic time of the first try. */
export function createBackOff(settings: BackOffSettings, startedAt: number, clock: Clock, random: Random): BackOff {
  const { kind, growth, longestMs, jitter, totalMs, maxRetries } = settings;
  let retries = 0;
  let nominal = settings.firstMs;

  function pause(): number | undefined {
    if (kind === "constant") return settings.pauseMs;
    const spread = jitter * nominal;
    const pauseMs = jitter === 0 ? nominal : nominal - spread + random.fraction() * (2 * spread + nanosecond);
    nominal = nominal >= longestMs / growth ? longestMs : nominal * growth;
    return totalMs !== 0 && clock.monotonic() - startedAt + pauseMs > totalMs ? undefined : pauseMs;
  }
  return {
    next() {
      if (maxRetries >= 0 && retries >= maxRetries) return undefined;
      retries++;
      return pause();
    },
  };
}

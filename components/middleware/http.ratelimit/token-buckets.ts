import type { Clock } from "../../../src/kit/clock.ts";

export interface TokenBuckets {
  /** Takes a token of the bucket of `key`; the answer is how many whole ones are left, undefined when there was none. */
  take(key: string): number | undefined;
  /** Buckets that are kept. */
  readonly size: number;
}

interface Bucket {
  tokens: number;
  /** Monotonic milliseconds. */
  at: number;
}

const sweepMs = 10_000;

/** Buckets that begin with `burst` tokens and gain `perSecond`. A full one is forgotten: it is as good as none. */
export function createTokenBuckets(options: {
  readonly clock: Clock;
  readonly perSecond: number;
  readonly burst: number;
}): TokenBuckets {
  const { clock, perSecond, burst } = options;
  const buckets = new Map<string, Bucket>();
  let nextSweep = sweepMs;

  const filled = (bucket: Bucket, now: number): number =>
    Math.min(burst, bucket.tokens + ((now - bucket.at) / 1000) * perSecond);

  return {
    take(key) {
      const now = clock.monotonic();
      if (now >= nextSweep) {
        for (const [name, bucket] of buckets) if (filled(bucket, now) >= burst) buckets.delete(name);
        nextSweep = now + sweepMs;
      }
      const bucket = buckets.get(key) ?? { tokens: burst, at: now };
      const tokens = filled(bucket, now);
      const isTaken = tokens >= 1;
      bucket.tokens = isTaken ? tokens - 1 : tokens;
      bucket.at = now;
      buckets.set(key, bucket);
      return isTaken ? Math.floor(bucket.tokens) : undefined;
    },
    get size() {
      return buckets.size;
    },
  };
}

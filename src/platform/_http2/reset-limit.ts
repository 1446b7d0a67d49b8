/** How many streams a peer may reset at once, and each second, before its connection is closed (the "rapid reset" attack). */
const resetBurst = 10_000;
const resetsPerSecond = 1_000;

/** Counts the resets of one connection; false when the peer went over the limit. */
export function createResetLimit(monotonic: () => number): () => boolean {
  let left = resetBurst;
  let last = monotonic();
  return () => {
    const now = monotonic();
    left = Math.min(resetBurst, left + ((now - last) / 1_000) * resetsPerSecond);
    last = now;
    left -= 1;
    return left >= 0;
  };
}

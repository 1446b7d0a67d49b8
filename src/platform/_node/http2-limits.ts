import type { Http2Session } from "node:http2";

/** What one stream may send before the other side has read it. */
export const streamWindow = 1024 * 1024;
const connectionWindow = 4 * 1024 * 1024;

/** Lets a connection carry several full streams. portable: in Bun 1.4.5 this call stops the window updates of streams; it keeps its own size. */
export function widenConnection(session: Http2Session): void {
  if (!("Bun" in globalThis)) session.setLocalWindowSize(connectionWindow);
}

/** Megabytes that a session may hold in Node, whose default of 10 resets streams under load. */
export const sessionMemoryMb = 1_000;

/**
 * Takes the runtimes' own counters out of the way. portable: Bun counts the empty DATA frame at the end of its own cancelled streams
 * as invalid and allows a thousand; Deno's limit for resets, about a thousand, cannot be moved.
 */
export const unlimited = 1_000_000_000;

/** How many streams a peer may reset at once, and each second, before its connection is closed (the "rapid reset" attack). */
const resetBurst = 10_000;
const resetsPerSecond = 1_000;

/** Counts the resets of one connection; false when the peer went over the limit. The same on all runtimes, whose own limits differ. */
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

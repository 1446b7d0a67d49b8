import type { TookBytes } from "./greedy-read.ts";

const enoughBytes = 4 * 1024 * 1024;
const enoughPieces = 400;
const leastMs = 150;

/**
 * portable: JavaScriptCore lets garbage grow with the memory of the machine, to a multiple of what a sidecar needs. To be called with the
 * size of every piece that a socket brings: after many, or many bytes, `collect` runs between two turns of the event loop. Without traffic
 * nothing runs.
 */
export function createTidyHeap(collect: () => unknown): TookBytes {
  let bytes = 0;
  let pieces = 0;
  let last = Number.NEGATIVE_INFINITY;
  let isDue = false;
  const tidy = (): void => {
    isDue = false;
    bytes = 0;
    pieces = 0;
    last = performance.now();
    collect();
  };
  return (size) => {
    bytes += size;
    pieces += 1;
    if (isDue || (bytes < enoughBytes && (pieces < enoughPieces || performance.now() - last < leastMs))) return;
    isDue = true;
    setImmediate(tidy);
  };
}

const leastGrowth = 6_000_000;
const mostGrowth = 1.5;

/** Ways to collect; all answer the size of the heap in bytes after it. */
export interface Collections {
  /** Frees what was made since the last collection and is not in use any more. */
  young(): number;
  /** Frees all that is not in use. */
  whole(): number;
}

/**
 * Collects what is young, and all once what has outlived that has grown. What is under way at a collection outlives it, and under load
 * the heap would hold tens of megabytes of that.
 */
export function createCollect({ young, whole }: Collections): () => void {
  let kept = 0;
  return () => {
    const size = young();
    if (size > Math.max(kept + leastGrowth, kept * mostGrowth)) kept = whole();
    // The host's own collections may have freed more.
    else if (size < kept) kept = size;
  };
}

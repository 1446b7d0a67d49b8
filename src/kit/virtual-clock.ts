import type { Clock } from "./clock.ts";

/** A clock that stands still until a test moves it. */
export interface VirtualClock extends Clock {
  /** Moves time on by `ms`, waking what falls due in order; after each wake the work it set off gets its turn. */
  advance(ms: number): Promise<void>;
  /** How many timers wait. */
  readonly pending: number;
}

export interface VirtualClockOptions {
  /** Waits until work in progress rests. Give one that waits for a macrotask when the work leaves the microtask queue (sockets, threads). */
  readonly settle?: () => Promise<void>;
}

interface Timer {
  readonly dueAt: number;
  readonly wake: () => void;
}

/** A wake may resolve promises that others wait on, chained this deep. */
const microtaskTurns = 64;

async function settleMicrotasks(): Promise<void> {
  for (let turn = 0; turn < microtaskTurns; turn += 1) await undefined;
}

/** A clock that starts at `start` (epoch milliseconds) and moves only through `advance`. */
export function createVirtualClock(start = 0, options: VirtualClockOptions = {}): VirtualClock {
  const settle = options.settle ?? settleMicrotasks;
  /** Sorted by due time; among equals the older first. */
  const timers: Timer[] = [];
  let now = start;

  function add(dueAt: number, wake: () => void): () => void {
    const timer = { dueAt, wake };
    let low = 0;
    let high = timers.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((timers[middle] as Timer).dueAt <= dueAt) low = middle + 1;
      else high = middle;
    }
    timers.splice(low, 0, timer);
    return () => {
      const at = timers.indexOf(timer);
      if (at >= 0) timers.splice(at, 1);
    };
  }

  return {
    now: () => now,
    monotonic: () => now - start,
    sleep(ms, signal) {
      return new Promise((resolve, reject) => {
        if (signal?.aborted) return reject(signal.reason);
        const aborted = () => {
          cancel();
          reject(signal?.reason);
        };
        const cancel = add(now + Math.max(0, ms), () => {
          signal?.removeEventListener("abort", aborted);
          resolve();
        });
        signal?.addEventListener("abort", aborted, { once: true });
      });
    },
    after: (ms, wake) => add(now + Math.max(0, ms), wake),
    alarm: (dueAt, wake) => add(Math.max(now, dueAt), wake),
    async advance(ms) {
      const target = now + ms;
      await settle();
      for (;;) {
        const next = timers[0];
        if (next === undefined || next.dueAt > target) break;
        timers.shift();
        now = Math.max(now, next.dueAt);
        next.wake();
        await settle();
      }
      now = target;
    },
    get pending() {
      return timers.length;
    },
  };
}

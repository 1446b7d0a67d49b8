import type { Clock } from "../kit/clock.ts";

/** Tells listeners of commits: at once of our own, after a moment of those of other processes. */
export interface CommitWatch {
  listen(listen: () => void): () => void;
  /** A commit of this process is done. */
  committed(): void;
  stop(): void;
}

/** How late a commit of another process may be noticed, in milliseconds. */
const POLL_MS = 1000;

/** `dataVersion` changes whenever somebody commits; it is asked only while somebody listens. */
export function createCommitWatch(clock: Pick<Clock, "after">, dataVersion: () => number): CommitWatch {
  const listeners = new Set<() => void>();
  let seen = 0;
  let cancel: (() => void) | undefined;

  function notify(): void {
    for (const listen of [...listeners]) listen();
  }
  function poll(): void {
    cancel = clock.after(POLL_MS, () => {
      poll();
      const version = dataVersion();
      if (version === seen) return;
      seen = version;
      notify();
    });
  }
  function stop(): void {
    cancel?.();
    cancel = undefined;
  }

  return {
    listen(listen) {
      // A wrapper, so that a function given twice is called twice and taken away once.
      const own = (): void => listen();
      listeners.add(own);
      if (cancel === undefined) {
        seen = dataVersion();
        poll();
      }
      return () => {
        listeners.delete(own);
        if (listeners.size === 0) stop();
      };
    },
    committed() {
      if (listeners.size === 0) return;
      // Read before the listeners look: what others committed until now is seen by them as well.
      seen = dataVersion();
      notify();
    },
    stop() {
      listeners.clear();
      stop();
    },
  };
}

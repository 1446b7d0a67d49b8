/** Places for concurrent calls. Waiting calls are served in order. */
export interface ConcurrencyLimit {
  /** Takes a place; the promise, if there is one, rejects with the signal's reason when it aborts first. */
  take(signal: AbortSignal): Promise<void> | undefined;
  /** Gives a place back; once for each taken one. */
  release(): void;
}

/** At most `places` calls at once; 0 or less: any number. */
export function createConcurrencyLimit(places: number): ConcurrencyLimit {
  if (places <= 0) return { take: () => undefined, release: () => {} };
  let taken = 0;
  const waiting: (() => void)[] = [];

  return {
    take(signal) {
      if (taken < places) {
        taken++;
        return undefined;
      }
      return new Promise((resolve, reject) => {
        if (signal.aborted) return reject(signal.reason);
        const enter = () => {
          signal.removeEventListener("abort", leave);
          resolve();
        };
        const leave = () => {
          waiting.splice(waiting.indexOf(enter), 1);
          reject(signal.reason);
        };
        waiting.push(enter);
        signal.addEventListener("abort", leave, { once: true });
      });
    },
    release() {
      const next = waiting.shift();
      if (next === undefined) taken--;
      else next();
    },
  };
}

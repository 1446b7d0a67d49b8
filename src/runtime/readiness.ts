/** Named things that have to be there before the sidecar is ready. */
export interface Readiness {
  /** Adds a target; the answer sets its state. */
  target(name: string): (isReady: boolean) => void;
  /** Targets that are not ready, in the order they were added. */
  missing(): readonly string[];
  /** Resolves when nothing is missing (at once, if so). */
  whenReady(): Promise<void>;
}

/** An empty set of targets, which is ready. */
export function createReadiness(): Readiness {
  const states = new Map<string, boolean>();
  const waiting: (() => void)[] = [];
  const missing = (): string[] => [...states].filter(([, isReady]) => !isReady).map(([name]) => name);
  return {
    target(name) {
      states.set(name, false);
      return (isReady) => {
        states.set(name, isReady);
        if (missing().length === 0) for (const resolve of waiting.splice(0)) resolve();
      };
    },
    missing,
    whenReady: () => (missing().length === 0 ? Promise.resolve() : new Promise((resolve) => waiting.push(resolve))),
  };
}

/** Named things that have to be there before the sidecar is ready. */
export interface Readiness {
  /** Adds a target; the answer sets its state. */
  target(name: string): (isReady: boolean) => void;
  /** Targets that are not ready, in the order they were added. */
  missing(): readonly string[];
  /** Calls back after any target changed; the answer stops it. */
  watch(changed: () => void): () => void;
}

/** An empty set of targets, which is ready. */
export function createReadiness(): Readiness {
  const states = new Map<string, boolean>();
  const watchers = new Set<() => void>();
  const missing = (): string[] => [...states].filter(([, isReady]) => !isReady).map(([name]) => name);
  return {
    target(name) {
      states.set(name, false);
      return (isReady) => {
        states.set(name, isReady);
        for (const changed of watchers) changed();
      };
    },
    missing,
    watch(changed) {
      watchers.add(changed);
      return () => watchers.delete(changed);
    },
  };
}

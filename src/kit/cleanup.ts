/**
 * Things to undo, in the reverse order of their making.
 * portable: AsyncDisposableStack, which Node 22 does not have.
 */
export interface Cleanup {
  defer(undo: () => unknown): void;
  /** Runs and forgets all of them, last first; every one runs. Rejects with the first failure. */
  run(): Promise<void>;
}

/** An empty list of things to undo. */
export function createCleanup(): Cleanup {
  const steps: (() => unknown)[] = [];
  return {
    defer: (undo) => void steps.push(undo),
    async run() {
      let failure: { readonly error: unknown } | undefined;
      for (let undo = steps.pop(); undo !== undefined; undo = steps.pop()) {
        try {
          await undo();
        } catch (error) {
          failure ??= { error };
        }
      }
      if (failure !== undefined) throw failure.error;
    },
  };
}

/** Listens to signals that many share: a listener costs the same however many there are, which a signal of its own does not grant. */
export interface AbortListeners {
  /** Calls `abort` once when the signal aborts; the answer takes it back. */
  add(signal: AbortSignal, abort: () => void): () => void;
}

/** The listeners of one exchange. */
export function createAbortListeners(): AbortListeners {
  const bySignal = new Map<AbortSignal, { readonly listeners: Set<() => void>; readonly all: () => void }>();

  function forget(signal: AbortSignal, all: () => void): void {
    bySignal.delete(signal);
    signal.removeEventListener("abort", all);
  }
  function listen(signal: AbortSignal) {
    const listeners = new Set<() => void>();
    const all = (): void => {
      forget(signal, all);
      for (const abort of listeners) abort();
    };
    const entry = { listeners, all };
    bySignal.set(signal, entry);
    signal.addEventListener("abort", all);
    return entry;
  }

  return {
    add(signal, abort) {
      const { listeners, all } = bySignal.get(signal) ?? listen(signal);
      listeners.add(abort);
      return () => {
        listeners.delete(abort);
        if (listeners.size === 0 && bySignal.get(signal)?.listeners === listeners) forget(signal, all);
      };
    },
  };
}

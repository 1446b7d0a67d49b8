/** Wants to know when a signal aborts. */
export interface AbortListener {
  aborted(reason: unknown): void;
}

/**
 * Listens to signals that many share: a listener costs the same however many there are, which a signal of its own does not grant.
 * Listeners are objects, so that who has one for something else needs no closures beside it.
 */
export interface AbortListeners {
  /** Tells the listener once when the signal aborts. */
  add(signal: AbortSignal, listener: AbortListener): void;
  remove(signal: AbortSignal, listener: AbortListener): void;
}

/** The listeners of one exchange. */
export function createAbortListeners(): AbortListeners {
  const bySignal = new Map<AbortSignal, { readonly listeners: Set<AbortListener>; readonly all: () => void }>();

  function forget(signal: AbortSignal, all: () => void): void {
    bySignal.delete(signal);
    signal.removeEventListener("abort", all);
  }
  function listen(signal: AbortSignal) {
    const listeners = new Set<AbortListener>();
    const all = (): void => {
      forget(signal, all);
      for (const listener of listeners) listener.aborted(signal.reason);
    };
    const entry = { listeners, all };
    bySignal.set(signal, entry);
    signal.addEventListener("abort", all);
    return entry;
  }

  return {
    add(signal, listener) {
      const { listeners } = bySignal.get(signal) ?? listen(signal);
      listeners.add(listener);
    },
    remove(signal, listener) {
      const entry = bySignal.get(signal);
      if (entry?.listeners.delete(listener) === true && entry.listeners.size === 0) forget(signal, entry.all);
    },
  };
}

/** Time as the host gives it, or as a test drives it. */
export interface Clock {
  /** Milliseconds since the Unix epoch. */
  now(): number;
  /** Milliseconds that never jump, with fractions. */
  monotonic(): number;
  /** Resolves after `ms`; rejects with the signal's reason when it aborts first. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
  /** Runs `wake` once after `ms`. The answer cancels it. A pending timer does not keep the process alive. */
  after(ms: number, wake: () => void): () => void;
  /** Runs `wake` once when `now()` has reached `dueAt` (epoch milliseconds, stored by the caller); survives clock jumps and sleep of the machine. */
  alarm(dueAt: number, wake: () => void): () => void;
}

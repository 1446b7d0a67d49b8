/** How long a message waits after each failed delivery, in milliseconds. */
export interface BackOff {
  readonly initialMs: number;
  readonly maxMs: number;
  readonly multiplier: number;
}

/** The wait after the failed delivery number `attempt`, from 1. */
export function backOff({ initialMs, maxMs, multiplier }: BackOff, attempt: number): number {
  return Math.min(maxMs, initialMs * multiplier ** Math.min(attempt - 1, 1000));
}

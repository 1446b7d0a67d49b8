import type { Clock } from "../kit/clock.ts";
import { PolicyError, type PolicyUse } from "../kit/policy.ts";

/** What limits an attempt. */
export interface TimeLimit {
  readonly ms: number;
  readonly clock: Clock;
  /** The caller's: it ends the attempt too. */
  readonly signal: AbortSignal;
  /** Time is over. */
  expired(): void;
}

/**
 * Runs an attempt under a signal that aborts when time is over, and then rejects with PolicyError at once, whether the attempt
 * ends or not. A result that `lasts` stays under both limits until it is complete.
 */
export function limitTime<T>(
  attempt: (signal: AbortSignal) => Promise<T>,
  limit: TimeLimit,
  lasts: PolicyUse<T>["lasts"] | undefined,
): Promise<T> {
  const { signal, clock } = limit;
  if (signal.aborted) return Promise.reject(signal.reason);
  return new Promise((resolve, reject) => {
    const controller = new AbortController();
    const release = (): void => {
      cancel();
      signal.removeEventListener("abort", left);
    };
    const end = (reason: unknown): void => {
      release();
      controller.abort(reason);
      reject(reason);
    };
    const left = (): void => end(signal.reason);
    const cancel = clock.after(limit.ms, () => {
      limit.expired();
      end(new PolicyError("timeout"));
    });
    signal.addEventListener("abort", left, { once: true });
    attempt(controller.signal).then(
      (result) => {
        const complete = controller.signal.aborted ? undefined : lasts?.(result);
        if (complete === undefined) release();
        else complete.then(release, release);
        resolve(result);
      },
      (error: unknown) => {
        release();
        reject(error);
      },
    );
  });
}

import type { Clock } from "../../kit/clock.ts";

/** The longest delay that timers take; above it they fire at once. */
const longestTimer = 0x7fff_ffff;
/** An alarm looks at the wall clock at least this often, so that a clock jump or a sleep of the machine is noticed. */
const alarmCheckMs = 30_000;

/** The clock of the host. `unref` lets the process end although a timer is pending, where the host has such a thing. */
export function createSystemClock(unref: (timer: unknown) => void): Clock {
  function arm(ms: number, wake: () => void, keepsAlive: boolean): () => void {
    let timer: ReturnType<typeof setTimeout>;
    const start = (left: number) => {
      timer = left > longestTimer ? setTimeout(() => start(left - longestTimer), longestTimer) : setTimeout(wake, left);
      if (!keepsAlive) unref(timer);
    };
    start(Math.max(0, ms));
    return () => clearTimeout(timer);
  }

  return {
    now: () => Date.now(),
    monotonic: () => performance.now(),
    sleep(ms, signal) {
      return new Promise((resolve, reject) => {
        if (signal?.aborted) return reject(signal.reason);
        const aborted = () => {
          cancel();
          reject(signal?.reason);
        };
        const cancel = arm(
          ms,
          () => {
            signal?.removeEventListener("abort", aborted);
            resolve();
          },
          true,
        );
        signal?.addEventListener("abort", aborted, { once: true });
      });
    },
    after: (ms, wake) => arm(ms, wake, false),
    alarm(dueAt, wake) {
      let cancel = () => {};
      const look = () => {
        const left = dueAt - Date.now();
        cancel = left > 0 ? arm(Math.min(left, alarmCheckMs), look, false) : arm(0, wake, false);
      };
      look();
      return () => cancel();
    },
  };
}

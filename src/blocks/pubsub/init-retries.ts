import type { Clock } from "../../kit/clock.ts";
import type { Random } from "../../kit/random.ts";
import type { Policy } from "./ports.ts";

const firstMs = 500;
const longestMs = 1000;
const growth = 1.5;
const retries = 3;
const totalMs = 10_000;

/** The built-in policy around what an app is asked at its start: three more tries within ten seconds. */
export function createInitRetries(clock: Clock, random: Random): Policy {
  return async (run, signal) => {
    const started = clock.monotonic();
    let wait = firstMs;
    for (let attempt = 0; ; attempt++) {
      try {
        return await run(signal);
      } catch (error) {
        const pause = wait * (0.5 + random.fraction());
        if (signal.aborted || attempt >= retries || clock.monotonic() - started + pause > totalMs) throw error;
        await clock.sleep(pause, signal);
        wait = Math.min(wait * growth, longestMs);
      }
    }
  };
}

import type { Clock } from "../../kit/clock.ts";
import type { Random } from "../../kit/random.ts";
import { ExportError } from "./exporter.ts";

export interface RetryPorts {
  readonly clock: Clock;
  readonly random: Random;
  /** Aborts when there is no time for another attempt; one that runs may end. */
  readonly hurry: AbortSignal;
}

const firstPauseMs = 5000;
const longestPauseMs = 30_000;
const longestWholeMs = 60_000;
const growth = 1.5;
const jitter = 0.5;

/** Runs `attempt` until it succeeds, as OpenTelemetry's exporters do: faults that pass are tried again for a minute. */
export async function withRetries(attempt: () => Promise<void>, ports: RetryPorts): Promise<void> {
  const { clock, random, hurry } = ports;
  const giveUpAt = clock.monotonic() + longestWholeMs;
  for (let pauseMs = firstPauseMs; ; pauseMs = Math.min(pauseMs * growth, longestPauseMs)) {
    try {
      return await attempt();
    } catch (error) {
      if (error instanceof ExportError && !error.isTemporary) throw error;
      const asked = error instanceof ExportError ? (error.waitMs ?? 0) : 0;
      const waitMs = Math.max(asked, pauseMs * (1 - jitter + 2 * jitter * random.fraction()));
      if (hurry.aborted || clock.monotonic() + waitMs > giveUpAt) throw error;
      await clock.sleep(waitMs, hurry).catch(() => {
        throw error;
      });
    }
  }
}

import type { DriverLog } from "../../src/driver/context.ts";
import type { Clock } from "../../src/kit/clock.ts";
import { ExpectationError } from "../../src/storage/storage-error.ts";
import type { Tables } from "./sql-tables.ts";
import { sqliteTime } from "./sqlite-time.ts";
import type { StateDatabase } from "./state-database.ts";

/** What the clean-up works with. `everyMs` of 0 or less turns it off. */
export interface CleanupOptions {
  readonly database: Pick<StateDatabase, "write">;
  readonly tables: Tables;
  readonly clock: Pick<Clock, "now" | "after">;
  readonly log: DriverLog;
  readonly everyMs: number;
}

/** Processes agree through the row `last-cleanup` who removes the expired rows; the same row as upstream's. */
export async function removeExpired({ database, tables, clock, log, everyMs }: CleanupOptions): Promise<void> {
  const now = sqliteTime(clock.now());
  try {
    const [, removed] = await database.write([
      {
        sql: `INSERT INTO ${tables.metadata} (key, value) VALUES ('last-cleanup', ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value WHERE (unixepoch(excluded.value) - unixepoch(value)) * 1000 > ?`,
        params: [now, everyMs - 100],
        expect: 1,
      },
      {
        sql: `DELETE FROM ${tables.state} WHERE expiration_time IS NOT NULL AND expiration_time < ?`,
        params: [now],
      },
    ]);
    log.info(`Removed ${removed?.changes ?? 0} expired rows`);
  } catch (error) {
    if (!ExpectationError.is(error)) throw error;
    log.debug("Last cleanup was performed too recently");
  }
}

/** Removes expired rows at every interval, for the first time after one interval. The answer stops it and waits for a round under way. */
export function scheduleCleanup(options: CleanupOptions): () => Promise<void> {
  const { clock, log, everyMs } = options;
  if (everyMs <= 0) return async () => undefined;
  let isStopped = false;
  let round = Promise.resolve();
  let cancel = clock.after(everyMs, run);

  function run(): void {
    round = removeExpired(options)
      .catch((error: unknown) => log.error(`Error removing expired data: ${error}`))
      .then(() => {
        if (!isStopped) cancel = clock.after(everyMs, run);
      });
  }
  log.info(`Schedule expired data clean up every ${everyMs} ms`);
  return async () => {
    isStopped = true;
    cancel();
    await round;
  };
}

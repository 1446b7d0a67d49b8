import type { Clock } from "../kit/clock.ts";
import type { Platform, SqlDatabase } from "../platform/types.ts";
import type { StorageDescription, StorageOpen } from "./storage.ts";
import { isBusy, StorageError, storageError } from "./storage-error.ts";

/** What opening a file takes from the host. */
export interface DatabaseHost {
  readonly sqlite: NonNullable<Platform["sqlite"]>;
  readonly clock: Pick<Clock, "monotonic" | "sleep">;
}

export const DEFAULT_LOCK_WAIT_MS = 20_000;
/** Reads meet a lock only while another process recovers the log of a crash, or where the journal is `delete`. */
const READ_WAIT_MS = 1000;
/** The log is cut back to this size after it was copied into the file. */
const LOG_LIMIT_BYTES = 32 * 1024 * 1024;
/** Safety net in pages for few but large writes; the writer copies the log back earlier, after it has answered. */
const AUTO_CHECKPOINT_PAGES = 4000;

function pragmaLines(options: StorageOpen): string[] {
  return (options.pragmas ?? []).map(([name, value]) => `PRAGMA ${name}=${value}`);
}

/** True for the paths that mean "no file at all". */
export function isMemoryPath(path: string): boolean {
  return path === ":memory:";
}

/** The connection of the only writer: durable commits, no waiting inside SQLite. Waits for locks up to the limit. */
export async function openWriterDatabase(host: DatabaseHost, path: string, options: StorageOpen): Promise<SqlDatabase> {
  const deadline = host.clock.monotonic() + (options.lockWaitMs ?? DEFAULT_LOCK_WAIT_MS);
  const journal = isMemoryPath(path) ? "memory" : (options.journal ?? "wal");
  for (;;) {
    let db: SqlDatabase | undefined;
    try {
      db = host.sqlite(path);
      for (const line of [
        "PRAGMA busy_timeout=0",
        `PRAGMA journal_mode=${journal}`,
        ...pragmaLines(options),
        "PRAGMA synchronous=FULL",
        // On macOS fsync alone leaves the data in the drive's cache.
        "PRAGMA fullfsync=1",
        `PRAGMA journal_size_limit=${LOG_LIMIT_BYTES}`,
        `PRAGMA wal_autocheckpoint=${AUTO_CHECKPOINT_PAGES}`,
      ])
        db.get(line, []);
      const mode = String(Object.values(db.get("PRAGMA journal_mode", []) ?? {})[0]);
      if (mode !== journal)
        throw new StorageError(
          "failed",
          `cannot open ${JSON.stringify(path)}: its file system allows journal ${JSON.stringify(mode)} only, not ${JSON.stringify(journal)}; use a local disk, or disable WAL`,
        );
      return db;
    } catch (cause) {
      db?.close();
      if (!isBusy(cause) || host.clock.monotonic() >= deadline) throw storageError("open", path, cause);
      await host.clock.sleep(10);
    }
  }
}

/** The connection for reads on the caller's thread. The file exists already. */
export function openReaderDatabase(sqlite: DatabaseHost["sqlite"], path: string, options: StorageOpen): SqlDatabase {
  let db: SqlDatabase | undefined;
  try {
    db = sqlite(path, { readonly: true });
    for (const line of [`PRAGMA busy_timeout=${READ_WAIT_MS}`, ...pragmaLines(options)]) db.get(line, []);
    db.get("SELECT count(*) FROM sqlite_master", []);
    return db;
  } catch (cause) {
    db?.close();
    throw storageError("open", path, cause);
  }
}

/** What an open connection says of itself. */
export function describeConnection(db: SqlDatabase, threaded: boolean): StorageDescription {
  const read = (sql: string): unknown => Object.values(db.get(sql, []) ?? {})[0];
  return {
    journalMode: String(read("PRAGMA journal_mode")),
    synchronous: Number(read("PRAGMA synchronous")),
    sqliteVersion: String(read("SELECT sqlite_version()")),
    threaded,
  };
}

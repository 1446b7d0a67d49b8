import type { Clock } from "../kit/clock.ts";
import type { Platform, SqlDatabase } from "../platform/types.ts";
import { createCommitWatch } from "./commit-watch.ts";
import { FileWriter } from "./file-writer.ts";
import { createLineWriter } from "./line-writer.ts";
import { migrate } from "./migrate.ts";
import {
  DEFAULT_LOCK_WAIT_MS,
  describeConnection,
  isMemoryPath,
  openReaderDatabase,
  openWriterDatabase,
} from "./open-database.ts";
import type { Storage, StorageOpen } from "./storage.ts";
import { StorageError, storageError } from "./storage-error.ts";
import type { ThreadWriters } from "./thread-writers.ts";
import type { Writer } from "./writer-link.ts";

/** What an engine is made of. */
export interface EngineHost {
  readonly sqlite: NonNullable<Platform["sqlite"]>;
  readonly clock: Clock;
  /** Absent where the host has no threads. */
  readonly threads?: ThreadWriters;
  readonly syncDelayMs: number;
}

/** The writer of a file that is only read; it describes the reader. */
function refusing(path: string, reader: () => SqlDatabase): Writer {
  return {
    async write() {
      throw new StorageError("readonly", `cannot write to ${JSON.stringify(path)}: it was opened for reading only`);
    },
    describe: async () => describeConnection(reader(), false),
    close: async () => undefined,
  };
}

async function openHere(
  host: EngineHost,
  path: string,
  options: StorageOpen,
  committed: () => void,
): Promise<{ db: SqlDatabase; writer: Writer }> {
  const db = await openWriterDatabase(host, path, options);
  const lockWaitMs = options.lockWaitMs ?? DEFAULT_LOCK_WAIT_MS;
  const wal = !isMemoryPath(path) && options.journal !== "delete";
  const { clock, syncDelayMs } = host;
  const file = new FileWriter(db, { path, clock, threaded: false, wal, lockWaitMs, syncDelayMs });
  return { db, writer: createLineWriter(file, committed) };
}

/** Opens the writer and the reader of one file. Databases in memory have one connection on this thread. */
export async function openEngine(host: EngineHost, path: string, options: StorageOpen): Promise<Storage> {
  let reader: SqlDatabase | undefined;
  const watch = createCommitWatch(host.clock, () => Number(reader?.get("PRAGMA data_version", [])?.["data_version"]));
  let writer: Writer;
  if (options.access === "read") writer = refusing(path, () => reader!);
  else if (host.threads !== undefined && !isMemoryPath(path))
    writer = await host.threads.open(path, options, watch.committed);
  else {
    const here = await openHere(host, path, options, watch.committed);
    writer = here.writer;
    if (isMemoryPath(path)) reader = here.db;
  }
  const ownsReader = reader === undefined;
  try {
    reader ??= openReaderDatabase(host.sqlite, path, options);
  } catch (error) {
    await writer.close();
    throw error;
  }
  const db = reader;
  let isClosed = false;

  const closedError = (): StorageError =>
    new StorageError("closed", `cannot use ${JSON.stringify(path)}: it was closed`);
  const storage: Storage = {
    path,
    get(sql, params) {
      if (isClosed) throw closedError();
      try {
        return db.get(sql, params);
      } catch (cause) {
        throw storageError("read", path, cause);
      }
    },
    all(sql, params) {
      if (isClosed) throw closedError();
      try {
        return db.all(sql, params);
      } catch (cause) {
        throw storageError("read", path, cause);
      }
    },
    write: (steps) => (isClosed ? Promise.reject(closedError()) : writer.write(steps)),
    migrate: (schema) => migrate(storage, schema),
    onCommit: (listen) => watch.listen(listen),
    shared: new Map(),
    describe: () => writer.describe(),
    async close() {
      if (isClosed) return;
      isClosed = true;
      watch.stop();
      // The writer closes last: it then copies the log into the file and removes it.
      if (ownsReader) db.close();
      await writer.close();
    },
  };
  return storage;
}

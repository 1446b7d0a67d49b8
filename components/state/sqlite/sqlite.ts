import { defineStateStore } from "../../../src/driver/define-driver.ts";
import { m } from "../../../src/kit/schema/codecs.ts";
import { scheduleCleanup } from "../../_shared/sql-cleanup.ts";
import { createSqlStateStore } from "../../_shared/sql-state-store.ts";
import { prepareTables, tablesOf } from "../../_shared/sql-tables.ts";
import { checkIdentifier, readSqliteConnection } from "../../_shared/sqlite-connection.ts";
import { storageFailure } from "../../_shared/storage-failure.ts";

/** State in a SQLite file, in the tables of upstream's driver: both can work on one file at the same time. */
export default defineStateStore({
  type: "state.sqlite",
  versions: ["v1"],
  aliases: ["state.sqlite3"],
  status: "stable",
  summary: "State in a SQLite file, or in memory",
  needs: ["sqlite"],
  metadata: {
    connectionString: m
      .text()
      .required("missing connection string")
      .alias("url")
      .help("Path of the file, a `file:` URI, or `:memory:`"),
    timeout: m.duration().default(20_000).alias("timeoutInSeconds").help("How long an operation may wait for a lock"),
    busyTimeout: m
      .duration()
      .default(2_000)
      .help("Accepted for compatibility; a locked file is waited for up to `timeout`"),
    disableWAL: m.flag().default(false).help("For network file systems: no write-ahead log, readers wait for writers"),
    tableName: m.text().default("state").help("Table of the values"),
    metadataTableName: m.text().default("metadata").help("Table of the schema level and the last clean-up"),
    cleanupInterval: m
      .duration()
      .default(0)
      .alias("cleanupIntervalInSeconds")
      .help("How often expired rows are removed; 0 leaves them, they are hidden all the same"),
    enableQuery: m.flag().default(false).help("Turns on the query API over JSON values"),
    countsWrites: m
      .flag()
      .default(false)
      .help("ETags as a Redis store has them: 1, 2, … for each key, and not compared when a write says last-write"),
  },
  async open(metadata, context) {
    const { clock, random, log } = context;
    const connection = readSqliteConnection(metadata, (message) => log.warn(message));
    const tables = tablesOf(checkIdentifier(metadata.tableName), checkIdentifier(metadata.metadataTableName));
    const storage = await context.storage(connection.path, connection.open).catch((cause: unknown) => {
      throw storageFailure(cause, "failed to ping");
    });
    try {
      await prepareTables(storage, tables);
    } catch (cause) {
      await storage.close();
      throw storageFailure(cause, "failed to perform migrations");
    }
    const stopCleanup = scheduleCleanup({ database: storage, tables, clock, log, everyMs: metadata.cleanupInterval });
    return createSqlStateStore({
      database: storage,
      embedded: storage,
      tables,
      clock,
      random,
      enableQuery: metadata.enableQuery,
      countsWrites: metadata.countsWrites,
      beforeClose: stopCleanup,
    });
  },
});

import type { SQLQueryBindings } from "bun:sqlite";
import type { SqlDatabase, SqliteOpen, SqlRow, SqlValue } from "../types.ts";
import { createSqlDatabase, openingFailure } from "./sqlite.ts";

/** Opens a file with Bun's SQLite, creating it when it is missing and not `readonly`. The module is loaded on the first use. */
export function openBunSqlite(path: string, options?: SqliteOpen): SqlDatabase {
  const { Database, SQLiteError } = process.getBuiltinModule("bun:sqlite" as never) as typeof import("bun:sqlite");
  const errorCode = (error: unknown) => (error instanceof SQLiteError ? error.errno : undefined);
  const open = () => {
    try {
      return new Database(path, options?.readonly ? { readonly: true } : { readwrite: true, create: true });
    } catch (error) {
      throw openingFailure(path, error, errorCode(error));
    }
  };
  const database = open();
  return createSqlDatabase({
    prepare(sql) {
      const statement = database.prepare<SqlRow, SQLQueryBindings[]>(sql);
      const bind = (params: readonly SqlValue[]) => params as SQLQueryBindings[];
      return {
        readonly: statement.readonly,
        readBigInts: () => void statement.safeIntegers(true),
        run: (params) => statement.run(...bind(params)),
        get: (params) => statement.get(...bind(params)) ?? undefined,
        all: (params) => statement.all(...bind(params)),
        finalize: () => statement.finalize(),
      };
    },
    exec: (sql) => void database.run(sql),
    close: () => database.close(),
    errorCode,
    isRangeError: () => false,
  });
}

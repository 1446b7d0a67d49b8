import type { SqlDatabase, SqliteOpen, SqlRow, SqlValue } from "../types.ts";
import { createSqlDatabase } from "./sqlite.ts";

const readsOnly = /^\s*(?:select|values|explain)\b/i;

/** Node prints a warning when this module is loaded, which is of no use to whoever runs the program. */
function loadSqlite(): typeof import("node:sqlite") {
  const warn = process.emitWarning;
  process.emitWarning = () => {};
  try {
    return process.getBuiltinModule("node:sqlite");
  } finally {
    process.emitWarning = warn;
  }
}

/** portable: this module binds every number as a float, Bun's binds whole numbers as integers; bigint makes them integers. */
function bind(params: readonly SqlValue[]): SqlValue[] {
  return params.map((value) => (typeof value === "number" && Number.isSafeInteger(value) ? BigInt(value) : value));
}

/** Opens a file with `node:sqlite` (Node and Deno), creating it when it is missing and not `readonly`. */
export function openNodeSqlite(path: string, options?: SqliteOpen): SqlDatabase {
  const { DatabaseSync } = loadSqlite();
  const database = new DatabaseSync(path, {
    readOnly: options?.readonly ?? false,
    // portable: as Bun's, so that a schema means the same everywhere
    enableForeignKeyConstraints: false,
  });
  return createSqlDatabase({
    prepare(sql) {
      const statement = database.prepare(sql);
      return {
        readonly: readsOnly.test(sql),
        readBigInts: () => statement.setReadBigInts(true),
        run: (params) => statement.run(...bind(params)),
        get(params) {
          const row = statement.get(...bind(params));
          return row === undefined ? undefined : ({ ...row } as SqlRow);
        },
        all: (params) => statement.all(...bind(params)).map((row) => ({ ...row }) as SqlRow),
        finalize() {},
      };
    },
    exec: (sql) => database.exec(sql),
    close: () => database.close(),
    errorCode: (error) => (error as { errcode?: number }).errcode,
    isRangeError: (error) => (error as NodeJS.ErrnoException).code === "ERR_OUT_OF_RANGE",
  });
}

import type { SqlDatabase, SqliteOpen, SqlRow, SqlValue } from "../types.ts";
import { createSqlDatabase, openingFailure } from "./sqlite.ts";

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

/** SQLite's own texts and their codes, for errors that come without a code. */
const codesByText: readonly (readonly [string, number])[] = [
  ["database is locked", 5],
  ["table is locked", 6],
  ["readonly database", 8],
  ["disk I/O error", 10],
  ["malformed", 11],
  ["database or disk is full", 13],
  ["unable to open database file", 14],
  ["constraint failed", 19],
  ["not a database", 26],
];

/** portable: in Deno (2.9.6) errors of `exec` and of opening a file have no code. */
function errorCode(error: unknown): number | undefined {
  const { code, errcode, message } = error as { code?: string; errcode?: number; message: string };
  if (errcode !== undefined || code !== "ERR_SQLITE_ERROR") return errcode;
  return codesByText.find(([text]) => message.includes(text))?.[1] ?? 1;
}

/** portable: this module binds every number as a float, Bun's binds whole numbers as integers; bigint makes them integers. */
function bind(params: readonly SqlValue[]): SqlValue[] {
  return params.map((value) => (typeof value === "number" && Number.isSafeInteger(value) ? BigInt(value) : value));
}

/** Opens a file with `node:sqlite` (Node and Deno), creating it when it is missing and not `readonly`. */
export function openNodeSqlite(path: string, options?: SqliteOpen): SqlDatabase {
  const { DatabaseSync } = loadSqlite();
  const open = () => {
    try {
      return new DatabaseSync(path, {
        readOnly: options?.readonly ?? false,
        // portable: as Bun's, so that a schema means the same everywhere
        enableForeignKeyConstraints: false,
      });
    } catch (error) {
      throw openingFailure(path, error, errorCode(error));
    }
  };
  const database = open();
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
    errorCode,
    isRangeError: (error) => (error as NodeJS.ErrnoException).code === "ERR_OUT_OF_RANGE",
  });
}

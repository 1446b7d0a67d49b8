import type { SqlDatabase, SqlRow, SqlValue } from "../types.ts";

/** One prepared statement of a runtime's own SQLite. */
export interface RawStatement {
  /** It cannot write, so it may be run a second time. */
  readonly readonly: boolean;
  /** All integers come back as bigint from now on. */
  readBigInts(): void;
  run(params: readonly SqlValue[]): { readonly changes: number | bigint; readonly lastInsertRowid: number | bigint };
  get(params: readonly SqlValue[]): SqlRow | undefined;
  all(params: readonly SqlValue[]): SqlRow[];
  finalize(): void;
}
/** What a runtime brings to `createSqlDatabase`. */
export interface RawDatabase {
  prepare(sql: string): RawStatement;
  exec(sql: string): void;
  close(): void;
  /** The extended result code of an error that this runtime's SQLite threw. */
  errorCode(error: unknown): number | undefined;
  /** Reading a too large integer as a number throws this instead of rounding it. */
  isRangeError(error: unknown): boolean;
}

interface CachedStatement {
  readonly raw: RawStatement;
  bigInts: boolean;
}

const mostStatements = 1_000;

class SqliteFailure extends Error {
  override readonly name = "SqliteError";
  readonly sqliteCode: number;
  constructor(message: string, sqliteCode: number, cause: unknown) {
    super(message, { cause });
    this.sqliteCode = sqliteCode;
  }
}

/** The error of a file that could not be opened, with SQLite's code. */
export function openingFailure(path: string, error: unknown, sqliteCode: number | undefined): Error {
  return new SqliteFailure(
    `opening the database "${path}" failed: ${(error as Error).message}`,
    sqliteCode ?? 14,
    error,
  );
}

function narrow(row: SqlRow): SqlRow {
  for (const column in row) {
    const value = row[column];
    if (typeof value === "bigint" && value >= Number.MIN_SAFE_INTEGER && value <= Number.MAX_SAFE_INTEGER)
      row[column] = Number(value);
  }
  return row;
}

function rounded(row: SqlRow): boolean {
  for (const column in row) {
    const value = row[column];
    if (typeof value === "number" && Number.isInteger(value) && !Number.isSafeInteger(value)) return true;
  }
  return false;
}

/**
 * One behaviour over the runtimes' SQLite: a statement cache, integers as numbers while they are safe and as bigint beyond, rows
 * as plain objects, errors with `sqliteCode`. Plain numbers are read first because bigint costs half again as much.
 */
export function createSqlDatabase(database: RawDatabase): SqlDatabase {
  const statements = new Map<string, CachedStatement>();

  function statement(sql: string): CachedStatement {
    let found = statements.get(sql);
    if (found !== undefined) return found;
    const raw = database.prepare(sql);
    found = { raw, bigInts: false };
    // A statement that writes cannot be run again when a number turns out too large, so it reads bigint from the start.
    if (!raw.readonly) widen(found);
    if (statements.size >= mostStatements) {
      const [oldest, cached] = statements.entries().next().value as [string, CachedStatement];
      statements.delete(oldest);
      cached.raw.finalize();
    }
    statements.set(sql, found);
    return found;
  }
  function widen(cached: CachedStatement): void {
    cached.raw.readBigInts();
    cached.bigInts = true;
  }
  function failure(error: unknown): unknown {
    const code = database.errorCode(error);
    return code === undefined ? error : new SqliteFailure((error as Error).message, code, error);
  }

  return {
    exec(sql) {
      try {
        database.exec(sql);
      } catch (error) {
        throw failure(error);
      }
    },
    run(sql, params) {
      try {
        const done = statement(sql).raw.run(params);
        return { changes: Number(done.changes), lastId: Number(done.lastInsertRowid) };
      } catch (error) {
        throw failure(error);
      }
    },
    get(sql, params) {
      try {
        const cached = statement(sql);
        if (!cached.bigInts) {
          try {
            const row = cached.raw.get(params);
            if (row === undefined || !rounded(row)) return row;
          } catch (error) {
            if (!database.isRangeError(error)) throw error;
          }
          widen(cached);
        }
        const row = cached.raw.get(params);
        return row === undefined ? undefined : narrow(row);
      } catch (error) {
        throw failure(error);
      }
    },
    all(sql, params) {
      try {
        const cached = statement(sql);
        if (!cached.bigInts) {
          try {
            const rows = cached.raw.all(params);
            if (!rows.some(rounded)) return rows;
          } catch (error) {
            if (!database.isRangeError(error)) throw error;
          }
          widen(cached);
        }
        return cached.raw.all(params).map(narrow);
      } catch (error) {
        throw failure(error);
      }
    },
    close() {
      for (const cached of statements.values()) cached.raw.finalize();
      statements.clear();
      database.close();
    },
  };
}

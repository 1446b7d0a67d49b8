/** What is wrong with a file: who can mend it depends on the kind. */
export type StorageErrorKind = "locked" | "readonly" | "full" | "corrupt" | "newer" | "closed" | "failed";

const storageMarker = Symbol.for("pillion.StorageError");
const expectationMarker = Symbol.for("pillion.ExpectationError");

/** A file could not be read or written. The message names the file and what to do. */
export class StorageError extends Error {
  readonly [storageMarker] = true;
  readonly kind: StorageErrorKind;
  constructor(kind: StorageErrorKind, message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.name = "StorageError";
    this.kind = kind;
  }

  /** True also for errors made by another copy of this module. */
  static is(value: unknown): value is StorageError {
    return typeof value === "object" && value !== null && storageMarker in value;
  }
}

/** A step changed another number of rows than its transaction expected; nothing of the transaction was kept. */
export class ExpectationError extends Error {
  readonly [expectationMarker] = true;
  /** Index of the step. */
  readonly step: number;
  /** Rows it changed or returned. */
  readonly changes: number;
  constructor(step: number, changes: number) {
    super(`step ${step} of the transaction changed ${changes} rows, which its writer did not expect`);
    this.name = "ExpectationError";
    this.step = step;
    this.changes = changes;
  }

  static is(value: unknown): value is ExpectationError {
    return typeof value === "object" && value !== null && expectationMarker in value;
  }
}

const PERM = 3;
const BUSY = 5;
const LOCKED = 6;
const READONLY = 8;
const IOERR = 10;
const CORRUPT = 11;
const FULL = 13;
const CANTOPEN = 14;
const AUTH = 23;
const NOTADB = 26;
/** Growing the shared-memory file failed: the disk is full under another name. */
const extendedFull: ReadonlySet<number> = new Set([4874]);
/** Codes that end one statement and leave its transaction alone: ERROR, TOOBIG, CONSTRAINT, MISMATCH, RANGE. */
const contained: ReadonlySet<number> = new Set([1, 18, 19, 20, 25]);

/** SQLite's primary result code of what the runtime's SQLite threw; 0 when it is no SQLite error. */
export function sqliteCode(cause: unknown): number {
  if (typeof cause !== "object" || cause === null) return 0;
  const { sqliteCode: code } = cause as { sqliteCode?: unknown };
  if (typeof code !== "number") return 0;
  return extendedFull.has(code) ? FULL : code & 0xff;
}

/** True: somebody else holds a lock, the same call may work a moment later. */
export function isBusy(cause: unknown): boolean {
  const code = sqliteCode(cause);
  return code === BUSY || code === LOCKED;
}

/** True: the disk itself failed. */
export function isIoError(cause: unknown): boolean {
  return sqliteCode(cause) === IOERR;
}

/** True: only the statement failed, what the transaction did before is still there. */
export function isContained(cause: unknown): boolean {
  return contained.has(sqliteCode(cause));
}

function describe(code: number, cause: unknown): readonly [StorageErrorKind, string] {
  switch (code) {
    case BUSY:
    case LOCKED:
      return ["locked", "database is locked by another process; wait until it is done, or stop it"];
    case PERM:
    case READONLY:
    case AUTH:
      return ["readonly", "the file or its folder is read-only; give this user the right to write to both"];
    case FULL:
      return ["full", "the disk is full; free some space, everything that was acknowledged is kept"];
    case CORRUPT:
    case NOTADB:
      return ["corrupt", "the file is damaged or is no SQLite database; restore it from a backup or move it away"];
    case CANTOPEN:
      return [
        "failed",
        "the file cannot be opened; its folder must exist and this user must be allowed to write there",
      ];
    default:
      return ["failed", cause instanceof Error ? cause.message : String(cause)];
  }
}

/** The StorageError for what SQLite threw while it did `action` (a verb, for example "write to") on the file. */
export function storageError(action: string, path: string, cause: unknown): StorageError {
  if (StorageError.is(cause)) return cause;
  const [kind, text] = describe(sqliteCode(cause), cause);
  return new StorageError(kind, `cannot ${action} ${JSON.stringify(path)}: ${text}`, { cause });
}

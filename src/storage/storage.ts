import type { SqlRow, SqlValue } from "../platform/types.ts";

/** One statement of a transaction. */
export interface Step {
  readonly sql: string;
  /** Bytes among them must stay as they are until the write is answered. */
  readonly params: readonly SqlValue[];
  /** Rows that must have been changed (or returned); otherwise the whole transaction is rolled back and its caller gets an ExpectationError. */
  readonly expect?: number | { readonly min: number };
  /** True: the rows of a RETURNING clause or a SELECT come back in the result. */
  readonly returning?: boolean;
}
export interface StepResult {
  readonly changes: number;
  readonly rows: readonly SqlRow[];
}

/** A numbered change of a schema; `statements` run once, in order, in one transaction. */
export interface Migration {
  readonly version: number;
  readonly statements: readonly string[];
}
/** Tables of one owner (a driver or a role) in a file. A file with a newer version than the last migration is refused. */
export interface Schema {
  readonly owner: string;
  readonly migrations: readonly Migration[];
}

/** How a file is opened. The first opener of a file decides; who opens it later with another access is refused. */
export interface StorageOpen {
  /** `read` refuses every write, `existing` does not create the file. Default `create`. */
  readonly access?: "create" | "existing" | "read";
  /** `delete` is for file systems without shared memory; readers then wait for commits. Default `wal`. */
  readonly journal?: "wal" | "delete";
  /** How long a write waits for the lock of another process, in milliseconds. Default 20 s. */
  readonly lockWaitMs?: number;
  /** Further pragmas of both connections, for example `["cache_size", "-8000"]`. */
  readonly pragmas?: readonly (readonly [name: string, value: string])[];
}

/** What the running writer says of itself. */
export interface StorageDescription {
  /** `wal`, `delete` or `memory`. */
  readonly journalMode: string;
  /** 2 = FULL: a commit is on disk before it is answered. */
  readonly synchronous: number;
  readonly sqliteVersion: string;
  /** True: the writer has a thread of its own. */
  readonly threaded: boolean;
}

/**
 * The embedded engine of one SQLite file: one writer (in a thread, group commit, synchronous=FULL), one reader, transactions as data.
 * Errors are StorageError (kind locked, readonly, full, corrupt, newer, closed, failed) and ExpectationError.
 */
export interface Storage {
  readonly path: string;
  /** Runs on this thread, on a read-only connection, never waits for the writer. Sees everything committed before the call. */
  get(sql: string, params: readonly SqlValue[]): SqlRow | undefined;
  all(sql: string, params: readonly SqlValue[]): SqlRow[];
  /** Resolves after a durable COMMIT. All steps or none; several transactions may share one commit. */
  write(steps: readonly Step[]): Promise<readonly StepResult[]>;
  migrate(schema: Schema): Promise<void>;
  /** Calls back after every commit of this process (and after commits of others that were noticed); the answer stops it. */
  onCommit(listen: () => void): () => void;
  /** What the users of this file in this process have in common, each under its own name. */
  readonly shared: Map<string, unknown>;
  /** Asks the running writer. */
  describe(): Promise<StorageDescription>;
  /** Releases one use; the last one closes the file. */
  close(): Promise<void>;
}

import type { SqlRow, SqlValue } from "../../src/platform/types.ts";
import type { Step, StepResult } from "../../src/storage/storage.ts";

/**
 * What the state tables need of a database that speaks SQLite's SQL: the embedded engine, or a server far away. An unmet
 * expectation of a step is an ExpectationError and leaves nothing of its transaction.
 */
export interface StateDatabase {
  get(sql: string, params: readonly SqlValue[], signal?: AbortSignal): SqlRow | undefined | Promise<SqlRow | undefined>;
  all(sql: string, params: readonly SqlValue[], signal?: AbortSignal): SqlRow[] | Promise<SqlRow[]>;
  /** All steps or none. Resolves when they are durable. */
  write(steps: readonly Step[], signal?: AbortSignal): Promise<readonly StepResult[]>;
  close(): Promise<void>;
}

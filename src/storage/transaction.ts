import type { SqlDatabase, SqlRow, SqlValue } from "../platform/types.ts";
import type { Step, StepResult } from "./storage.ts";
import type { StorageErrorKind } from "./storage-error.ts";
import { ExpectationError, isContained, StorageError, storageError } from "./storage-error.ts";

/** A step as the writer runs it: bounds instead of an expectation. */
export interface PlainStep {
  readonly sql: string;
  readonly params: readonly SqlValue[];
  readonly returning: boolean;
  readonly least: number;
  readonly most: number;
}
export type Transaction = readonly PlainStep[];

/** What became of a transaction. `done` has per step the number of changed rows, or the rows of a returning step. */
export type Outcome =
  | { readonly kind: "done"; readonly results: readonly (number | readonly SqlRow[])[] }
  | { readonly kind: "unexpected"; readonly step: number; readonly changes: number }
  | { readonly kind: "error"; readonly error: StorageErrorKind; readonly message: string };

/** The step with its expectation as bounds. */
export function plainStep(step: Step): PlainStep {
  const { expect } = step;
  const least = expect === undefined ? 0 : typeof expect === "number" ? expect : expect.min;
  const most = typeof expect === "number" ? expect : Number.POSITIVE_INFINITY;
  return { sql: step.sql, params: step.params, returning: step.returning === true, least, most };
}

/** A failure as an outcome, for callers on another thread. */
export function failedOutcome(action: string, path: string, cause: unknown): Outcome {
  const error = storageError(action, path, cause);
  return { kind: "error", error: error.kind, message: error.message };
}

const noRows: readonly SqlRow[] = Object.freeze([]);

const oneChange: StepResult = Object.freeze({ changes: 1, rows: noRows });
const oneChangeEach = (steps: number): readonly StepResult[] => new Array<StepResult>(steps).fill(oneChange);
/** By the number of steps, up to those of a transaction with outbox and inbox of a few keys. */
const fewResults = Object.freeze([0, 1, 2, 3, 4, 5, 6, 7, 8].map((steps) => Object.freeze(oneChangeEach(steps))));

/** The results of a transaction whose steps have changed one row each. */
export function plainResults(steps: number): readonly StepResult[] {
  return fewResults[steps] ?? oneChangeEach(steps);
}

/** The results of a done transaction; throws the error of any other. */
export function resultsOf(outcome: Outcome): readonly StepResult[] {
  if (outcome.kind === "unexpected") throw new ExpectationError(outcome.step, outcome.changes);
  if (outcome.kind === "error") throw new StorageError(outcome.error, outcome.message);
  return outcome.results.map((result) =>
    typeof result === "number" ? { changes: result, rows: noRows } : { changes: result.length, rows: result },
  );
}

/**
 * Runs the steps inside the open transaction of `db`; undefined means that the open transaction itself is lost or
 * tainted and must be rolled back. `isShared`: others are in the transaction, so only what these steps did may be undone, which
 * takes a savepoint: `isGuarded`.
 */
export function runTransaction(
  db: SqlDatabase,
  path: string,
  steps: Transaction,
  { isShared, isGuarded }: { readonly isShared: boolean; readonly isGuarded: boolean },
): Outcome | undefined {
  const results: (number | readonly SqlRow[])[] = [];
  let failure: Outcome | undefined;
  let hasChanged = false;
  try {
    if (isGuarded) db.run("SAVEPOINT step", []);
    for (let index = 0; index < steps.length; index++) {
      const { sql, params, returning, least, most } = steps[index] as PlainStep;
      const result = returning ? db.all(sql, params) : db.run(sql, params).changes;
      const changes = typeof result === "number" ? result : result.length;
      hasChanged ||= changes > 0;
      if (changes < least || changes > most) {
        failure = { kind: "unexpected", step: index, changes };
        break;
      }
      results.push(result);
    }
  } catch (cause) {
    if (isShared && !isContained(cause)) return undefined;
    failure = failedOutcome("write to", path, cause);
  }
  if (!isGuarded) {
    if (failure === undefined) return { kind: "done", results };
    // A statement that fails leaves nothing behind.
    return isShared && hasChanged ? undefined : failure;
  }
  try {
    if (failure !== undefined) db.run("ROLLBACK TO step", []);
    db.run("RELEASE step", []);
  } catch {
    return undefined;
  }
  return failure ?? { kind: "done", results };
}

/** Bytes that a changed row adds to the log beside what is put into it: its part of the pages that are written with it. */
const ROW_BYTES = 500;

/** About how much a done transaction has added to the log. */
export function bytesInLog(steps: Transaction, outcome: Outcome | undefined): number {
  let bytes = steps.length;
  for (const { params } of steps)
    for (let index = 0; index < params.length; index++) {
      const value = params[index];
      if (typeof value === "string" || value instanceof Uint8Array) bytes += value.length;
    }
  if (outcome?.kind !== "done") return bytes;
  for (const result of outcome.results) bytes += ROW_BYTES * (typeof result === "number" ? result : result.length);
  return bytes;
}

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
const plainResult: readonly StepResult[] = Object.freeze([oneChange]);

/** The results of a transaction whose steps have changed one row each. */
export function plainResults(steps: number): readonly StepResult[] {
  return steps === 1 ? plainResult : new Array<StepResult>(steps).fill(oneChange);
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
 * tainted and must be rolled back. `grouped`: others share the transaction, so only what these steps did may be undone.
 */
export function runTransaction(
  db: SqlDatabase,
  path: string,
  steps: Transaction,
  grouped: boolean,
): Outcome | undefined {
  // A single statement is atomic by itself: no savepoint, half the work.
  if (steps.length === 1) return runSingle(db, path, steps[0] as PlainStep, grouped);
  const guarded = grouped;
  const results: (number | readonly SqlRow[])[] = [];
  let failure: Outcome | undefined;
  try {
    if (guarded) db.run("SAVEPOINT step", []);
    for (const [index, step] of steps.entries()) {
      const result = step.returning ? db.all(step.sql, step.params) : db.run(step.sql, step.params).changes;
      const changes = typeof result === "number" ? result : result.length;
      if (changes < step.least || changes > step.most) {
        failure = { kind: "unexpected", step: index, changes };
        break;
      }
      results.push(result);
    }
  } catch (cause) {
    if (grouped && !isContained(cause)) return undefined;
    failure = failedOutcome("write to", path, cause);
  }
  if (!guarded) return failure ?? { kind: "done", results };
  try {
    if (failure !== undefined) db.run("ROLLBACK TO step", []);
    db.run("RELEASE step", []);
  } catch {
    return undefined;
  }
  return failure ?? { kind: "done", results };
}

function runSingle(db: SqlDatabase, path: string, step: PlainStep, grouped: boolean): Outcome | undefined {
  let result: number | readonly SqlRow[];
  try {
    result = step.returning ? db.all(step.sql, step.params) : db.run(step.sql, step.params).changes;
  } catch (cause) {
    return grouped && !isContained(cause) ? undefined : failedOutcome("write to", path, cause);
  }
  const changes = typeof result === "number" ? result : result.length;
  if (changes >= step.least && changes <= step.most) return { kind: "done", results: [result] };
  return grouped && changes > 0 ? undefined : { kind: "unexpected", step: 0, changes };
}

import type { SqlRow } from "../platform/types.ts";
import type { StorageDescription, StorageOpen } from "./storage.ts";
import type { StorageErrorKind } from "./storage-error.ts";
import type { Outcome } from "./transaction.ts";

/**
 * To the writer's thread. `file` tells files apart. A number alone is a file in whose lane something new is: numbers cross
 * threads at half the price of objects.
 */
export type Request =
  | number
  | {
      readonly type: "open";
      readonly file: number;
      readonly path: string;
      readonly options: StorageOpen;
      readonly syncDelayMs: number;
      /** The lane of the file's transactions. */
      readonly memory: SharedArrayBuffer;
    }
  /** A transaction that is too large for the lane; an empty record there stands for it. */
  | { readonly type: "large"; readonly file: number; readonly bytes: Uint8Array }
  | { readonly type: "describe"; readonly file: number }
  | { readonly type: "close"; readonly file: number };

type Failure = { readonly kind: StorageErrorKind; readonly message: string };
/** From the writer's thread. Transactions are answered in their order; a number alone is a `plainReply`. */
export type Reply =
  | number
  | { readonly type: "opened"; readonly file: number; readonly failure?: Failure }
  | { readonly type: "written"; readonly file: number; readonly outcomes: FlatOutcomes }
  | { readonly type: "described"; readonly file: number; readonly description?: StorageDescription }
  | { readonly type: "closed"; readonly file: number };

const MOST_PLAIN = 2 ** 24;

/** What nearly all replies are: each step of the next transactions of the file changed one row. Undefined for any others. */
export function plainReply(file: number, outcomes: readonly Outcome[]): number | undefined {
  if (outcomes.length >= MOST_PLAIN) return undefined;
  for (const outcome of outcomes)
    if (outcome.kind !== "done" || !outcome.results.every((result) => result === 1)) return undefined;
  return file * MOST_PLAIN + outcomes.length;
}

/** The file and the number of transactions of a `plainReply`. */
export function readPlainReply(reply: number): { readonly file: number; readonly count: number } {
  return { file: Math.floor(reply / MOST_PLAIN), count: reply % MOST_PLAIN };
}

/** Per transaction: number of results and the results, or -1 with step and changes, or -2 with kind and message. */
export type FlatOutcomes = (number | string | readonly SqlRow[])[];

/** Outcomes as one flat list: cloning it to the other thread is cheaper than cloning objects. */
export function encodeOutcomes(outcomes: readonly Outcome[]): FlatOutcomes {
  const out: FlatOutcomes = [];
  for (const outcome of outcomes) {
    if (outcome.kind === "done") out.push(outcome.results.length, ...outcome.results);
    else if (outcome.kind === "unexpected") out.push(-1, outcome.step, outcome.changes);
    else out.push(-2, outcome.error, outcome.message);
  }
  return out;
}

/** The way back of `encodeOutcomes`. */
export function decodeOutcomes(flat: FlatOutcomes): Outcome[] {
  const outcomes: Outcome[] = [];
  let at = 0;
  while (at < flat.length) {
    const head = flat[at++] as number;
    if (head === -1) outcomes.push({ kind: "unexpected", step: flat[at++] as number, changes: flat[at++] as number });
    else if (head === -2)
      outcomes.push({ kind: "error", error: flat[at++] as StorageErrorKind, message: flat[at++] as string });
    else {
      const results = new Array<number | readonly SqlRow[]>(head);
      for (let step = 0; step < head; step++) results[step] = flat[at++] as number | readonly SqlRow[];
      outcomes.push({ kind: "done", results });
    }
  }
  return outcomes;
}

import type { SqlRow, SqlValue } from "../platform/types.ts";
import type { Step, StorageDescription, StorageOpen } from "./storage.ts";
import type { StorageErrorKind } from "./storage-error.ts";
import type { Outcome, PlainStep, Transaction } from "./transaction.ts";

/** A flat list: cloning it to the other thread is cheaper than cloning objects. `undefined` announces a piece of the blob. */
export type Flat = (SqlValue | undefined)[];

/** To the writer's thread. `file` tells files apart, `texts` are statements that have not been sent before: id, SQL, id, SQL. */
export type Request =
  | {
      readonly type: "open";
      readonly file: number;
      readonly path: string;
      readonly options: StorageOpen;
      readonly syncDelayMs: number;
    }
  | {
      readonly type: "write";
      readonly file: number;
      readonly batch: number;
      readonly steps: Flat;
      readonly blob: Uint8Array | null;
      readonly texts: (number | string)[] | null;
    }
  | { readonly type: "describe"; readonly file: number }
  | { readonly type: "close"; readonly file: number };

type Failure = { readonly kind: StorageErrorKind; readonly message: string };
/** From the writer's thread. */
export type Reply =
  | { readonly type: "opened"; readonly file: number; readonly failure?: Failure }
  | {
      readonly type: "written";
      readonly file: number;
      readonly batch: number;
      /** How long the thread was busy with the batch. */
      readonly tookMs: number;
      readonly outcomes: FlatOutcomes;
    }
  | { readonly type: "described"; readonly file: number; readonly description?: StorageDescription }
  | { readonly type: "closed"; readonly file: number };

const MAX_TEXTS = 500;

function isSqlValue(value: unknown): boolean {
  const kind = typeof value;
  return kind === "string" || kind === "number" || value === null || kind === "bigint" || value instanceof Uint8Array;
}

/** Collects transactions into one message. Values of several kinds go side by side in one list, bytes into one buffer. */
export class BatchEncoder {
  readonly #ids = new Map<string, number>();
  #steps: Flat = [];
  #texts: (number | string)[] | null = null;
  #blobs: Uint8Array[] = [];
  #blobSize = 0;

  /** Appends a transaction: number of steps, then per step id and flag, bounds, number of parameters, parameters. */
  add(steps: readonly Step[]): void {
    // Anything else would spoil the message for all that share it.
    for (const { sql, params } of steps)
      for (let index = 0; index < params.length; index++)
        if (!isSqlValue(params[index])) {
          const kind = typeof params[index];
          throw new TypeError(`a parameter of kind ${kind} is none for SQL: ${sql}`);
        }
    const out = this.#steps;
    out.push(steps.length);
    for (const { sql, params, expect, returning } of steps) {
      const id = this.#id(sql);
      out.push(id * 2 + (returning === true ? 1 : 0));
      if (id === 0) out.push(sql);
      out.push(expect === undefined ? -1 : typeof expect === "number" ? expect : -2 - expect.min, params.length);
      for (let index = 0; index < params.length; index++) {
        const value = params[index] as SqlValue;
        if (value instanceof Uint8Array) {
          out.push(undefined, this.#blobSize, value.length);
          this.#blobs.push(value);
          this.#blobSize += value.length;
        } else out.push(value);
      }
    }
  }

  /** The message's parts; the encoder starts anew, but remembers which statements the thread knows. */
  take(): { steps: Flat; blob: Uint8Array<ArrayBuffer> | null; texts: (number | string)[] | null } {
    const taken = { steps: this.#steps, blob: this.#joined(), texts: this.#texts };
    this.#steps = [];
    this.#texts = null;
    this.#blobs = [];
    this.#blobSize = 0;
    return taken;
  }

  #joined(): Uint8Array<ArrayBuffer> | null {
    if (this.#blobs.length === 0) return null;
    const joined = new Uint8Array(this.#blobSize);
    let at = 0;
    for (const blob of this.#blobs) {
      joined.set(blob, at);
      at += blob.length;
    }
    return joined;
  }

  /** Number of the statement; 0 = its text goes along, because too many different ones have been seen. */
  #id(sql: string): number {
    const known = this.#ids.get(sql);
    if (known !== undefined) return known;
    if (this.#ids.size >= MAX_TEXTS) return 0;
    const id = this.#ids.size + 1;
    this.#ids.set(sql, id);
    this.#texts ??= [];
    this.#texts.push(id, sql);
    return id;
  }
}

/** Reads what a BatchEncoder wrote; remembers the statements of the messages before. */
export class BatchDecoder {
  readonly #texts = new Map<number, string>();

  decode(steps: Flat, blob: Uint8Array | null, texts: readonly (number | string)[] | null): Transaction[] {
    for (let at = 0; texts !== null && at < texts.length; at += 2)
      this.#texts.set(Number(texts[at]), String(texts[at + 1]));
    const transactions: Transaction[] = [];
    let at = 0;
    while (at < steps.length) {
      const count = steps[at++] as number;
      const transaction: PlainStep[] = [];
      for (let step = 0; step < count; step++) {
        const code = steps[at++] as number;
        const sql = code < 2 ? (steps[at++] as string) : (this.#texts.get(code >> 1) as string);
        const expect = steps[at++] as number;
        const size = steps[at++] as number;
        const params: SqlValue[] = new Array(size);
        for (let index = 0; index < size; index++) {
          const value = steps[at++];
          if (value === undefined) {
            const start = steps[at++] as number;
            params[index] = (blob as Uint8Array).subarray(start, start + (steps[at++] as number));
          } else params[index] = value;
        }
        const least = expect === -1 ? 0 : expect < 0 ? -2 - expect : expect;
        const most = expect < 0 ? Number.POSITIVE_INFINITY : expect;
        transaction.push({ sql, params, returning: (code & 1) === 1, least, most });
      }
      transactions.push(transaction);
    }
    return transactions;
  }
}

/** Per transaction: number of results and the results, or -1 with step and changes, or -2 with kind and message. */
export type FlatOutcomes = (number | string | readonly SqlRow[])[];

/** Outcomes as one flat list. */
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

import { decodeUtf8, encodeUtf8Into } from "../kit/bytes.ts";
import type { SqlValue } from "../platform/types.ts";
import type { Step } from "./storage.ts";
import type { PlainStep, Transaction } from "./transaction.ts";

/** Memory that is written or read; places are offsets in it. */
export interface Memory {
  readonly bytes: Uint8Array;
  readonly view: DataView;
}

// A transaction: place and size of its text, number of steps; per step its statement, bounds, number of parameters, parameters.
// All strings of a transaction are one text: one call turns it into UTF-8 and one call back.
const HEADER = 12;
const STEP = 16;
const NULL = 0;
const INTEGER = 1;
const FLOAT = 2;
const BIGINT = 3;
const TEXT = 4;
const BYTES = 5;
const MOST_PARAM = 9;
const MOST_STATEMENTS = 500;
/** Flags of a statement's number. */
const RETURNING = 1;
const WITH_SQL = 2;

const isSmallInteger = (value: number): boolean => (value | 0) === value && !Object.is(value, -0);

/** Writes transactions as bytes. Each statement's text goes along once, until too many different ones have been seen. */
export class TransactionEncoder {
  readonly #ids = new Map<string, number>();

  /** Bytes that the transaction needs at the most. Throws a TypeError for what is no value of SQL. */
  bound(steps: readonly Step[]): number {
    let size = HEADER;
    for (const { sql, params } of steps) {
      size += STEP + params.length * MOST_PARAM;
      if (!this.#ids.has(sql)) size += sql.length * 3;
      for (let index = 0; index < params.length; index++) {
        const value: unknown = params[index];
        if (typeof value === "string") size += value.length * 3;
        else if (value instanceof Uint8Array) size += value.length;
        else if (typeof value === "bigint") size += value.toString().length;
        else if (typeof value !== "number" && value !== null)
          throw new TypeError(`a parameter of kind ${typeof value} is none for SQL: ${sql}`);
      }
    }
    return size;
  }

  /** Writes the transaction to the place and answers how many bytes it took. */
  encode(steps: readonly Step[], { bytes, view }: Memory, start: number): number {
    let text = "";
    let at = start + HEADER;
    for (const { sql, params, expect, returning } of steps) {
      const known = this.#ids.get(sql);
      const id = known ?? this.#learn(sql);
      view.setInt32(at, id * 4 + (known === undefined ? WITH_SQL : 0) + (returning === true ? RETURNING : 0), true);
      view.setInt32(at + 4, expect === undefined ? -1 : typeof expect === "number" ? expect : -2 - expect.min, true);
      view.setInt32(at + 8, params.length, true);
      view.setInt32(at + 12, known === undefined ? sql.length : 0, true);
      if (known === undefined) text += sql;
      at += STEP;
      for (let index = 0; index < params.length; index++) {
        const value = params[index] as SqlValue;
        if (value === null) view.setUint8(at++, NULL);
        else if (typeof value === "number") {
          if (isSmallInteger(value)) {
            view.setUint8(at, INTEGER);
            view.setInt32(at + 1, value, true);
            at += 5;
          } else {
            view.setUint8(at, FLOAT);
            view.setFloat64(at + 1, value, true);
            at += 9;
          }
        } else if (value instanceof Uint8Array) {
          view.setUint8(at, BYTES);
          view.setUint32(at + 1, value.length, true);
          bytes.set(value, at + 5);
          at += 5 + value.length;
        } else {
          const letters = typeof value === "string" ? value : value.toString();
          view.setUint8(at, typeof value === "string" ? TEXT : BIGINT);
          view.setUint32(at + 1, letters.length, true);
          text += letters;
          at += 5;
        }
      }
    }
    const size = text === "" ? 0 : encodeUtf8Into(text, bytes.subarray(at));
    view.setUint32(start, at - start, true);
    view.setUint32(start + 4, size, true);
    view.setUint32(start + 8, steps.length, true);
    return at - start + size;
  }

  /** The number of a new statement; 0 is that of all for which there is no place. */
  #learn(sql: string): number {
    if (this.#ids.size >= MOST_STATEMENTS) return 0;
    const id = this.#ids.size + 1;
    this.#ids.set(sql, id);
    return id;
  }
}

/** Reads what a TransactionEncoder wrote, in the same order. */
export class TransactionDecoder {
  readonly #statements: string[] = [];

  /** The transaction at the place. Bytes among its parameters are parts of the memory. */
  decode({ bytes, view }: Memory, start: number): Transaction {
    const texts = start + view.getUint32(start, true);
    const size = view.getUint32(start + 4, true);
    const text = size === 0 ? "" : decodeUtf8(bytes.subarray(texts, texts + size));
    let read = 0;
    const take = (length: number): string => text.slice(read, (read += length));
    const steps: PlainStep[] = new Array(view.getUint32(start + 8, true));
    let at = start + HEADER;
    for (let step = 0; step < steps.length; step++) {
      const code = view.getInt32(at, true);
      const expect = view.getInt32(at + 4, true);
      const params: SqlValue[] = new Array(view.getInt32(at + 8, true));
      const sql = (code & WITH_SQL) === 0 ? this.#statements[code >> 2]! : take(view.getInt32(at + 12, true));
      if ((code & WITH_SQL) !== 0 && code >> 2 > 0) this.#statements[code >> 2] = sql;
      at += STEP;
      for (let index = 0; index < params.length; index++) {
        const kind = view.getUint8(at++);
        if (kind === NULL) params[index] = null;
        else if (kind === FLOAT) {
          params[index] = view.getFloat64(at, true);
          at += 8;
        } else {
          const word = view.getInt32(at, true);
          at += 4;
          if (kind === INTEGER) params[index] = word;
          else if (kind === TEXT) params[index] = take(word);
          else if (kind === BIGINT) params[index] = BigInt(take(word));
          else {
            params[index] = bytes.subarray(at, at + word);
            at += word;
          }
        }
      }
      const least = expect === -1 ? 0 : expect < 0 ? -2 - expect : expect;
      const most = expect < 0 ? Number.POSITIVE_INFINITY : expect;
      steps[step] = { sql, params, returning: (code & RETURNING) !== 0, least, most };
    }
    return steps;
  }
}

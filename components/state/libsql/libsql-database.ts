import type { Client, InStatement, ResultSet } from "@libsql/client/web";
import { DriverError } from "../../../src/driver/errors.ts";
import type { Clock } from "../../../src/kit/clock.ts";
import { formatDuration } from "../../../src/kit/duration.ts";
import type { SqlRow, SqlValue } from "../../../src/platform/types.ts";
import type { Step } from "../../../src/storage/storage.ts";
import { ExpectationError } from "../../../src/storage/storage-error.ts";
import type { StateDatabase } from "../../_shared/state-database.ts";
import { libsqlFailure, unmetCheck } from "./libsql-failure.ts";

export type LibsqlFetch = (request: Request) => Promise<Response>;

export interface LibsqlDatabaseOptions {
  /** For messages, so without a token. */
  readonly url: string;
  readonly clock: Pick<Clock, "after">;
  readonly timeoutMs: number;
  /** Makes a client whose requests go through `fetch`. */
  connect(fetch: LibsqlFetch): Client;
}

/** Numbers leave the client as floating point; whole ones are to arrive as integers, as they do in SQLite. */
function argument(value: SqlValue): SqlValue {
  return typeof value === "number" && Number.isSafeInteger(value) ? BigInt(value) : value;
}

function statement(sql: string, params: readonly SqlValue[]): InStatement {
  return { sql, args: params.map(argument) };
}

function rowsOf({ columns, rows }: ResultSet): SqlRow[] {
  return rows.map((row) => {
    const found: SqlRow = {};
    columns.forEach((name, index) => {
      const value = row[index] ?? null;
      found[name] = value instanceof ArrayBuffer ? new Uint8Array(value) : value;
    });
    return found;
  });
}

/** A statement that fails when the one before changed another number of rows, which undoes the whole batch. */
function checkOf(expect: NonNullable<Step["expect"]>): InStatement {
  const [operator, rows] = typeof expect === "number" ? ["<>", expect] : ["<", expect.min];
  return statement(`SELECT CASE WHEN changes() ${operator} ? THEN json('!') END`, [rows]);
}

/**
 * A database on a libSQL server. Every call has a client of its own, because some hosts forbid one request to use what
 * another one opened; a call is a single HTTP request, a transaction too.
 */
export function createLibsqlDatabase(options: LibsqlDatabaseOptions): StateDatabase {
  const { url, clock, timeoutMs } = options;

  async function within<T>(signal: AbortSignal | undefined, work: (client: Client) => Promise<T>): Promise<T> {
    const limit = new AbortController();
    const cancel = clock.after(timeoutMs, () =>
      limit.abort(new DriverError("timeout", `no answer from "${url}" within ${formatDuration(timeoutMs)}`)),
    );
    const ends = signal === undefined ? limit.signal : AbortSignal.any([signal, limit.signal]);
    const client = options.connect((request) => fetch(request, { signal: ends }));
    try {
      return await work(client);
    } catch (cause) {
      if (signal?.aborted) throw new DriverError("unavailable", `the caller of "${url}" did not wait`, { cause });
      throw libsqlFailure(limit.signal.aborted ? limit.signal.reason : cause, url);
    } finally {
      cancel();
      client.close();
    }
  }

  async function read(sql: string, params: readonly SqlValue[], signal?: AbortSignal): Promise<SqlRow[]> {
    return within(signal, async (client) => rowsOf(await client.execute(statement(sql, params))));
  }

  return {
    get: async (sql, params, signal) => (await read(sql, params, signal))[0],
    all: read,
    async write(steps, signal) {
      const batch: InStatement[] = [];
      // Place in the batch to the step that is done or checked there.
      const places: { readonly step: number; readonly isCheck: boolean }[] = [];
      for (const [step, { sql, params, expect }] of steps.entries()) {
        places.push({ step, isCheck: false });
        batch.push(statement(sql, params));
        if (expect === undefined) continue;
        places.push({ step, isCheck: true });
        batch.push(checkOf(expect));
      }
      const [first] = batch;
      const results = await within(signal, async (client) => {
        // A single statement is atomic by itself.
        if (first !== undefined && batch.length === 1) return [await client.execute(first)];
        return client.batch(batch, "write").catch((cause: unknown) => {
          const place = unmetCheck(cause, (index) => places[index]?.isCheck === true);
          // The server does not say how many rows it were.
          throw place === undefined ? cause : new ExpectationError(places[place]?.step ?? 0, 0);
        });
      });
      return results
        .filter((_, index) => places[index]?.isCheck === false)
        .map((result) => ({ changes: result.rowsAffected, rows: rowsOf(result) }));
    },
    close: async () => undefined,
  };
}

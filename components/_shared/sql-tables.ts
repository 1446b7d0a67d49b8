import type { StateDatabase } from "./state-database.ts";

/** The tables of a component, as they stand in SQL. */
export interface Tables {
  readonly state: string;
  readonly metadata: string;
}

/** The tables with checked names. */
export function tablesOf(state: string, metadata: string): Tables {
  return { state: `"${state}"`, metadata: `"${metadata}"` };
}

const LEVEL = 1;

async function levelOf(database: Pick<StateDatabase, "get">, tables: Tables): Promise<number> {
  const name = tables.metadata.slice(1, -1);
  const table = await database.get("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ? COLLATE NOCASE", [
    name,
  ]);
  if (table === undefined) return 0;
  const row = await database.get(`SELECT value FROM ${tables.metadata} WHERE key = 'migrations'`, []);
  if (row === undefined) return 0;
  const text = String(row["value"]);
  if (!/^\+?[0-9]+$/.test(text)) throw new Error(`invalid migration level found in metadata table: ${text}`);
  return Number(text);
}

/**
 * Makes the tables where they are missing. compat: columns, their order and the level are upstream's, whose first-write
 * insert goes by position; a higher level is accepted.
 */
export async function prepareTables(database: Pick<StateDatabase, "get" | "write">, tables: Tables): Promise<void> {
  if ((await levelOf(database, tables)) >= LEVEL) return;
  const sql = (text: string) => ({ sql: text, params: [] });
  await database.write([
    sql(`CREATE TABLE IF NOT EXISTS ${tables.metadata} (key text NOT NULL PRIMARY KEY, value text NOT NULL)`),
    sql(
      `CREATE TABLE IF NOT EXISTS ${tables.state} (key TEXT NOT NULL PRIMARY KEY, value TEXT NOT NULL, is_binary BOOLEAN NOT NULL, etag TEXT NOT NULL, expiration_time TIMESTAMP DEFAULT NULL, update_time TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP)`,
    ),
    // Another process may have done all this a moment ago.
    sql(
      `INSERT INTO ${tables.metadata} (key, value) VALUES ('migrations', '${LEVEL}') ON CONFLICT (key) DO UPDATE SET value = excluded.value WHERE CAST(value AS INTEGER) < ${LEVEL}`,
    ),
  ]);
}

import type { Storage } from "../../../src/storage/storage.ts";

const level = 1;

/** Makes the table of addresses where it is missing, as upstream has it; a higher level is accepted. Names are checked identifiers. */
export async function prepareHosts(storage: Storage, hosts: string, metadata: string): Promise<void> {
  if (levelOf(storage, metadata) >= level) return;
  const sql = (text: string) => ({ sql: text, params: [] });
  await storage.write([
    sql(`CREATE TABLE IF NOT EXISTS "${metadata}" (key text NOT NULL PRIMARY KEY, value text NOT NULL)`),
    sql(
      `CREATE TABLE IF NOT EXISTS "${hosts}" (registration_id TEXT NOT NULL PRIMARY KEY, address TEXT NOT NULL, app_id TEXT NOT NULL, namespace TEXT NOT NULL, last_update INTEGER NOT NULL)`,
    ),
    sql(`CREATE UNIQUE INDEX IF NOT EXISTS "${hosts}_address_idx" ON "${hosts}" (address)`),
    sql(`CREATE INDEX IF NOT EXISTS "${hosts}_last_update_idx" ON "${hosts}" (last_update)`),
    // Another process may have done all this a moment ago.
    sql(
      `INSERT INTO "${metadata}" (key, value) VALUES ('nr-migrations', '${level}') ON CONFLICT (key) DO UPDATE SET value = excluded.value WHERE CAST(value AS INTEGER) < ${level}`,
    ),
  ]);
}

function levelOf(storage: Storage, metadata: string): number {
  const named = "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ? COLLATE NOCASE";
  if (storage.get(named, [metadata]) === undefined) return 0;
  const row = storage.get(`SELECT value FROM "${metadata}" WHERE key = 'nr-migrations'`, []);
  if (row === undefined) return 0;
  const text = String(row["value"]);
  if (!/^\+?[0-9]+$/.test(text)) throw new Error(`invalid migration level found in metadata table: ${text}`);
  return Number(text);
}

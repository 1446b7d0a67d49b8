import type { Schema, Step, Storage } from "./storage.ts";
import { ExpectationError, StorageError } from "./storage-error.ts";

const TABLE = "pillion_schema";

function versionOf(storage: Pick<Storage, "get">, owner: string): number {
  const table = storage.get("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ?", [TABLE]);
  if (table === undefined) return 0;
  return Number(storage.get(`SELECT version FROM ${TABLE} WHERE owner = ?`, [owner])?.["version"] ?? 0);
}

function stepsTo(owner: string, version: number, before: number, statements: readonly string[]): Step[] {
  return [
    {
      sql: `CREATE TABLE IF NOT EXISTS ${TABLE} (owner TEXT NOT NULL PRIMARY KEY, version INTEGER NOT NULL) WITHOUT ROWID`,
      params: [],
    },
    { sql: `INSERT INTO ${TABLE} (owner, version) VALUES (?, 0) ON CONFLICT DO NOTHING`, params: [owner] },
    // Another process may have been quicker: then nothing of this transaction is kept.
    {
      sql: `UPDATE ${TABLE} SET version = ? WHERE owner = ? AND version = ?`,
      params: [version, owner, before],
      expect: 1,
    },
    ...statements.map((sql) => ({ sql, params: [] })),
  ];
}

/** Brings the owner's tables to the newest version. A file of a newer version is refused and left as it is. */
export async function migrate(storage: Pick<Storage, "get" | "write" | "path">, schema: Schema): Promise<void> {
  const { owner } = schema;
  const migrations = [...schema.migrations].sort((a, b) => a.version - b.version);
  const newest = migrations.at(-1)?.version ?? 0;
  for (;;) {
    const version = versionOf(storage, owner);
    if (version > newest) {
      const message = `cannot use ${JSON.stringify(storage.path)}: its tables of ${JSON.stringify(owner)} have version ${version}, this program knows them up to version ${newest}; use a newer program. The file was left as it is`;
      throw new StorageError("newer", message);
    }
    const next = migrations.find((migration) => migration.version > version);
    if (next === undefined) return;
    try {
      await storage.write(stepsTo(owner, next.version, version, next.statements));
    } catch (error) {
      if (!ExpectationError.is(error)) throw error;
    }
  }
}

// Writes 4 KB values into a SQLite file as fast as it takes them, until it is killed: write-large.ts PATH. Prints every round that
// is on disk; a round of 64 writes has keys of its own among 1,000.
import process from "node:process";
import { createStorages } from "../../src/storage/storages.ts";
import { hostPlatform } from "./host-platform.ts";

const [path = ""] = process.argv.slice(2);
const storage = await createStorages({ platform: await hostPlatform() }).open(path);
await storage.write([
  { sql: "CREATE TABLE IF NOT EXISTS kv (k INTEGER PRIMARY KEY, round INTEGER, v TEXT)", params: [] },
]);
for (let round = 1; ; round++) {
  const writes = Array.from({ length: 64 }, (_, index) => {
    const params = [(round * 64 + index) % 1000, round, String(round).repeat(4000).slice(0, 4000)];
    return storage.write([{ sql: "INSERT OR REPLACE INTO kv (k, round, v) VALUES (?, ?, ?)", params }]);
  });
  await Promise.all(writes);
  process.stdout.write(`round ${round}\n`);
}

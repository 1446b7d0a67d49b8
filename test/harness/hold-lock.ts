// Holds the write lock of a SQLite file for some milliseconds: hold-lock.ts PATH MS.
import process from "node:process";
import { hostPlatform } from "./host-platform.ts";

const [path = "", ms = "0"] = process.argv.slice(2);
const db = (await hostPlatform()).sqlite?.(path);
if (db === undefined) throw new Error("this runtime has no SQLite");
db.exec("PRAGMA busy_timeout=5000");
db.exec("BEGIN IMMEDIATE");
db.run("INSERT OR REPLACE INTO kv (k, v) VALUES ('other', ?)", [Number(ms)]);
process.stdout.write("locked\n");
setTimeout(() => {
  db.exec("COMMIT");
  db.close();
  process.stdout.write("released\n");
}, Number(ms));

import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { hostPlatform } from "../../test/harness/host-platform.ts";
import { mountMemoryDisk } from "../../test/harness/memory-disk.ts";
import { runScript } from "../../test/harness/run-script.ts";
import { temporaryFolder } from "../../test/harness/temporary-folder.ts";
import type { Step } from "./storage.ts";
import { StorageError } from "./storage-error.ts";
import { createStorages } from "./storages.ts";

const platform = await hostPlatform();
const writeLarge = fileURLToPath(new URL("../../test/harness/write-large.ts", import.meta.url));
const TABLE: Step = { sql: "CREATE TABLE kv (k INTEGER PRIMARY KEY, round INTEGER, v TEXT)", params: [] };
/** Fifty of them fill the log once. */
const put = (k: number, round: number): Step => ({
  sql: "INSERT INTO kv (k, round, v) VALUES (?, ?, ?)",
  params: [k, round, "x".repeat(20_000)],
});

test("two that write into one file and copy its log lose nothing", async () => {
  const path = join(temporaryFolder().path, "a.db");
  const both = await Promise.all([createStorages({ platform }).open(path), createStorages({ platform }).open(path)]);
  await both[0].write([TABLE]);
  await Promise.all(
    both.map(async (storage, by) => {
      for (let round = 0; round < 20; round++)
        await Promise.all(
          Array.from({ length: 32 }, (_, index) => storage.write([put(by * 1_000_000 + round * 32 + index, by)])),
        );
    }),
  );
  assert.deepEqual(both[0].all("SELECT round AS writer, count(*) AS n FROM kv GROUP BY round ORDER BY round", []), [
    { writer: 0, n: 640 },
    { writer: 1, n: 640 },
  ]);
  assert.deepEqual(both[1].get("PRAGMA integrity_check", []), { integrity_check: "ok" });
  for (const storage of both) await storage.close();
  assert.equal(existsSync(`${path}-wal`), false, "the last one to close copies the rest and removes the log");
});

test("kill -9 among copies of the log loses nothing that was answered", { timeout: 60_000 }, async () => {
  const path = join(temporaryFolder().path, "a.db");
  for (let turn = 0; turn < 3; turn++) {
    const run = runScript(writeLarge, [path]);
    let output = "";
    run.child.stdout?.on("data", (chunk) => (output += String(chunk)));
    // A round is a quarter of what fills the log.
    await run.printed("round 20");
    await new Promise((resolve) => setTimeout(resolve, Math.random() * 100));
    run.child.kill("SIGKILL");
    await run.ended;
    const last = Number([...output.matchAll(/^round (\d+)\n/gm)].at(-1)?.[1]);
    const storage = await createStorages({ platform }).open(path);
    assert.deepEqual(storage.get("PRAGMA integrity_check", []), { integrity_check: "ok" });
    for (let index = 0; index < 64; index++) {
      const found = storage.get("SELECT round, v FROM kv WHERE k = ?", [(last * 64 + index) % 1000]);
      const round = Number(found?.["round"]);
      assert.ok(round >= last, `key ${index} of round ${last} is of round ${round}`);
      assert.equal(found?.["v"], String(round).repeat(4000).slice(0, 4000));
    }
    await storage.write([{ sql: "DELETE FROM kv", params: [] }]);
    await storage.close();
  }
});

test("a disk that becomes full among copies of the log refuses writes and keeps what was answered", async (context) => {
  const disk = mountMemoryDisk(context, "8m");
  if (disk === undefined) return;
  try {
    const path = join(disk.path, "a.db");
    const storage = await createStorages({ platform }).open(path);
    await storage.write([TABLE]);
    const answered: number[] = [];
    let refused = 0;
    for (let round = 0; round < 12; round++)
      await Promise.all(
        Array.from({ length: 64 }, async (_, index) => {
          const k = round * 64 + index;
          try {
            await storage.write([put(k, round)]);
            answered.push(k);
          } catch (error) {
            assert.ok(StorageError.is(error) && error.kind === "full", String(error));
            refused += 1;
          }
        }),
      );
    assert.ok(refused > 0 && answered.length > 100, `${answered.length} answered, ${refused} refused`);
    await storage.close();
    const again = await createStorages({ platform }).open(path);
    const kept = again.all("SELECT k FROM kv ORDER BY k", []).map((row) => Number(row["k"]));
    assert.deepEqual(kept, answered);
    assert.deepEqual(again.get("PRAGMA integrity_check", []), { integrity_check: "ok" });
    await again.close();
  } finally {
    disk.unmount();
  }
});

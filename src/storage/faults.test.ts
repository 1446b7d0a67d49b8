import assert from "node:assert/strict";
import { mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { hostPlatform } from "../../test/harness/host-platform.ts";
import { heldUpShare } from "../../test/harness/loop-share.ts";
import { mountMemoryDisk } from "../../test/harness/memory-disk.ts";
import { runScript } from "../../test/harness/run-script.ts";
import { temporaryFolder } from "../../test/harness/temporary-folder.ts";
import type { Schema, Step } from "./storage.ts";
import type { StorageErrorKind } from "./storage-error.ts";
import { StorageError } from "./storage-error.ts";
import { createStorages } from "./storages.ts";

const platform = await hostPlatform();
const inLine = { ...platform, storageThread: undefined };
const holdLock = fileURLToPath(new URL("../../test/harness/hold-lock.ts", import.meta.url));
const TABLE: Step = { sql: "CREATE TABLE IF NOT EXISTS kv (k TEXT PRIMARY KEY, v)", params: [] };
const put = (k: string, v: Step["params"][number]): Step => ({
  sql: "INSERT OR REPLACE INTO kv (k, v) VALUES (?, ?)",
  params: [k, v],
});
const isKind = (kind: StorageErrorKind, text: RegExp) => (error: unknown) => {
  assert.ok(StorageError.is(error), String(error));
  assert.equal(error.kind, kind, error.message);
  assert.match(error.message, text);
  return true;
};

test("while each sync takes 50 ms, reads and the event loop go on", async () => {
  const folder = temporaryFolder();
  const storage = await createStorages({ platform, syncDelayMs: 50 }).open(join(folder.path, "a.db"));
  await storage.write([TABLE, put("k", 0)]);
  let reads = 0;
  const share = await heldUpShare(async () => {
    let isOn = true;
    const reading = (async () => {
      while (isOn) {
        storage.get("SELECT v FROM kv WHERE k = 'k'", []);
        reads++;
        await new Promise((resolve) => setTimeout(resolve, 1));
      }
    })();
    await Promise.all(
      Array.from({ length: 64 }, async (_, writer) => {
        for (let round = 0; round < 8; round++) await storage.write([put(`k${writer}`, round)]);
      }),
    );
    isOn = false;
    await reading;
  });
  assert.equal(storage.all("SELECT k FROM kv WHERE v = 7", []).length, 64);
  await storage.close();
  assert.ok(reads > 20, `only ${reads} reads went through`);
  assert.ok(share < 0.7, `the event loop was held up for ${share} of the time`);
});

for (const [name, host] of [
  ["thread", platform],
  ["in line", inLine],
] as const) {
  test(`${name}: while another process holds the write lock for 3 s, reads go on and writes wait for it`, async () => {
    const folder = temporaryFolder();
    const path = join(folder.path, "a.db");
    const storage = await createStorages({ platform: host }).open(path);
    await storage.write([TABLE, put("k", 1)]);
    const other = runScript(holdLock, [path, "3000"]);
    await other.printed("locked");
    let isReleased = false;
    void other.printed("released").then(() => (isReleased = true));
    let noticed = 0;
    storage.onCommit(() => noticed++);
    const share = await heldUpShare(async () => {
      const writes = Array.from({ length: 64 }, (_, index) => storage.write([put(`k${index}`, index)]));
      const first = await Promise.race([
        Promise.all(writes),
        new Promise((resolve) => setTimeout(resolve, 1500, "waiting")),
      ]);
      assert.equal(first, "waiting");
      assert.equal(isReleased, false);
      assert.deepEqual(storage.get("SELECT v FROM kv WHERE k = 'k'", []), { v: 1 });
      assert.equal(storage.get("SELECT v FROM kv WHERE k = 'other'", []), undefined);
      await Promise.all(writes);
    });
    assert.deepEqual(storage.get("SELECT v FROM kv WHERE k = 'other'", []), { v: 3000 });
    assert.ok(noticed >= 1);
    assert.equal(await other.ended, 0);
    await storage.close();
    assert.ok(share < 0.7, `the event loop was held up for ${share} of the time`);
  });

  test(`${name}: a lock that stays gives a locked error, and the file is usable afterwards`, async () => {
    const folder = temporaryFolder();
    const path = join(folder.path, "a.db");
    const storage = await createStorages({ platform: host }).open(path, { lockWaitMs: 200 });
    await storage.write([TABLE]);
    const other = runScript(holdLock, [path, "1500"]);
    await other.printed("locked");
    const writes = await Promise.allSettled([storage.write([put("a", 1)]), storage.write([put("b", 1)])]);
    for (const each of writes) {
      assert.equal(each.status, "rejected");
      isKind("locked", /cannot write to ".*a\.db": database is locked by another process/)(each.reason);
    }
    await other.ended;
    await storage.write([put("c", 1)]);
    assert.deepEqual(storage.all("SELECT k FROM kv ORDER BY k", []), [{ k: "c" }, { k: "other" }]);
    await storage.close();
  });
}

test("commits of other processes are noticed", async () => {
  const folder = temporaryFolder();
  const path = join(folder.path, "a.db");
  const ours = await createStorages({ platform }).open(path);
  const theirs = await createStorages({ platform }).open(path);
  await ours.write([TABLE]);
  const heard = new Promise<void>((resolve) => ours.onCommit(resolve));
  await theirs.write([put("k", 1)]);
  await heard;
  assert.deepEqual(ours.get("SELECT v FROM kv", []), { v: 1 });
  await ours.close();
  await theirs.close();
});

test("a full file refuses what does not fit, keeps what was acknowledged and takes what fits", async () => {
  const folder = temporaryFolder();
  const path = join(folder.path, "a.db");
  const storage = await createStorages({ platform }).open(path, { pragmas: [["max_page_count", "40"]] });
  await storage.write([TABLE]);
  const acknowledged: string[] = [];
  const settled = await Promise.allSettled(
    Array.from({ length: 60 }, async (_, index) => {
      const key = `k${index}`;
      await storage.write([put(key, "x".repeat(index % 2 === 0 ? 20_000 : 100)), put(`${key}+`, 1)]);
      acknowledged.push(key);
    }),
  );
  const refused = settled.filter((each) => each.status === "rejected");
  assert.ok(refused.length > 0 && acknowledged.length > 30);
  for (const each of refused)
    isKind("full", /cannot write to ".*a\.db": the disk is full; free some space/)(each.reason);
  const keys = storage.all("SELECT k FROM kv WHERE k NOT LIKE '%+' ORDER BY k", []).map((row) => row["k"]);
  assert.deepEqual(keys, acknowledged.sort());
  await storage.write([{ sql: "DELETE FROM kv WHERE length(v) > 1000", params: [] }]);
  await storage.write([put("fits", "x".repeat(20_000))]);
  assert.deepEqual(storage.get("PRAGMA integrity_check", []), { integrity_check: "ok" });
  await storage.close();
});

test("a full disk gives the same error", async (context) => {
  const disk = mountMemoryDisk(context, "1m");
  if (disk === undefined) return;
  try {
    const storage = await createStorages({ platform }).open(join(disk.path, "a.db"));
    await storage.write([TABLE]);
    const settled = await Promise.allSettled(
      Array.from({ length: 40 }, (_, index) => storage.write([put(`k${index}`, "x".repeat(40_000))])),
    );
    const refused = settled.filter((each) => each.status === "rejected");
    assert.ok(refused.length > 0 && refused.length < 40);
    for (const each of refused) isKind("full", /the disk is full/)(each.reason);
    assert.equal(storage.all("SELECT k FROM kv", []).length, 40 - refused.length);
    await storage.close();
  } finally {
    disk.unmount();
  }
});

test("a file on a read-only disk can be read, writes say what is wrong", async (context) => {
  const disk = mountMemoryDisk(context, "8m");
  if (disk === undefined) return;
  try {
    const path = join(disk.path, "a.db");
    const before = await createStorages({ platform }).open(path, { journal: "delete" });
    await before.write([TABLE, put("k", 1)]);
    await before.close();
    disk.remountReadOnly();
    const storages = createStorages({ platform });
    await assert.rejects(
      storages.open(path),
      isKind("readonly", /the file or its folder is read-only; give this user/),
    );
    const storage = await storages.open(path, { access: "read", journal: "delete" });
    assert.deepEqual(storage.get("SELECT v FROM kv", []), { v: 1 });
    await assert.rejects(storage.write([put("k", 2)]), isKind("readonly", /opened for reading only/));
    await storage.close();
  } finally {
    disk.unmount();
  }
});

test("a file opened for reading refuses writes and is never created", async () => {
  const folder = temporaryFolder();
  const path = join(folder.path, "a.db");
  const storages = createStorages({ platform });
  await assert.rejects(storages.open(path, { access: "read" }), isKind("failed", /there is no such file/));
  await assert.rejects(storages.open(path, { access: "existing" }), isKind("failed", /there is no such file/));
  assert.throws(() => statSync(path), { code: "ENOENT" });
  const writer = await storages.open(path);
  await writer.write([TABLE, put("k", 1)]);
  await assert.rejects(storages.open(path, { access: "read" }), isKind("failed", /already open for write/));
  await writer.close();
  const reader = await storages.open(path, { access: "read" });
  assert.deepEqual(reader.get("SELECT v FROM kv", []), { v: 1 });
  assert.equal((await reader.describe()).journalMode, "wal");
  await assert.rejects(reader.write([put("k", 2)]), isKind("readonly", /opened for reading only/));
  await reader.close();
});

test("a folder that is missing and a file that is none are named", async () => {
  const folder = temporaryFolder();
  const storages = createStorages({ platform });
  await assert.rejects(
    storages.open(join(folder.path, "none", "a.db")),
    isKind("failed", /cannot open ".*none.a\.db": there is no folder ".*none.?"; create it first/),
  );
  mkdirSync(join(folder.path, "sub"));
  await assert.rejects(storages.open(join(folder.path, "sub")), isKind("failed", /cannot open ".*sub"/));
});

test("a file that is no database is refused and left as it is", async () => {
  const folder = temporaryFolder();
  const path = join(folder.path, "a.db");
  const garbage = "not a database at all, ".repeat(400);
  writeFileSync(path, garbage);
  for (const host of [platform, inLine])
    await assert.rejects(
      createStorages({ platform: host }).open(path),
      isKind("corrupt", /is no SQLite database; restore it/),
    );
  assert.equal(readFileSync(path, "utf8"), garbage);
});

test("damage inside a file shows as corrupt, on read and on write", async () => {
  const folder = temporaryFolder();
  const path = join(folder.path, "a.db");
  const before = await createStorages({ platform }).open(path);
  await before.write([TABLE, ...Array.from({ length: 500 }, (_, index) => put(`k${index}`, "x".repeat(500)))]);
  await before.close();
  const bytes = readFileSync(path);
  bytes.fill(0xee, 4096, 4096 * 20);
  writeFileSync(path, bytes);
  const storage = await createStorages({ platform }).open(path);
  assert.throws(
    () => storage.all("SELECT * FROM kv", []),
    isKind("corrupt", /cannot read ".*a\.db": the file is damaged/),
  );
  await assert.rejects(
    storage.write([put("k1", 1)]),
    isKind("corrupt", /cannot write to ".*a\.db": the file is damaged/),
  );
  await storage.close();
});

const schema = (...versions: number[]): Schema => ({
  owner: "test",
  migrations: versions.map((version) => ({ version, statements: [`CREATE TABLE t${version} (a)`] })),
});

test("migrations run once, also when two processes start together", async () => {
  const folder = temporaryFolder();
  const path = join(folder.path, "a.db");
  const both = await Promise.all([createStorages({ platform }).open(path), createStorages({ platform }).open(path)]);
  await Promise.all(both.flatMap((storage) => [storage.migrate(schema(1, 2)), storage.migrate(schema(2, 1))]));
  await both[0].migrate(schema(1, 2, 3));
  await both[0].migrate({ owner: "other", migrations: [{ version: 1, statements: ["CREATE TABLE o (a)"] }] });
  const tables = both[1].all("SELECT name FROM sqlite_master WHERE name GLOB '[ot]*' ORDER BY name", []);
  assert.deepEqual(tables, [{ name: "o" }, { name: "t1" }, { name: "t2" }, { name: "t3" }]);
  for (const storage of both) await storage.close();
});

test("a migration that fails leaves nothing of itself", async () => {
  const folder = temporaryFolder();
  const storage = await createStorages({ platform }).open(join(folder.path, "a.db"));
  const broken: Schema = {
    owner: "test",
    migrations: [{ version: 1, statements: ["CREATE TABLE t1 (a)", "CREATE NONSENSE"] }],
  };
  await assert.rejects(storage.migrate(broken), isKind("failed", /NONSENSE/));
  assert.deepEqual(storage.all("SELECT name FROM sqlite_master", []), []);
  await storage.migrate(schema(1));
  await storage.close();
});

test("a file of a newer version is refused and left as it is", async () => {
  const folder = temporaryFolder();
  const path = join(folder.path, "a.db");
  const newer = await createStorages({ platform }).open(path);
  await newer.migrate(schema(1, 2, 7));
  await newer.close();
  const before = readFileSync(path);
  const older = await createStorages({ platform }).open(path);
  await assert.rejects(
    older.migrate(schema(1, 2)),
    isKind("newer", /tables of "test" have version 7, this program knows them up to version 2; use a newer program/),
  );
  await older.close();
  assert.deepEqual(readFileSync(path), before);
  rmSync(path);
});

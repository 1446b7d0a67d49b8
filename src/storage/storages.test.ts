import assert from "node:assert/strict";
import { statSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import fc from "fast-check";
import { hostPlatform } from "../../test/harness/host-platform.ts";
import { temporaryFolder } from "../../test/harness/temporary-folder.ts";
import type { Platform, Thread } from "../platform/types.ts";
import type { Step, Storage } from "./storage.ts";
import { ExpectationError, StorageError } from "./storage-error.ts";
import { createStorages } from "./storages.ts";

const platform = await hostPlatform();
const inLine: Platform = { ...platform, storageThread: undefined };
const TABLE: Step = { sql: "CREATE TABLE kv (k TEXT PRIMARY KEY, v)", params: [] };
const put = (k: string, v: Step["params"][number]): Step => ({
  sql: "INSERT OR REPLACE INTO kv (k, v) VALUES (?, ?)",
  params: [k, v],
});

for (const [name, host] of [
  ["thread", platform],
  ["in line", inLine],
] as const) {
  async function withStorage(use: (storage: Storage, folder: string) => Promise<void>): Promise<void> {
    const folder = temporaryFolder();
    const storage = await createStorages({ platform: host }).open(join(folder.path, "a.db"));
    try {
      await storage.write([TABLE]);
      await use(storage, folder.path);
    } finally {
      await storage.close();
    }
  }

  test(`${name}: reads see what was written, and values keep their kind`, () =>
    withStorage(async (storage) => {
      const values = [
        "",
        "ä \u{1f600} '",
        0,
        -1.5,
        2 ** 53 - 1,
        2n ** 62n,
        null,
        new Uint8Array([0, 255, 1]),
        new Uint8Array(),
      ];
      await Promise.all(values.map((value, index) => storage.write([put(`k${index}`, value)])));
      for (const [index, value] of values.entries())
        assert.deepEqual(storage.get("SELECT v FROM kv WHERE k = ?", [`k${index}`]), { v: value });
      assert.equal(storage.all("SELECT k FROM kv", []).length, values.length);
      assert.equal(storage.get("SELECT v FROM kv WHERE k = 'none'", []), undefined);
    }));

  test(`${name}: a statement alone that fails changes nothing, and those behind it go on`, () =>
    withStorage(async (storage) => {
      const add = (keys: string): Promise<unknown> =>
        storage.write([{ sql: "INSERT INTO kv (k, v) SELECT value, 1 FROM json_each(?)", params: [keys] }]);
      await add('["a"]');
      await assert.rejects(add('["b", "a"]'), StorageError.is);
      assert.deepEqual(storage.all("SELECT k FROM kv", []), [{ k: "a" }]);
      await add('["b", "c"]');
      assert.equal(storage.all("SELECT k FROM kv", []).length, 3);
    }));

  test(`${name}: the writer that runs has a log, full synchronisation and its own thread`, () =>
    withStorage(async (storage) => {
      const { journalMode, synchronous, threaded } = await storage.describe();
      assert.deepEqual(
        { journalMode, synchronous, threaded },
        { journalMode: "wal", synchronous: 2, threaded: name === "thread" },
      );
    }));

  test(`${name}: results of a transaction`, () =>
    withStorage(async (storage) => {
      const results = await storage.write([
        put("a", 1),
        { sql: "INSERT INTO kv (k, v) VALUES ('b', 2), ('c', 3) RETURNING k", params: [], returning: true, expect: 2 },
        { sql: "UPDATE kv SET v = v + 1", params: [], expect: { min: 2 } },
        { sql: "DELETE FROM kv WHERE k = 'x'", params: [] },
      ]);
      assert.deepEqual(
        results.map(({ changes }) => changes),
        [1, 2, 3, 0],
      );
      assert.deepEqual(results[1]?.rows, [{ k: "b" }, { k: "c" }]);
      assert.deepEqual(await storage.write([]), []);
    }));

  test(`${name}: a failed expectation undoes its own transaction alone`, () =>
    withStorage(async (storage) => {
      const settled = await Promise.allSettled([
        storage.write([put("a", 1), put("b", 1)]),
        storage.write([put("a", 2), { sql: "UPDATE kv SET v = 9 WHERE k = 'none'", params: [], expect: 1 }]),
        storage.write([{ sql: "UPDATE kv SET v = 9 WHERE k = 'none'", params: [], expect: { min: 1 } }]),
        storage.write([{ sql: "UPDATE kv SET v = 7", params: [], expect: 1 }]),
        storage.write([put("c", 3)]),
        storage.write([put("d", 4), { sql: "INSERT INTO kv (k, v) VALUES ('a', 0)", params: [] }]),
        storage.write([{ sql: "INSERT INTO nowhere VALUES (1)", params: [] }]),
      ]);
      assert.deepEqual(
        settled.map((each) => (each.status === "fulfilled" ? "ok" : each.reason.name)),
        ["ok", "ExpectationError", "ExpectationError", "ExpectationError", "ok", "StorageError", "StorageError"],
      );
      const [, second, , fourth] = settled.map((each) => (each.status === "rejected" ? each.reason : undefined));
      assert.ok(ExpectationError.is(second) && second.step === 1 && second.changes === 0);
      assert.ok(ExpectationError.is(fourth) && fourth.step === 0 && fourth.changes === 2);
      assert.deepEqual(storage.all("SELECT k, v FROM kv ORDER BY k", []), [
        { k: "a", v: 1 },
        { k: "b", v: 1 },
        { k: "c", v: 3 },
      ]);
    }));

  test(`${name}: any mix of transactions ends as if they ran one after the other`, () =>
    withStorage(async (storage) => {
      const key = fc.constantFrom("a", "b", "c");
      const operation = fc.oneof(
        fc.record({ op: fc.constant("put" as const), key, value: fc.nat(99) }),
        fc.record({ op: fc.constant("change" as const), key, value: fc.nat(99) }),
        fc.record({ op: fc.constant("remove" as const), key, value: fc.nat(99) }),
        fc.record({ op: fc.constant("insert" as const), key, value: fc.nat(99) }),
        fc.record({ op: fc.constant("all" as const), key, value: fc.nat(99) }),
      );
      await fc.assert(
        fc.asyncProperty(fc.array(fc.array(operation, { maxLength: 4 }), { maxLength: 30 }), async (transactions) => {
          await storage.write([{ sql: "DELETE FROM kv", params: [] }]);
          const model = new Map<string, number>();
          const expected = transactions.map((operations) => {
            const before = new Map(model);
            const fits = operations.every(({ op, key: k, value }) => {
              if (op === "all") {
                for (const each of model.keys()) model.set(each, value);
                return model.size === 1;
              }
              const has = model.has(k);
              if (op === "put" || (op === "insert" && !has) || (op === "change" && has)) model.set(k, value);
              else if (op === "remove") model.delete(k);
              return op === "put" || (op === "insert") === !has || (op === "remove" && has);
            });
            if (fits) return "fulfilled";
            model.clear();
            for (const [k, v] of before) model.set(k, v);
            return "rejected";
          });
          const settled = await Promise.allSettled(
            transactions.map((operations) =>
              storage.write(
                operations.map(({ op, key: k, value }) => {
                  if (op === "put") return put(k, value);
                  if (op === "insert") return { sql: "INSERT INTO kv (k, v) VALUES (?, ?)", params: [k, value] };
                  if (op === "all") return { sql: "UPDATE kv SET v = ?", params: [value], expect: 1 };
                  if (op === "change") return { sql: "UPDATE kv SET v = ? WHERE k = ?", params: [value, k], expect: 1 };
                  return { sql: "DELETE FROM kv WHERE k = ?", params: [k], expect: { min: 1 } };
                }),
              ),
            ),
          );
          assert.deepEqual(
            settled.map(({ status }) => status),
            expected,
          );
          const rows = storage.all("SELECT k, v FROM kv", []).map(({ k, v }) => [k, v] as [string, number]);
          assert.deepEqual(new Map(rows.sort()), new Map([...model].sort()));
        }),
        { numRuns: 60 },
      );
    }));

  test(`${name}: listeners hear of commits, not of refused transactions`, () =>
    withStorage(async (storage) => {
      let heard = 0;
      const stop = storage.onCommit(() => heard++);
      await storage.write([put("a", 1)]);
      assert.equal(heard, 1);
      await storage.write([{ sql: "DELETE FROM kv WHERE k = 'x'", params: [], expect: 1 }]).catch(() => undefined);
      assert.equal(heard, 1);
      stop();
      await storage.write([put("a", 2)]);
      assert.equal(heard, 1);
    }));

  test(`${name}: what was written before close is answered and kept`, async () => {
    const folder = temporaryFolder();
    const storages = createStorages({ platform: host });
    const path = join(folder.path, "a.db");
    const storage = await storages.open(path);
    await storage.write([TABLE]);
    const writes = Array.from({ length: 100 }, (_, index) => storage.write([put(`k${index}`, index)]));
    await storage.close();
    await Promise.all(writes);
    assert.throws(() => statSync(`${path}-wal`), { code: "ENOENT" });
    await assert.rejects(storage.write([put("late", 1)]), (error) => StorageError.is(error) && error.kind === "closed");
    assert.throws(
      () => storage.get("SELECT 1", []),
      (error) => StorageError.is(error) && error.kind === "closed",
    );
    const again = await storages.open(path);
    assert.deepEqual(again.get("SELECT count(*) AS n FROM kv", []), { n: 100 });
    await again.close();
  });
}

test("all names of a file share an engine until the last use is closed", async () => {
  const folder = temporaryFolder();
  const storages = createStorages({ platform });
  const first = await storages.open(join(folder.path, "a.db"));
  symlinkSync(join(folder.path, "a.db"), join(folder.path, "link.db"));
  const [second, third] = await Promise.all([
    storages.open(join(folder.path, "link.db")),
    storages.open(join(folder.path, ".", "a.db")),
  ]);
  assert.equal(second.path, first.path);
  assert.equal(third.path, first.path);
  let heard = 0;
  third.onCommit(() => heard++);
  await first.write([TABLE]);
  assert.equal(heard, 1);
  await first.close();
  await first.close();
  await second.write([put("a", 1)]);
  await second.close();
  await third.write([put("b", 1)]);
  await third.close();
  await assert.rejects(third.write([put("c", 1)]), { kind: "closed" });
});

test("a hold starts the thread ahead; it ends with the last hold or file", async () => {
  const { storageThread } = platform;
  assert.ok(storageThread !== undefined);
  let started = 0;
  let ended = 0;
  const counted: Platform = {
    ...platform,
    storageThread: () => {
      const thread = storageThread();
      started += 1;
      const { terminate } = thread;
      thread.terminate = () => {
        ended += 1;
        return terminate.call(thread);
      };
      return thread;
    },
  };
  const storages = createStorages({ platform: counted });
  const release = storages.hold();
  const releaseOther = storages.hold();
  assert.equal(started, 1);
  await release();
  await release();
  assert.equal(ended, 0, "the other hold keeps it");
  const folder = temporaryFolder();
  const storage = await storages.open(join(folder.path, "a.db"));
  await releaseOther();
  await storage.write([TABLE]);
  assert.deepEqual({ started, ended }, { started: 1, ended: 0 }, "the file keeps it");
  await storage.close();
  assert.equal(ended, 1);
  await storages.hold()();
  assert.deepEqual({ started, ended }, { started: 2, ended: 2 });
});

test("databases in memory are apart from each other and keep nothing", async () => {
  const storages = createStorages({ platform });
  const first = await storages.open(":memory:");
  const second = await storages.open(":memory:");
  await first.write([TABLE, put("a", 1)]);
  assert.deepEqual(first.all("SELECT v FROM kv", []), [{ v: 1 }]);
  assert.deepEqual(second.all("SELECT name FROM sqlite_master", []), []);
  assert.equal((await first.describe()).journalMode, "memory");
  await first.close();
  await second.close();
});

test("many writers share messages and commits", async () => {
  const folder = temporaryFolder();
  let posted = 0;
  const start = platform.storageThread;
  assert.ok(start);
  const counting = (): Thread => {
    const thread = start();
    return {
      post: (message, transfer) => {
        posted++;
        thread.post(message, transfer);
      },
      terminate: () => thread.terminate(),
      set onMessage(handle: Thread["onMessage"]) {
        thread.onMessage = handle;
      },
      set onError(handle: Thread["onError"]) {
        thread.onError = handle;
      },
    };
  };
  const storage = await createStorages({ platform: { ...platform, storageThread: counting }, syncDelayMs: 5 }).open(
    join(folder.path, "a.db"),
  );
  await storage.write([TABLE]);
  let heard = 0;
  storage.onCommit(() => heard++);
  posted = 0;
  await Promise.all(
    Array.from({ length: 64 }, async (_, writer) => {
      for (let round = 0; round < 10; round++) await storage.write([put(`k${writer}`, round)]);
    }),
  );
  assert.ok(posted < 40, `${posted} messages for 640 writes`);
  assert.ok(heard < 40, `${heard} commits for 640 writes`);
  await storage.close();
});

test("transactions of any size are written and answered in the order of their writes", async () => {
  const folder = temporaryFolder();
  const storage = await createStorages({ platform, syncDelayMs: 2 }).open(join(folder.path, "a.db"));
  await storage.write([{ sql: "CREATE TABLE log (seq INTEGER PRIMARY KEY, id, data)", params: [] }]);
  // More than the memory that is shared with the thread holds; some alone are larger than it.
  const sizes = [10, 40_000, 3_000, 700_000, 0, 90_000, 30_000];
  const bytesOf = (id: number): Uint8Array => new Uint8Array(sizes[id % sizes.length]!).fill(id % 251);
  const answered: number[] = [];
  const write = async (id: number): Promise<void> => {
    const params = [id, bytesOf(id)];
    const [result] = await storage.write([{ sql: "INSERT INTO log (id, data) VALUES (?, coalesce(?, x''))", params }]);
    assert.equal(result?.changes, 1);
    answered.push(id);
  };
  const ids = Array.from({ length: 150 }, (_, id) => id);
  await Promise.all(ids.map(write));
  assert.deepEqual(answered, ids);
  const rows = storage.all("SELECT id, data FROM log ORDER BY seq", []);
  assert.deepEqual(
    rows.map(({ id }) => id),
    ids,
  );
  for (const { id, data } of rows) assert.deepEqual(data, bytesOf(id as number), `the bytes of ${id}`);
  await storage.close();
});

test("a thread that dies fails what waits, and the next file gets a new one", async () => {
  const folder = temporaryFolder();
  const start = platform.storageThread;
  assert.ok(start);
  const threads: Thread[] = [];
  const storages = createStorages({
    platform: {
      ...platform,
      storageThread: () => {
        const thread = start();
        threads.push(thread);
        return thread;
      },
    },
  });
  const storage = await storages.open(join(folder.path, "a.db"));
  await storage.write([TABLE]);
  const waiting = storage.write([put("a", 1)]);
  await threads[0]?.terminate();
  threads[0]?.onError?.(new Error("out of memory"));
  await assert.rejects(waiting, /the writer has stopped \(out of memory\)/);
  await assert.rejects(storage.write([put("a", 1)]), { kind: "failed" });
  await assert.rejects(storage.describe(), { kind: "failed" });
  await storage.close();
  const again = await storages.open(join(folder.path, "a.db"));
  assert.equal(threads.length, 2);
  await again.write([put("b", 1)]);
  await again.close();
});

test("the log does not grow without bounds", async () => {
  const folder = temporaryFolder();
  const path = join(folder.path, "a.db");
  const storage = await createStorages({ platform }).open(path);
  await storage.write([TABLE]);
  const large = "x".repeat(100_000);
  for (let round = 0; round < 20; round++)
    await Promise.all(Array.from({ length: 50 }, (_, index) => storage.write([put(`k${index}`, large)])));
  const bytes = statSync(`${path}-wal`).size;
  assert.ok(bytes < 48 * 1024 * 1024, `the log has ${bytes} bytes after 100 MB`);
  await storage.close();
});

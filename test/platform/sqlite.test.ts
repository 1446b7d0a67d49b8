import assert from "node:assert/strict";
import { tmpdir } from "node:os";
import { after, test } from "node:test";
import type { SqliteError } from "../../src/platform/types.ts";
import { createHost } from "./host.ts";

const host = await createHost();
const folder = `${tmpdir()}/pillion-sqlite-${host.random.uuid()}`;
await host.files!.makeDirectory(folder);
after(() => host.files!.remove(folder));
const open = host.sqlite!;
const code = (expected: number) => (error: unknown) => ((error as SqliteError).sqliteCode & 0xff) === expected;

test("values come back as they went in", () => {
  const db = open(":memory:");
  db.exec("create table v(id integer primary key, x)");
  const values = [
    null,
    0,
    -1,
    42,
    1_700_000_000_000,
    Number.MAX_SAFE_INTEGER,
    Number.MIN_SAFE_INTEGER,
    1.5,
    1e300,
    9_007_199_254_740_993n,
    -9_223_372_036_854_775_808n,
    9_223_372_036_854_775_807n,
    "",
    "text with é, 漢字 and 🙂",
    new Uint8Array(0),
    new Uint8Array([0, 1, 255]),
  ];
  for (const value of values) {
    const { lastId } = db.run("insert into v(x) values (?)", [value]);
    const row = db.get("select x from v where id = ?", [lastId]);
    assert.deepEqual(row && { ...row, x: plain(row.x) }, { x: plain(value) });
    assert.deepEqual(plain(db.get("insert into v(x) values (?) returning x", [value])?.x), plain(value));
  }
  const all = db.all("select x from v order by id", []);
  assert.deepEqual(
    all.map((row) => plain(row.x)),
    values.flatMap((value) => [plain(value), plain(value)]),
  );
  db.close();
});
const plain = (value: unknown) => (value instanceof Uint8Array ? [...value] : value);

test("a small bigint reads back as a number", () => {
  const db = open(":memory:");
  assert.deepEqual(db.get("select ? as a, ? as b", [5n, -5n]), { a: 5, b: -5 });
  db.close();
});

test("whole numbers are stored as integers, others as reals, blobs as blobs", () => {
  const db = open(":memory:");
  const row = db.get("select typeof(?) a, typeof(?) b, typeof(?) c, typeof(?) d, typeof(?) e, ? || '' f", [
    1,
    1_700_000_000_000,
    1.5,
    "1",
    new Uint8Array(1),
    7,
  ]);
  assert.deepEqual(row, { a: "integer", b: "integer", c: "real", d: "text", e: "blob", f: "7" });
  db.close();
});

test("one statement reads small and large integers in turn", () => {
  const db = open(":memory:");
  const sql = "select ? as x";
  for (const value of [1, 2n ** 60n, 2, 2n ** 61n, 3]) assert.equal(db.get(sql, [value])?.x, value);
  assert.deepEqual(db.all("select 1 as x union all select 1152921504606846976 order by x", []), [
    { x: 1 },
    { x: 2n ** 60n },
  ]);
  db.close();
});

test("a writing statement with a large integer runs once", () => {
  const db = open(":memory:");
  db.exec("create table n(x integer)");
  assert.deepEqual(db.get("insert into n values (9007199254740993) returning x", []), { x: 9_007_199_254_740_993n });
  assert.deepEqual(db.get("select count(*) as c from n", []), { c: 1 });
  db.close();
});

test("run tells changes and the last id; rows are plain objects; no row is undefined", () => {
  const db = open(":memory:");
  db.exec("create table t(id integer primary key, k text unique); insert into t(k) values ('a'), ('b'), ('c')");
  assert.equal(db.run("update t set k = k || '!' where id < 3", []).changes, 2);
  assert.equal(db.run("delete from t where id = 99", []).changes, 0);
  assert.deepEqual(db.run("insert into t(k) values (?)", ["d"]), { changes: 1, lastId: 4 });
  assert.equal(db.get("select * from t where id = 99", []), undefined);
  assert.deepEqual(db.all("select * from t where id = 99", []), []);
  assert.equal(Object.getPrototypeOf(db.get("select 1 as one", [])), Object.prototype);
  db.close();
});

test("errors carry SQLite's code", () => {
  const path = `${folder}/errors.db`;
  const db = open(path);
  db.exec("create table t(k text primary key); insert into t values ('a')");
  assert.throws(() => db.exec("select nonsense from"), code(1));
  assert.throws(() => db.get("select * from missing", []), code(1));
  assert.throws(() => db.run("insert into t values ('a')", []), { sqliteCode: 1_555 });
  const reader = open(path, { readonly: true });
  assert.deepEqual(reader.get("select k from t", []), { k: "a" });
  assert.throws(() => reader.run("insert into t values ('b')", []), code(8));
  const second = open(path);
  db.exec("begin immediate");
  assert.throws(() => second.exec("begin immediate"), code(5));
  db.exec("rollback");
  for (const one of [db, reader, second]) one.close();
});

test("a file that is no database is told so, and one that is missing cannot be opened to read", async () => {
  const path = `${folder}/text.db`;
  await host.files!.write(
    path,
    "this is not a database, it is a text of some length, longer than a header of SQLite's: ".repeat(4),
  );
  const db = open(path);
  assert.throws(() => db.get("select * from sqlite_master", []), code(26));
  db.close();
  assert.throws(() => open(`${folder}/missing.db`, { readonly: true }), code(14));
});

test("write-ahead log and full synchronisation hold, other connections see commits", () => {
  const path = `${folder}/wal.db`;
  const db = open(path);
  assert.deepEqual(db.get("pragma journal_mode = wal", []), { journal_mode: "wal" });
  db.exec("pragma synchronous = full; create table t(x)");
  assert.deepEqual(db.get("pragma synchronous", []), { synchronous: 2 });
  const reader = open(path, { readonly: true });
  db.exec("begin");
  db.run("insert into t values (?)", [1]);
  assert.deepEqual(reader.get("select count(*) c from t", []), { c: 0 });
  db.exec("commit");
  assert.deepEqual(reader.get("select count(*) c from t", []), { c: 1 });
  reader.close();
  db.close();
});

test("more statements than the cache holds", () => {
  const db = open(":memory:");
  for (let round = 0; round < 2; round += 1)
    for (let one = 0; one < 1_500; one += 1) assert.deepEqual(db.get(`select ${one} as x`, []), { x: one });
  db.close();
});

test("a schema change behind a cached statement is noticed", () => {
  const db = open(":memory:");
  db.exec("create table t(a); insert into t values (1)");
  assert.deepEqual(db.get("select * from t", []), { a: 1 });
  db.exec("alter table t add column b default 2");
  assert.deepEqual(db.get("select * from t", []), { a: 1, b: 2 });
  db.close();
});

import assert from "node:assert/strict";
import { test } from "node:test";
import { checkIdentifier, readSqliteConnection } from "./sqlite-connection.ts";

function read(connectionString: string, more: { timeout?: number; disableWAL?: boolean } = {}) {
  const warnings: string[] = [];
  const settings = { connectionString, timeout: 20_000, disableWAL: false, ...more };
  return { ...readSqliteConnection(settings, (message) => warnings.push(message)), warnings };
}

test("paths, URIs and databases in memory", () => {
  for (const [text, path] of [
    ["data.db", "data.db"],
    ["/var/lib/a b.db", "/var/lib/a b.db"],
    ["file:data.db", "data.db"],
    ["FILE:data.db?cache=shared", "data.db"],
    ["file:/tmp/a%20b.db", "/tmp/a b.db"],
    ["file:///tmp/a.db?mode=rwc", "/tmp/a.db"],
    ["file://localhost/tmp/a.db", "/tmp/a.db"],
    ["data.db#part", "data.db"],
    [":memory:", ":memory:"],
    [":MEMORY:?cache=private", ":memory:"],
    ["file::memory:", ":memory:"],
    ["file:name?mode=memory&cache=shared", ":memory:"],
  ] as const)
    assert.equal(read(text).path, path, text);
});

test("access and journal follow the options", () => {
  const open = (text: string, more = {}) => {
    const { access, journal } = read(text, more).open;
    return [access, journal];
  };
  assert.deepEqual(open("a.db"), ["create", "wal"]);
  assert.deepEqual(open("a.db?mode=rwc"), ["create", "wal"]);
  assert.deepEqual(open("a.db?mode=rw"), ["existing", "wal"]);
  assert.deepEqual(open("a.db?mode=ro"), ["read", "delete"]);
  assert.deepEqual(open("a.db?immutable=1"), ["read", "delete"]);
  assert.deepEqual(open("a.db", { disableWAL: true }), ["create", "delete"]);
  assert.equal(read("a.db", { timeout: 3000 }).open.lockWaitMs, 3000);
});

test("pragmas go on, what we decide ourselves is told", () => {
  const { open, warnings } = read(
    "a.db?_pragma=cache_size(-8000)&_pragma=temp_store=2&_pragma=synchronous(OFF)&_txlock=deferred",
  );
  assert.deepEqual(open.pragmas, [
    ["cache_size", "-8000"],
    ["temp_store", "2"],
  ]);
  assert.equal(warnings.length, 2);
  assert.deepEqual(read("a.db?_txlock=IMMEDIATE").warnings, []);
  assert.equal(read("a.db?_txlock=Exclusive").warnings.length, 1);
  assert.equal(read("a.db?_txlock=").warnings.length, 1);
});

test("faults are told in upstream's words where it has some", () => {
  for (const [text, message] of [
    ["", "missing connection string"],
    ["a.db?_pragma=Busy_Timeout(1)", "found forbidden option '_pragma=busy_timeout' in the connection string"],
    ["a.db?_pragma=journal_mode(WAL)", "found forbidden option '_pragma=journal_mode' in the connection string"],
    ["a.db?_pragma=foreign_keys(1)", "found forbidden option '_pragma=foreign_keys' in the connection string"],
    ["a.db?_pragma=x(1);DROP", 'cannot read option "_pragma=x(1);DROP" in the connection string: write name(value)'],
    ["a.db?_txlock=Bad", 'failed to ping: unknown _txlock "bad"'],
    ["file:a%zz.db", 'cannot read the path of connection string "file:a%zz.db": write "%" as "%25"'],
  ] as const)
    assert.throws(() => read(text), { kind: "badMetadata", message });
  const message = "invalid value for 'timeout': must be greater than 1s";
  assert.throws(() => read("a.db", { timeout: 999 }), { kind: "badMetadata", message });
  assert.equal(read("a.db", { timeout: 1000 }).path, "a.db");
});

test("identifiers are letters, digits and underscores", () => {
  assert.equal(checkIdentifier("my_Table1"), "my_Table1");
  for (const name of ["", "a b", 'a"b', "ä", "a-b", "a\n"])
    assert.throws(() => checkIdentifier(name), { kind: "badMetadata", message: `invalid identifier: ${name}` });
});

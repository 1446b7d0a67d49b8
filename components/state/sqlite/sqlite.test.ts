import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import fc from "fast-check";
import type { DriverContext } from "../../../src/driver/context.ts";
import type { QueryFilter, StateSet, StateStore } from "../../../src/driver/state.ts";
import { createVirtualClock } from "../../../src/kit/virtual-clock.ts";
import type { SqlDatabase } from "../../../src/platform/types.ts";
import { createStorages } from "../../../src/storage/storages.ts";
import { stateConformance } from "../../../test/conformance/state.ts";
import { hostPlatform } from "../../../test/harness/host-platform.ts";
import { temporaryFolder } from "../../../test/harness/temporary-folder.ts";
import memory from "../in-memory/in-memory.ts";
import driver from "./sqlite.ts";

const platform = await hostPlatform();
const { signal } = new AbortController();
const clock = createVirtualClock(Date.UTC(2026, 10, 20, 13, 9, 29, 400));
const lines: string[] = [];
const line = (message: string) => void lines.push(message);

function contextOf(storages = createStorages({ platform })): DriverContext {
  return {
    name: "store",
    appId: "app",
    namespace: "",
    log: { debug: line, info: line, warn: line, error: line },
    signal,
    platform,
    clock,
    random: platform.random,
    storage: (path, options) => storages.open(path, options),
  };
}
const open = (metadata: Record<string, string>, context = contextOf()): Promise<StateStore> =>
  driver.open(new Map(Object.entries(metadata)), context);
function raw(path: string): SqlDatabase {
  assert.ok(platform.sqlite);
  return platform.sqlite(path);
}
const set = (key: string, text: string, more: Partial<StateSet> = {}): StateSet => ({
  key,
  value: { bytes: new TextEncoder().encode(text), binary: false },
  etag: null,
  concurrency: "",
  consistency: "",
  metadata: {},
  ...more,
});
const get = (key: string) => ({ key, consistency: "", metadata: {} }) as const;
const textOf = async (store: StateStore, key: string): Promise<string | undefined> => {
  const item = await store.get(get(key), signal);
  return item === null ? undefined : new TextDecoder().decode(item.bytes);
};

const features = ["ETAG", "TRANSACTIONAL", "TTL", "KEYS_LIKE"] as const;
const traits = { pass: (ms: number) => clock.advance(ms), modelRuns: 15 };
const shared = join(temporaryFolder().path, "conformance.db");
stateConformance("state.sqlite", () => open({ connectionString: shared }), features, traits);
stateConformance(
  "state.sqlite with query",
  () => open({ connectionString: `file:${shared}`, enableQuery: "true" }),
  [...features, "QUERY_API"],
  traits,
);
stateConformance("state.sqlite in memory", () => open({ url: ":memory:" }), features, traits);
stateConformance(
  "state.sqlite without log",
  () => open({ connectionString: `${shared}2`, disableWAL: "true", tableName: "t1", metadataTableName: "m1" }),
  features,
  { ...traits, modelRuns: 5 },
);

test("the tables, rows and texts are upstream's", async () => {
  const path = join(temporaryFolder().path, "a.db");
  const store = await open({ connectionString: path });
  await store.set(set("app||j", '{"a":1,"b":"\\u003cx\\u003e"}'), signal);
  const binary = { bytes: new Uint8Array([0, 1, 2, 255]), binary: true };
  await store.set(set("app||b", "", { value: binary, metadata: { ttlInSeconds: "5" } }), signal);
  const db = raw(path);
  const columns = db.all(
    "SELECT name, type, \"notnull\" AS required, dflt_value, pk FROM pragma_table_info('state')",
    [],
  );
  assert.deepEqual(
    columns.map((row) => Object.values(row).join("|")),
    [
      "key|TEXT|1||1",
      "value|TEXT|1||0",
      "is_binary|BOOLEAN|1||0",
      "etag|TEXT|1||0",
      "expiration_time|TIMESTAMP|0|NULL|0",
      "update_time|TIMESTAMP|1|CURRENT_TIMESTAMP|0",
    ],
  );
  assert.deepEqual(db.all("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name", []), [
    { name: "metadata" },
    { name: "state" },
  ]);
  assert.deepEqual(db.all("SELECT key, value, typeof(value) AS type FROM metadata", []), [
    { key: "migrations", value: "1", type: "text" },
  ]);
  const rows = db.all("SELECT *, typeof(value) AS type, typeof(is_binary) AS flag FROM state ORDER BY rowid", []);
  const [first, second] = rows.map(({ etag, ...row }) => {
    assert.match(String(etag), /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
    return row;
  });
  const common = { type: "text", flag: "integer", update_time: first?.["update_time"] };
  assert.deepEqual(first, {
    ...common,
    key: "app||j",
    value: '{"a":1,"b":"\\u003cx\\u003e"}',
    is_binary: 0,
    expiration_time: null,
  });
  const expected = new Date(clock.now() + 5000).toISOString().slice(0, 19).replace("T", " ");
  assert.deepEqual(second, { ...common, key: "app||b", value: "AAEC/w==", is_binary: 1, expiration_time: expected });
  assert.match(String(common.update_time), /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d$/);
  const item = await store.get(get("app||b"), signal);
  assert.equal(item?.metadata["ttlExpireTime"], `${expected.replace(" ", "T")}Z`);
  db.close();
  await store.close();
});

test("rows that another program wrote are read and respected", async () => {
  const path = join(temporaryFolder().path, "a.db");
  const store = await open({ connectionString: path });
  const db = raw(path);
  const insert = "INSERT INTO state SELECT ?, ?, ?, ?, ?, CURRENT_TIMESTAMP";
  db.run(insert, ["text", '"x"', 0, "e1", null]);
  db.run(insert, ["binary", "AAEC/w==", 1, "e2", null]);
  db.run(insert, ["broken", "A*", 1, "e3", null]);
  db.run(insert, ["expired", '"old"', 0, "e4", "2001-01-01 00:00:00"]);
  assert.equal(await textOf(store, "text"), '"x"');
  assert.deepEqual([...((await store.get(get("binary"), signal))?.bytes ?? [])], [0, 1, 2, 255]);
  await assert.rejects(
    store.get(get("broken"), signal),
    /^DriverError: failed to decode binary data: illegal base64 data/,
  );
  assert.equal(await textOf(store, "expired"), undefined);
  const bulk = await store.bulkGet!([get("text"), get("none"), get("broken"), get("text"), get("expired")], 0, signal);
  assert.deepEqual(
    bulk.map(({ key, item, error }) => [key, item?.etag, error?.slice(0, 16)]),
    [
      ["broken", undefined, "failed to decode"],
      ["text", "e1", undefined],
      ["none", undefined, undefined],
      ["expired", undefined, undefined],
    ],
  );
  await assert.rejects(store.set(set("expired", "1", { etag: "e4" }), signal), {
    kind: "etagMismatch",
    message: "possible etag mismatch. error from state store",
  });
  await store.delete({ ...set("expired", ""), etag: "e4" }, signal);
  await store.set(set("text", "2", { etag: "e1" }), signal);
  assert.equal(db.get("SELECT value FROM state WHERE key = 'text'", [])?.["value"], "2");
  db.close();
  await store.close();
});

test("messages of refused requests are upstream's", async () => {
  const store = await open({ connectionString: ":memory:" });
  const ttl = (text: string) => set("k", "1", { metadata: { ttlInSeconds: text } });
  const cases: [Promise<unknown>, string][] = [
    [store.get(get(""), signal), "missing key in get operation"],
    [store.set(set("", "1"), signal), "missing key in set option"],
    [store.delete(set("", "1"), signal), "missing key in delete operation"],
    [
      store.set(ttl("foo"), signal),
      "error parsing TTL: incorrect value for metadata 'ttlInSeconds': strconv.ParseInt: parsing \"foo\": invalid syntax",
    ],
    [
      store.transact!([{ kind: "upsert", request: ttl("-2") }], {}, signal),
      "error parsing TTL: incorrect value for metadata 'ttlInSeconds': must be -1 or greater",
    ],
  ];
  for (const [promise, message] of cases) await assert.rejects(promise, { kind: "badRequest", message });
  // A delete with first-write and no ETag is unconditional.
  await store.set(set("k", "1"), signal);
  await store.delete({ ...set("k", ""), concurrency: "first-write" }, signal);
  assert.equal(await textOf(store, "k"), undefined);
  await store.close();
});

test("keysLike orders by row, ignores ASCII case, and gives a token with every full page", async () => {
  const store = await open({ connectionString: ":memory:" });
  for (const key of ["a1", "A2", "a3"]) await store.set(set(key, "1"), signal);
  await store.set(set("a1", "2"), signal);
  // A key that is written again keeps its place: no page shows it a second time.
  assert.deepEqual(await store.keysLike!("a%", 2, "", signal), { keys: ["a1", "A2"], token: "2" });
  assert.deepEqual(await store.keysLike!("a%", 1, "2", signal), { keys: ["a3"], token: "3" });
  assert.deepEqual(await store.keysLike!("a%", 1, "3", signal), { keys: [], token: "" });
  assert.deepEqual(await store.keysLike!("a%", 0, "x", signal), { keys: [], token: "" });
  await store.close();
});

test("faulty metadata and files are told at the start", async () => {
  const folder = temporaryFolder().path;
  const path = join(folder, "a.db");
  for (const [metadata, kind, message] of [
    [{}, "badMetadata", /^missing connection string$/],
    [
      { connectionString: path, timeout: "500ms" },
      "badMetadata",
      /^invalid value for 'timeout': must be greater than 1s$/,
    ],
    [{ connectionString: path, tableName: "a b" }, "badMetadata", /^invalid identifier: a b$/],
    [{ connectionString: path, metadataTableName: "" }, "badMetadata", /^invalid identifier: $/],
    [
      { connectionString: join(folder, "none", "a.db") },
      "failed",
      /^failed to ping: cannot open ".*": there is no folder/,
    ],
    [{ connectionString: `${path}?mode=ro` }, "failed", /^failed to ping: cannot open ".*": there is no such file$/],
  ] as const)
    await assert.rejects(open(metadata), (error: Error & { kind?: string }) => {
      assert.match(error.message, message);
      return error.kind === kind;
    });
  const db = raw(path);
  db.exec("CREATE TABLE metadata (key text NOT NULL PRIMARY KEY, value text NOT NULL)");
  db.exec("INSERT INTO metadata VALUES ('migrations', 'x')");
  await assert.rejects(open({ connectionString: path }), {
    message: "failed to perform migrations: invalid migration level found in metadata table: x",
  });
  db.exec("UPDATE metadata SET value = '7'");
  db.close();
  // A higher level is accepted; the table is then somebody else's affair.
  await (await open({ connectionString: path })).close();
});

test("a file can be opened for reading only once it has its tables", async () => {
  const path = join(temporaryFolder().path, "a.db");
  const writer = await open({ connectionString: path });
  await writer.set(set("k", "1"), signal);
  await writer.close();
  const reader = await open({ connectionString: `file:${path}?mode=ro` });
  assert.equal(await textOf(reader, "k"), "1");
  await assert.rejects(reader.set(set("k", "2"), signal), /opened for reading only/);
  await reader.close();
});

test("several stores start on one empty file at the same moment", async () => {
  const path = join(temporaryFolder().path, "a.db");
  const stores = await Promise.all(Array.from({ length: 4 }, () => open({ connectionString: path }, contextOf())));
  await Promise.all(stores.map((store, index) => store.set(set(`k${index}`, "1"), signal)));
  assert.equal((await stores[0]!.keysLike!("k%", 0, "", signal)).keys.length, 4);
  for (const store of stores) await store.close();
});

test("expired rows are removed once per interval, whoever is first", async () => {
  const path = join(temporaryFolder().path, "a.db");
  const metadata = { connectionString: path, cleanupInterval: "10s" };
  const stores = [await open(metadata, contextOf()), await open(metadata, contextOf())];
  const db = raw(path);
  const count = () => db.get("SELECT count(*) AS n FROM state", [])?.["n"];
  const settle = () => new Promise((resolve) => setTimeout(resolve, 100));
  await stores[0]!.set(set("short", "1", { metadata: { ttlInSeconds: "3" } }), signal);
  await stores[0]!.set(set("long", "1", { metadata: { ttlInSeconds: "3000" } }), signal);
  await stores[0]!.set(set("ever", "1"), signal);
  await clock.advance(5000);
  await settle();
  assert.equal(count(), 3);
  lines.length = 0;
  await clock.advance(5100);
  for (let waited = 0; lines.length < 2 && waited < 20_000; waited += 100) await settle();
  assert.equal(count(), 2);
  assert.deepEqual(lines.sort(), ["Last cleanup was performed too recently", "Removed 1 expired rows"]);
  const last = String(db.get("SELECT value FROM metadata WHERE key = 'last-cleanup'", [])?.["value"]);
  assert.match(last, /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d$/);
  for (const store of stores) await store.close();
  db.close();
});

test("a query means the same in SQLite and in memory", async () => {
  const sqlite = await open({ connectionString: ":memory:", enableQuery: "true" });
  const inMemory = await memory.open(new Map([["enableQuery", "true"]]), contextOf());
  const scalar = fc.oneof(
    fc.constantFrom<unknown>(
      null,
      true,
      false,
      "",
      "a",
      "b",
      "B",
      "ä",
      "\u{1f600}",
      "\uffee",
      0,
      1,
      -1,
      1.5,
      10,
      "1",
      "10",
    ),
    fc.integer(),
    fc.double({ noNaN: true, noDefaultInfinity: true, min: -1e9, max: 1e9 }),
  );
  const field = fc.constantFrom("a", "b", "a.b", "b.a", "a.b.c");
  const value = fc.letrec((tie) => ({
    value: fc.oneof(
      { maxDepth: 3 },
      scalar,
      fc.dictionary(fc.constantFrom("a", "b", "c"), tie("value"), { maxKeys: 3 }),
      fc.array(tie("value"), { maxLength: 2 }),
    ),
  })).value;
  const filter = fc.letrec<{ filter: QueryFilter }>((tie) => ({
    filter: fc.oneof(
      { maxDepth: 2 },
      fc.record({ op: fc.constantFrom("EQ", "NEQ", "GT", "GTE", "LT", "LTE"), key: field, value: scalar }),
      fc.record({ op: fc.constant("IN"), key: field, values: fc.array(scalar, { maxLength: 3 }) }),
      fc.record({ op: fc.constantFrom("AND", "OR"), filters: fc.array(tie("filter"), { minLength: 2, maxLength: 3 }) }),
    ) as fc.Arbitrary<QueryFilter>,
  })).filter;
  const sort = fc.array(fc.record({ key: field, order: fc.constantFrom("ASC", "DESC") }), { maxLength: 2 });
  let round = 0;
  await fc.assert(
    fc.asyncProperty(
      fc.array(value, { maxLength: 8 }),
      fc.option(filter),
      sort,
      fc.nat(3),
      async (values, where, by, limit) => {
        const prefix = `r${round++}||`;
        for (const [index, each] of values.entries()) {
          const request = set(`${prefix}${index}`, JSON.stringify(each));
          await sqlite.set(request, signal);
          await inMemory.set(request, signal);
        }
        const keys = async (store: StateStore): Promise<string[]> => {
          const seen: string[] = [];
          let token = "";
          do {
            const page = { limit, token };
            const answer = await store.query!(
              { filter: where, sort: by, page, metadata: {}, keyPrefix: prefix },
              signal,
            );
            seen.push(...answer.results.map((row) => row.key));
            token = answer.token;
          } while (token !== "");
          return seen;
        };
        assert.deepEqual(await keys(sqlite), await keys(inMemory));
      },
    ),
    { numRuns: 200 },
  );
  await sqlite.close();
  await inMemory.close();
});

test("state.sqlite: countsWrites numbers the writes of a key, and last-write is not compared", async () => {
  const store = await open({ connectionString: join(temporaryFolder().path, "counted.db"), countsWrites: "true" });
  const etagOf = async (key: string) => (await store.get(get(key), signal))?.etag;
  await store.set(set("a", "1"), signal);
  assert.equal(await etagOf("a"), "1");
  await store.set(set("a", "2"), signal);
  assert.equal(await etagOf("a"), "2");
  await store.set(set("a", "3", { etag: "2" }), signal);
  assert.equal(await etagOf("a"), "3");
  await assert.rejects(store.set(set("a", "4", { etag: "2", concurrency: "first-write" }), signal), {
    kind: "etagMismatch",
  });
  await assert.rejects(store.set(set("a", "4", { etag: "2" }), signal), { kind: "etagMismatch" });
  await store.set(set("a", "4", { etag: "2", concurrency: "last-write" }), signal);
  assert.deepEqual([await textOf(store, "a"), await etagOf("a")], ["4", "4"]);
  await assert.rejects(store.delete({ ...set("a", ""), etag: "3" }, signal), { kind: "etagMismatch" });
  await store.transact?.(
    [
      { kind: "upsert", request: set("a", "5", { etag: "4" }) },
      { kind: "upsert", request: set("b", "1", { concurrency: "first-write" }) },
    ],
    {},
    signal,
  );
  assert.deepEqual([await etagOf("a"), await etagOf("b")], ["5", "1"]);
  await store.delete({ ...set("a", ""), etag: "5" }, signal);
  await store.set(set("a", "1"), signal);
  assert.equal(await etagOf("a"), "1");
  await store.close();
});

test("state.sqlite: countsWrites goes on with rows whose ETags are random", async () => {
  const connectionString = join(temporaryFolder().path, "random.db");
  const before = await open({ connectionString });
  await before.set(set("a", "1"), signal);
  const random = (await before.get(get("a"), signal))?.etag ?? "";
  await before.close();
  const store = await open({ connectionString, countsWrites: "true" });
  await store.set(set("a", "2", { etag: random }), signal);
  const etag = (await store.get(get("a"), signal))?.etag ?? "";
  assert.match(etag, /^\d+$/);
  await store.set(set("a", "3"), signal);
  assert.equal((await store.get(get("a"), signal))?.etag, String(Number(etag) + 1));
  await store.close();
});

import assert from "node:assert/strict";
import type { QueryFilter, StateQuery, StateStore } from "../../src/driver/state.ts";
import type { StateSuite } from "./state-suite.ts";
import { decoder, getOf, isDriverError, setOf, signal } from "./state-suite.ts";

/** The query extension. */
export function queryCases({ check }: StateSuite): void {
  const people = {
    ann: { name: "Ann", age: 30, city: { name: "Oslo", zip: 150 }, active: true, note: null },
    bob: { name: "Bob", age: 25, city: { name: "Rome" }, active: false },
    cid: { name: "cid", age: 30.5, city: { name: "Oslo", zip: "150" }, tags: ["x"] },
    dan: { name: "Dan", age: "30", city: "Oslo" },
    eve: { name: "\u{1f600}", city: { name: "\uff5e" } },
  };
  const page = { limit: 0, token: "" };
  const prepared = async (store: StateStore, key: (name?: string) => string) => {
    for (const [each, value] of Object.entries(people)) await store.set(setOf(key(each), value), signal);
    await store.set(setOf(key("raw"), null, { value: { bytes: new Uint8Array([1, 2]), binary: true } }), signal);
    await store.set(setOf(`other${key("ann")}`, people.ann), signal);
    const run = (query: Partial<StateQuery>) =>
      store.query!({ filter: null, sort: [], page, metadata: {}, keyPrefix: key(""), ...query }, signal);
    const names = async (filter: QueryFilter | null, sort: StateQuery["sort"] = []): Promise<string> =>
      (await run({ filter, sort })).results.map((row) => row.key.slice(key("").length)).join(" ");
    return { run, names };
  };

  check("query: each operator, by the kind of the value", async (store, key) => {
    const { names } = await prepared(store, key);
    assert.equal(await names(null), "ann bob cid dan eve");
    assert.equal(await names({ op: "EQ", key: "age", value: 30 }), "ann");
    assert.equal(await names({ op: "EQ", key: "age", value: "30" }), "dan");
    assert.equal(await names({ op: "EQ", key: "city.name", value: "Oslo" }), "ann cid");
    assert.equal(await names({ op: "EQ", key: "active", value: true }), "ann");
    assert.equal(await names({ op: "EQ", key: "active", value: 1 }), "");
    assert.equal(await names({ op: "EQ", key: "note", value: null }), "ann bob cid dan eve");
    assert.equal(await names({ op: "NEQ", key: "city.name", value: "Oslo" }), "bob dan eve");
    assert.equal(await names({ op: "GT", key: "age", value: 25 }), "ann cid");
    assert.equal(await names({ op: "GTE", key: "age", value: 25 }), "ann bob cid");
    assert.equal(await names({ op: "LT", key: "age", value: 30.5 }), "ann bob");
    assert.equal(await names({ op: "LTE", key: "age", value: 30.5 }), "ann bob cid");
    assert.equal(await names({ op: "GT", key: "name", value: "Bob" }), "cid dan eve");
    assert.equal(await names({ op: "IN", key: "age", values: [25, "30", null] }), "bob dan eve");
    assert.equal(await names({ op: "IN", key: "age", values: [] }), "");
    assert.equal(await names({ op: "EQ", key: "none.at.all", value: 1 }), "");
  });

  check("query: AND and OR to any depth", async (store, key) => {
    const { names } = await prepared(store, key);
    const old: QueryFilter = { op: "GTE", key: "age", value: 30 };
    const oslo: QueryFilter = { op: "EQ", key: "city.name", value: "Oslo" };
    const bob: QueryFilter = { op: "EQ", key: "name", value: "Bob" };
    assert.equal(await names({ op: "AND", filters: [old, oslo] }), "ann cid");
    assert.equal(await names({ op: "OR", filters: [bob, { op: "AND", filters: [old, oslo] }] }), "ann bob cid");
    assert.equal(await names({ op: "AND", filters: [bob, oslo] }), "");
  });

  check("query: sort, then by key", async (store, key) => {
    const { names } = await prepared(store, key);
    assert.equal(await names(null, [{ key: "age", order: "ASC" }]), "eve bob ann cid dan");
    assert.equal(await names(null, [{ key: "age", order: "DESC" }]), "dan cid ann bob eve");
    const both = [
      { key: "city.name", order: "DESC" },
      { key: "name", order: "ASC" },
    ] as const;
    assert.equal(await names(null, both), "eve bob ann cid dan");
    assert.equal(await names(null, [{ key: "name", order: "ASC" }]), "ann bob dan cid eve");
  });

  check("query: pages with a token until there are no more", async (store, key) => {
    const { run } = await prepared(store, key);
    const seen: string[] = [];
    let token = "";
    do {
      const answer = await run({ sort: [{ key: "age", order: "DESC" }], page: { limit: 2, token } });
      assert.ok(answer.results.length > 0 && answer.results.length <= 2);
      seen.push(...answer.results.map((row) => row.key.slice(key("").length)));
      token = answer.token;
    } while (token !== "");
    assert.deepEqual(seen, ["dan", "cid", "ann", "bob", "eve"]);
    await assert.rejects(run({ page: { limit: 2, token: "x" } }), isDriverError("badRequest"));
  });

  check("query: rows come with value and ETag, and faults of the query are told", async (store, key) => {
    const { run } = await prepared(store, key);
    const [row] = (await run({ filter: { op: "EQ", key: "name", value: "Bob" } })).results;
    assert.deepEqual(JSON.parse(decoder.decode(row?.bytes)), people.bob);
    assert.equal(row?.etag, (await store.get(getOf(key("bob")), signal))?.etag);
    for (const filter of [
      { op: "EQ", key: "a", value: { b: 1 } },
      { op: "IN", key: "a", values: [[1]] },
      { op: "EQ", key: 'a".b', value: 1 },
      { op: "OR", filters: [{ op: "GT", key: "a..b", value: 1 }] },
    ] as const)
      await assert.rejects(run({ filter }), isDriverError("badRequest"));
  });
}

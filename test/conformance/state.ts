import assert from "node:assert/strict";
import { test } from "node:test";
import type { StateFeature, StateStore } from "../../src/driver/state.ts";
import { etagCases } from "./state-etags.ts";
import { keysCases } from "./state-keys.ts";
import { modelCases } from "./state-model.ts";
import { queryCases } from "./state-query.ts";
import type { StateSuite, StateTraits } from "./state-suite.ts";
import { deleteOf, encoder, getOf, read, setOf, signal, textOf } from "./state-suite.ts";
import { transactionCases } from "./state-transactions.ts";
import { ttlCases } from "./state-ttl.ts";

/**
 * The behaviour that all state stores share. `open` gives a store; it may hold keys of earlier tests, because every test
 * uses keys of its own. `features` switches cases on and must be what the store says of itself.
 */
export function stateConformance(
  name: string,
  open: () => Promise<StateStore>,
  features: readonly StateFeature[],
  traits: StateTraits,
): void {
  const run = crypto.randomUUID().slice(0, 8);
  let tests = 0;
  const suite: StateSuite = {
    traits,
    stale: traits.staleEtag ?? "0f1e2d3c-0000-4000-8000-000000000000",
    has: (feature) => features.includes(feature),
    check(what, body) {
      const scope = `conf${run}-${tests++}||`;
      test(`${name}: ${what}`, async () => {
        const store = await open();
        try {
          await body(store, (own = "k") => scope + own);
        } finally {
          await store.close();
        }
      });
    },
  };
  coreCases(suite, features);
  if (suite.has("ETAG")) etagCases(suite);
  if (suite.has("TTL")) ttlCases(suite);
  if (suite.has("TRANSACTIONAL")) transactionCases(suite);
  keysCases(suite);
  if (suite.has("QUERY_API")) queryCases(suite);
  modelCases(suite);
}

function coreCases({ check, has, traits }: StateSuite, features: readonly StateFeature[]): void {
  check("features are what was announced, and methods agree with them", async (store) => {
    assert.deepEqual([...store.features].sort(), [...features].sort());
    assert.equal(store.transact !== undefined, has("TRANSACTIONAL"));
    assert.equal(store.query !== undefined, has("QUERY_API"));
    assert.equal(store.keysLike !== undefined, has("KEYS_LIKE"));
    assert.equal(store.deletePrefix !== undefined, has("DELETE_WITH_PREFIX"));
    await store.ping?.(signal);
  });

  check("set, get, overwrite, delete", async (store, key) => {
    assert.equal(await store.get(getOf(key()), signal), null);
    await store.set(setOf(key(), { a: 1 }), signal);
    assert.equal(await read(store, key()), '{"a":1}');
    await store.set(setOf(key(), [true, null]), signal);
    assert.equal(await read(store, key()), "[true,null]");
    await store.delete(deleteOf(key()), signal);
    assert.equal(await store.get(getOf(key()), signal), null);
    await store.delete(deleteOf(key()), signal);
  });

  check("JSON text comes back byte for byte", async (store, key) => {
    for (const text of [
      '"x"',
      '""',
      "null",
      "0",
      "-1.5e-7",
      "false",
      "[]",
      '{"b":"\\u003cx\\u003e","a":"ä\u{1f600}"}',
    ]) {
      await store.set(setOf(key(), null, { value: { bytes: encoder.encode(text), binary: false } }), signal);
      const stored = traits.plainHtml ? text.replace("\\u003c", "<").replace("\\u003e", ">") : text;
      assert.equal(await read(store, key()), stored);
    }
  });

  check("binary values of any content and size come back as they were", async (store, key) => {
    const all = Uint8Array.from({ length: 256 }, (_, index) => index);
    const large = Uint8Array.from({ length: 300_000 }, (_, index) => (index * 31) & 0xff);
    for (const bytes of [new Uint8Array(), new Uint8Array([0]), all, large, encoder.encode('{"a":1}')]) {
      await store.set(setOf(key(), null, { value: { bytes, binary: true } }), signal);
      assert.deepEqual(new Uint8Array((await store.get(getOf(key()), signal))?.bytes ?? []), bytes);
    }
  });

  check("a value is not a view of the caller's buffer", async (store, key) => {
    const bytes = encoder.encode('"before"');
    await store.set(setOf(key(), null, { value: { bytes, binary: false } }), signal);
    bytes.fill(0x20);
    assert.equal(await read(store, key()), '"before"');
  });

  check("unusual keys are kept apart", async (store, key) => {
    const names = [
      "a",
      "A",
      " ",
      "ä",
      "\u{1f600}",
      "a%",
      "a_",
      "a\\",
      "a'b\"c",
      "a||b",
      "a/b?c#d",
      "x".repeat(500),
      "*",
      "a\tb\nc",
    ];
    for (const [index, each] of names.entries()) await store.set(setOf(key(each), index), signal);
    for (const [index, each] of names.entries()) assert.equal(await read(store, key(each)), String(index), each);
    for (const each of names) await store.delete(deleteOf(key(each)), signal);
    for (const each of names) assert.equal(await read(store, key(each)), null, each);
  });

  check("bulk methods, where there are some, answer for each key", async (store, key) => {
    const sets = ["a", "b", "c"].map((each, index) => setOf(key(each), index));
    if (store.bulkSet === undefined) await Promise.all(sets.map((each) => store.set(each, signal)));
    else assert.deepEqual(await store.bulkSet(sets, signal), [null, null, null]);
    if (store.bulkGet !== undefined) {
      const answer = await store.bulkGet([getOf(key("c")), getOf(key("none")), getOf(key("a"))], 10, signal);
      const values = new Map(answer.map((each) => [each.key, textOf(each.item)]));
      assert.equal(answer.length, 3);
      assert.deepEqual([values.get(key("a")), values.get(key("c")), values.get(key("none"))], ["0", "2", null]);
      assert.deepEqual(await store.bulkGet([], 10, signal), []);
    }
    if (store.bulkDelete !== undefined) {
      const answer = await store.bulkDelete([deleteOf(key("a")), deleteOf(key("none"))], signal);
      assert.deepEqual(answer, [null, null]);
      assert.equal(await read(store, key("a")), null);
    }
  });
}

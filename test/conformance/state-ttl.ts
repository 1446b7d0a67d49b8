import assert from "node:assert/strict";
import type { StateSet } from "../../src/driver/state.ts";
import type { StateSuite } from "./state-suite.ts";
import { getOf, isDriverError, read, setOf, signal, textOf } from "./state-suite.ts";

/** Values with a time to live. */
export function ttlCases({ check, has, traits }: StateSuite): void {
  const rewriteClearsTtl = traits.rewriteClearsTtl ?? true;
  const ttl = (seconds: string): Partial<StateSet> => ({ metadata: { ttlInSeconds: seconds } });

  check("a value with a time to live goes when it is over", async (store, key) => {
    await store.set(setOf(key(), 1, ttl("2")), signal);
    await store.set(setOf(key("stays"), 1), signal);
    const item = await store.get(getOf(key()), signal);
    assert.equal(textOf(item), "1");
    if (traits.tellsExpiry ?? true)
      assert.match(item?.metadata["ttlExpireTime"] ?? "", /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);
    assert.equal((await store.get(getOf(key("stays")), signal))?.metadata["ttlExpireTime"], undefined);
    await traits.pass(3100);
    assert.equal(await store.get(getOf(key()), signal), null);
    if (store.bulkGet !== undefined) assert.deepEqual((await store.bulkGet([getOf(key())], 1, signal))[0]?.item, null);
    assert.equal(await read(store, key("stays")), "1");
  });

  check("-1, 0 and a write without one take the time to live away", async (store, key) => {
    const later: [string, Partial<StateSet>][] = [
      ["minus", ttl("-1")],
      ["zero", ttl("0")],
      ...(rewriteClearsTtl ? [["absent", {}] as [string, Partial<StateSet>]] : []),
    ];
    for (const [each] of later) await store.set(setOf(key(each), 1, ttl("2")), signal);
    for (const [each, more] of later) await store.set(setOf(key(each), 2, more), signal);
    await traits.pass(3100);
    for (const [each] of later) assert.equal(await read(store, key(each)), "2", each);
  });

  check("a time to live that is no number is refused", async (store, key) => {
    await assert.rejects(store.set(setOf(key(), 1, ttl("foo")), signal), isDriverError());
    await assert.rejects(store.set(setOf(key(), 1, ttl("1.5")), signal), isDriverError());
    assert.equal(await read(store, key()), null);
  });

  if (has("ETAG") && rewriteClearsTtl)
    check("an expired key is free for a first write", async (store, key) => {
      await store.set(setOf(key(), 1, { concurrency: "first-write", ...ttl("1") }), signal);
      await traits.pass(3100);
      await store.set(setOf(key(), 2, { concurrency: "first-write" }), signal);
      assert.equal(await read(store, key()), "2");
    });
}

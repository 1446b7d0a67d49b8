import assert from "node:assert/strict";
import type { StateDelete, StateOperation, StateSet } from "../../src/driver/state.ts";
import type { StateSuite } from "./state-suite.ts";
import { deleteOf, etagOf, isDriverError, read, setOf, signal } from "./state-suite.ts";

/** Transactions. */
export function transactionCases({ check, has, stale, traits }: StateSuite): void {
  const upsert = (request: StateSet): StateOperation => ({ kind: "upsert", request });
  const remove = (request: StateDelete): StateOperation => ({ kind: "delete", request });

  check("a transaction runs in order", async (store, key) => {
    await store.transact?.([], {}, signal);
    await store.set(setOf(key("first"), 0), signal);
    await store.transact?.(
      [
        remove(deleteOf(key("first"))),
        upsert(setOf(key("second"), 1)),
        remove(deleteOf(key("second"))),
        upsert(setOf(key("third"), 1)),
        upsert(setOf(key("third"), 2)),
        remove(deleteOf(key("never there"))),
      ],
      {},
      signal,
    );
    assert.equal(await read(store, key("first")), null);
    assert.equal(await read(store, key("second")), null);
    assert.equal(await read(store, key("third")), "2");
  });

  check("a transaction of one operation", async (store, key) => {
    await store.transact?.([upsert(setOf(key(), 1))], {}, signal);
    assert.equal(await read(store, key()), "1");
  });

  if (has("ETAG") && (traits.rollsBack ?? true))
    check("a transaction with one bad ETag leaves nothing", async (store, key) => {
      await store.set(setOf(key("a"), 1), signal);
      await store.set(setOf(key("b"), 1), signal);
      const third = traits.etagOnAbsentKey === "stored" ? "1" : null;
      if (third !== null) await store.set(setOf(key("c"), 1), signal);
      const etag = await etagOf(store, key("a"));
      const operations = [
        upsert(setOf(key("a"), 2, { etag })),
        remove(deleteOf(key("b"))),
        upsert(setOf(key("c"), 2, { etag: stale })),
      ];
      await assert.rejects(store.transact!(operations, {}, signal), isDriverError("etagMismatch"));
      assert.deepEqual(
        [await read(store, key("a")), await read(store, key("b")), await read(store, key("c"))],
        ["1", "1", third],
      );
    });

  if (has("TTL"))
    check("a time to live in a transaction", async (store, key) => {
      await store.transact?.(
        [upsert(setOf(key(), 1, { metadata: { ttlInSeconds: "1" } })), upsert(setOf(key("b"), 1))],
        {},
        signal,
      );
      await traits.pass(3100);
      assert.deepEqual([await read(store, key()), await read(store, key("b"))], [null, "1"]);
    });
}

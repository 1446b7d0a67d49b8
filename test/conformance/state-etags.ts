import assert from "node:assert/strict";
import type { StateSuite } from "./state-suite.ts";
import { deleteOf, etagOf, isDriverError, read, setOf, signal } from "./state-suite.ts";

/** ETags and first writes. */
export function etagCases({ check, stale, traits }: StateSuite): void {
  check("each write gives another ETag, and only the present one lets a write through", async (store, key) => {
    await store.set(setOf(key(), 1), signal);
    const first = await etagOf(store, key());
    await store.set(setOf(key(), 2, { etag: first }), signal);
    const second = await etagOf(store, key());
    assert.notEqual(second, first);
    for (const concurrency of ["", "first-write", "last-write"] as const) {
      if (concurrency !== "last-write" || !traits.lastWriteIgnoresEtag)
        await assert.rejects(
          store.set(setOf(key(), 3, { etag: first, concurrency }), signal),
          isDriverError("etagMismatch"),
        );
    }
    await assert.rejects(store.set(setOf(key(), 3, { etag: stale }), signal), isDriverError("etagMismatch"));
    await assert.rejects(store.delete(deleteOf(key(), { etag: stale }), signal), isDriverError("etagMismatch"));
    assert.equal(await read(store, key()), "2");
    await store.delete(deleteOf(key(), { etag: second }), signal);
    assert.equal(await read(store, key()), null);
  });

  check("an ETag on a key that is absent", async (store, key) => {
    const set = store.set(setOf(key(), 1, { etag: stale }), signal);
    if (traits.etagOnAbsentKey === "stored") await set;
    else await assert.rejects(set, isDriverError("etagMismatch"));
    const remove = store.delete(deleteOf(key("none"), { etag: stale }), signal);
    if (traits.deleteOfAbsentKey === "success") await remove;
    else await assert.rejects(remove, isDriverError("etagMismatch"));
  });

  if (traits.invalidEtag !== undefined)
    check("an ETag that is none is told apart", async (store, key) => {
      await store.set(setOf(key(), 1), signal);
      await assert.rejects(
        store.set(setOf(key(), 2, { etag: traits.invalidEtag! }), signal),
        isDriverError("etagInvalid"),
      );
    });

  check("an empty ETag counts as none", async (store, key) => {
    await store.set(setOf(key(), 1, { etag: "" }), signal);
    await store.set(setOf(key(), 2, { etag: "" }), signal);
    await store.delete(deleteOf(key(), { etag: "" }), signal);
    assert.equal(await read(store, key()), null);
  });

  check("of writers with the same ETag exactly one wins", async (store, key) => {
    await store.set(setOf(key(), 0), signal);
    const etag = await etagOf(store, key());
    const settled = await Promise.allSettled(
      Array.from({ length: 10 }, (_, index) =>
        store.set(setOf(key(), index, { etag, concurrency: "first-write" }), signal),
      ),
    );
    assert.equal(settled.filter(({ status }) => status === "fulfilled").length, 1);
    const winner = settled.findIndex(({ status }) => status === "fulfilled");
    assert.equal(await read(store, key()), String(winner));
  });

  check("first-write stores only what was absent", async (store, key) => {
    const firstWrite = { concurrency: "first-write" } as const;
    await store.set(setOf(key(), 1, firstWrite), signal);
    await assert.rejects(store.set(setOf(key(), 2, firstWrite), signal), isDriverError());
    await assert.rejects(store.set(setOf(key(), 2, { ...firstWrite, etag: "" }), signal), isDriverError());
    await assert.rejects(
      store.set(setOf(key(), 2, { ...firstWrite, etag: stale }), signal),
      isDriverError("etagMismatch"),
    );
    assert.equal(await read(store, key()), "1");
    await store.set(setOf(key("ordinary"), 1), signal);
    const over = store.set(setOf(key("ordinary"), 2, firstWrite), signal);
    if (traits.firstWriteOverOrdinary === "stored") await over;
    else await assert.rejects(over, isDriverError());
    await store.delete(deleteOf(key()), signal);
    await store.set(setOf(key(), 3, firstWrite), signal);
    assert.equal(await read(store, key()), "3");
  });
}

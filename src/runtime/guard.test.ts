import assert from "node:assert/strict";
import { test } from "node:test";
import type { StateStore } from "../driver/state.ts";
import type { ComponentResource } from "../host/component.ts";
import { createVirtualClock } from "../kit/virtual-clock.ts";
import { createGuard } from "./guard.ts";

const { signal } = new AbortController();
const request = { etag: null, concurrency: "", consistency: "", metadata: {} } as const;

test("a bulk counts once, also of a store that has single operations only; each item keeps its own error", async () => {
  const counted: string[] = [];
  const guard = createGuard(createVirtualClock(0), (_category, name, operation, succeeded) => {
    counted.push(`${name} ${operation} ${succeeded}`);
  });
  const bad = async ({ key }: { readonly key: string }): Promise<void> => {
    if (key === "bad") throw new Error("no");
  };
  const plain = {
    features: ["ETAG"],
    async get(asked: { readonly key: string }) {
      await bad(asked);
      return null;
    },
    set: bad,
    delete: bad,
    close: async () => {},
  } as unknown as StateStore;
  const store = guard("state", { name: "s" } as ComponentResource, plain);
  const keys = ["a", "bad"].map((key) => ({ ...request, key, value: { bytes: new Uint8Array(), binary: true } }));
  assert.deepEqual(await store.bulkGet?.(keys, 0, signal), [
    { key: "a", item: null },
    { key: "bad", item: null, error: "no" },
  ]);
  assert.deepEqual(await store.bulkSet?.(keys, signal), [null, new Error("no")]);
  assert.deepEqual(await store.bulkDelete?.(keys, signal), [null, new Error("no")]);
  await store.set(keys[0]!, signal);
  assert.deepEqual(counted, ["s bulk_get true", "s set false", "s bulk_delete false", "s set true"]);
  assert.deepEqual(store.features, ["ETAG"]);
});

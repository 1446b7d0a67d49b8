import assert from "node:assert/strict";
import { test } from "node:test";
import type { DriverContext } from "../../../src/driver/context.ts";
import type { StateSet, StateStore } from "../../../src/driver/state.ts";
import { createSeededRandom } from "../../../src/kit/seeded-random.ts";
import { createVirtualClock } from "../../../src/kit/virtual-clock.ts";
import { stateConformance } from "../../../test/conformance/state.ts";
import driver from "./in-memory.ts";

const clock = createVirtualClock(Date.UTC(2026, 10, 20, 10));
const random = createSeededRandom(7);
const open = (metadata: Record<string, string> = {}): Promise<StateStore> =>
  driver.open(new Map(Object.entries(metadata)), { clock, random } as unknown as DriverContext);
const pass = (ms: number): Promise<void> => clock.advance(ms);
const features = ["ETAG", "TRANSACTIONAL", "TTL", "DELETE_WITH_PREFIX", "KEYS_LIKE"] as const;

stateConformance("state.in-memory", () => open(), features, { pass });
stateConformance("state.in-memory with query", () => open({ enableQuery: "true" }), [...features, "QUERY_API"], {
  pass,
});

const { signal } = new AbortController();
const get = (key: string) => ({ key, consistency: "", metadata: {} }) as const;
const set = (key: string, more: Partial<StateSet> = {}): StateSet => ({
  key,
  value: { bytes: new Uint8Array([0x31]), binary: false },
  etag: null,
  concurrency: "",
  consistency: "",
  metadata: {},
  ...more,
});

test("the causes of a mismatch are upstream's", async () => {
  const store = await open();
  await store.set(set("app||k"), signal);
  const { etag } = (await store.get(get("app||k"), signal))!;
  const lead = "possible etag mismatch. error from state store: ";
  const cases: [Partial<StateSet>, string][] = [
    [{ etag: "x" }, `${lead}state etag not match for key=app||k: current=${etag}, expect=x`],
    [{ key: "app||none", etag: "x" }, `${lead}state not exist or expired for key=app||none`],
    [{ concurrency: "first-write" }, `${lead}item already exists and no etag was passed`],
  ];
  for (const [more, message] of cases) {
    const request = set("app||k", more);
    await assert.rejects(store.set(request, signal), { kind: "etagMismatch", message });
    await assert.rejects(store.delete(request, signal), { kind: "etagMismatch", message });
  }
});

test("a time to live is read by the store's own rule", async () => {
  const store = await open();
  for (const text of ["", "+5", "-7", "9999999999999"])
    await store.set(set(`k${text}`, { metadata: { ttlInSeconds: text } }), signal);
  assert.deepEqual((await store.get(get("k-7"), signal))?.metadata, {});
  assert.deepEqual((await store.get(get("k9999999999999"), signal))?.metadata, {
    ttlExpireTime: "9999-12-31T23:59:59Z",
  });
  const message = 'strconv.Atoi: parsing "foo": invalid syntax';
  await assert.rejects(store.set(set("k", { metadata: { ttlInSeconds: "foo" } }), signal), { message });
  await store.close();
});

test("an expired row is hidden at once, counts for first-write until the cleaner runs, and frees its timer", async () => {
  const store = await open();
  const firstWrite = { concurrency: "first-write" } as const;
  await store.set(set("early", { metadata: { ttlInSeconds: "1" } }), signal);
  await clock.advance(500);
  await store.set(set("k", { metadata: { ttlInSeconds: "1" } }), signal);
  await clock.advance(1100);
  assert.equal((await store.bulkGet!([get("k")], 1, signal))[0]?.item, null);
  await assert.rejects(store.set(set("k", firstWrite), signal), { kind: "etagMismatch" });
  await clock.advance(1000);
  await store.set(set("k", firstWrite), signal);
  await clock.advance(3000);
  assert.equal(clock.pending, 0);
  await store.close();
});

test("keysLike continues at the index of the next row, and a row written again moves to the end", async () => {
  const store = await open();
  for (const key of ["a", "b", "c"]) await store.set(set(key), signal);
  await store.set(set("a"), signal);
  assert.deepEqual(await store.keysLike!("%", 2, "", signal), { keys: ["b", "c"], token: "3" });
  assert.deepEqual(await store.keysLike!("%", 2, "3", signal), { keys: ["a"], token: "" });
  const message = 'invalid continue token: strconv.ParseUint: parsing "x": invalid syntax';
  await assert.rejects(store.keysLike!("%", 2, "x", signal), { message });
  await store.set(set("line\nbreak"), signal);
  assert.deepEqual((await store.keysLike!("line%", 0, "", signal)).keys, []);
});

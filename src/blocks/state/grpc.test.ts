import assert from "node:assert/strict";
import { test } from "node:test";
import { sendGrpc } from "../../../test/harness/grpc-exchange.ts";
import { mapStateStore } from "../../../test/harness/map-state-store.ts";
import type { StateStore } from "../../driver/state.ts";
import type {
  GetBulkStateResponse,
  GetStateResponse,
  QueryStateResponse,
} from "../../gen/dapr/proto/runtime/v1/state_pb.ts";
import { stateGrpc } from "./grpc.ts";
import { createState } from "./state.ts";

const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text);
const storeName = "s";

function open(without: readonly (keyof StateStore)[] = []) {
  const store = mapStateStore(without);
  const entry = { name: "s", store, prefix: "app||" };
  const state = createState({ appId: "app", stores: { find: () => entry, any: () => true } });
  const part = stateGrpc(state);
  const send = (name: string, request: object) => sendGrpc(part, name, { storeName, ...request });
  const get = async (key: string) => (await send("getState", { key })) as GetStateResponse;
  return { store, send, get, last: () => store.seen.at(-1)!.request };
}

test("bytes come back as they were; an absent key is an empty answer", async () => {
  const { send, get } = open();
  await send("saveState", { states: [{ key: "a", value: new Uint8Array([0, 255]) }, { key: "b ttl" }] });
  const found = await get("a");
  assert.deepEqual([[...found.data], found.etag, { ...found.metadata }], [[0, 255], "1", {}]);
  const timed = await get("b ttl");
  assert.deepEqual([timed.data.length, timed.metadata["ttlExpireTime"]], [0, "2030-01-01T00:00:00Z"]);
  const none = await get("none");
  assert.deepEqual([none.data.length, none.etag], [0, ""]);
});

test("options, etags and metadata reach the store", async () => {
  const { send, get, last } = open();
  await send("saveState", {
    states: [
      {
        key: "a",
        value: utf8("1"),
        etag: { value: "" },
        metadata: { ttlInSeconds: "5" },
        options: { concurrency: 1, consistency: 2 },
      },
    ],
  });
  assert.deepEqual(last(), {
    key: "app||a",
    value: { bytes: utf8("1"), binary: true },
    etag: null,
    concurrency: "first-write",
    consistency: "strong",
    metadata: { ttlInSeconds: "5" },
  });
  await send("deleteState", {
    key: "a",
    etag: { value: (await get("a")).etag },
    options: { concurrency: 2, consistency: 1 },
  });
  assert.deepEqual(last(), {
    key: "app||a",
    etag: "1",
    concurrency: "last-write",
    consistency: "eventual",
    metadata: {},
  });
  await send("getState", { key: "a", consistency: 1, metadata: { p: "q" } });
  assert.deepEqual(last(), { key: "app||a", consistency: "eventual", metadata: { p: "q" } });
});

test("JSON content is decoded in a save and kept as bytes in a transaction", async () => {
  const { store, send } = open();
  const item = (key: string) => ({
    key,
    value: utf8('{"b": "<", "a": 1.0}'),
    metadata: { contentType: "application/json" },
  });
  await send("saveState", { states: [item("saved")] });
  await send("executeStateTransaction", { operations: [{ operationType: "upsert", request: item("tx") }] });
  const rows = [...store.rows.values()].map((row) => [new TextDecoder().decode(row.bytes), row.binary]);
  assert.deepEqual(rows, [
    ['{"a":1,"b":"\\u003c"}', false],
    ['{"b": "<", "a": 1.0}', true],
  ]);
});

for (const without of [[], ["bulkGet"]] as const)
  test(`bulk reads, ${without.length === 0 ? "by the store" : "by single reads"}`, async () => {
    const { send } = open(without);
    await send("saveState", { states: [{ key: "a", value: utf8("x") }] });
    const found = (await send("getBulkState", { keys: ["a", "none"], parallelism: 1 })) as GetBulkStateResponse;
    assert.deepEqual(
      found.items.map(({ key, data, etag, error }) => [key, new TextDecoder().decode(data), etag, error]),
      [
        ["a", "x", "1", ""],
        ["none", "", "", ""],
      ],
    );
    assert.equal(((await send("getBulkState", {})) as GetBulkStateResponse).items.length, 0);
  });

test("bulk deletes and empty lists", async () => {
  const { store, send } = open();
  await send("saveState", { states: [] });
  await send("deleteBulkState", {});
  assert.equal(store.seen.length, 0);
  await send("saveState", { states: [{ key: "a" }, { key: "b" }, { key: "c" }] });
  await send("deleteBulkState", { states: [{ key: "a" }, { key: "b", etag: { value: "2" } }] });
  assert.deepEqual([...store.rows.keys()], ["app||c"]);
});

test("a store's own bulk methods are used for several items only", async () => {
  const store = mapStateStore();
  const bulk: string[] = [];
  const full = Object.assign(store, {
    bulkSet: async (requests: readonly unknown[]) => {
      bulk.push(`set ${requests.length}`);
      return requests.map(() => null);
    },
    bulkDelete: async (requests: readonly unknown[]) => {
      bulk.push(`delete ${requests.length}`);
      return requests.map(() => null);
    },
  });
  const entry = { name: "s", store: full, prefix: "" };
  const part = stateGrpc(createState({ appId: "app", stores: { find: () => entry, any: () => true } }));
  for (const method of ["saveState", "deleteBulkState"])
    for (const states of [[{ key: "a" }], [{ key: "a" }, { key: "b" }]])
      await sendGrpc(part, method, { storeName, states });
  assert.deepEqual(bulk, ["set 2", "delete 2"]);
  assert.deepEqual(
    store.seen.map(({ method }) => method),
    ["set", "delete"],
  );
});

test("transactions take an empty list, an empty key and an operation without a request", async () => {
  const { store, send, last } = open();
  await send("executeStateTransaction", {});
  assert.deepEqual(last(), { operations: [], metadata: {} });
  await send("executeStateTransaction", { operations: [{ operationType: "upsert" }], metadata: { m: "1" } });
  assert.deepEqual([...store.rows.keys()], ["app||"]);
  assert.deepEqual((last() as { metadata: unknown }).metadata, { m: "1" });
});

test("queries", async () => {
  const { send } = open();
  assert.equal(((await send("queryStateAlpha1", { query: "{}" })) as QueryStateResponse).results.length, 0);
  await send("saveState", { states: [{ key: "a", value: utf8("x") }] });
  const found = (await send("queryStateAlpha1", { query: '{"page":{"limit":2}}' })) as QueryStateResponse;
  assert.deepEqual(
    found.results.map(({ key, data, etag }) => [key, new TextDecoder().decode(data), etag]),
    [["a", "x", "1"]],
  );
  assert.equal(found.token, "2");
});

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { DriverContext } from "../../../src/driver/context.ts";
import type { StateSet, StateStore } from "../../../src/driver/state.ts";
import { createVirtualClock } from "../../../src/kit/virtual-clock.ts";
import { createStorages } from "../../../src/storage/storages.ts";
import { stateConformance } from "../../../test/conformance/state.ts";
import { hostPlatform } from "../../../test/harness/host-platform.ts";
import { type LibsqlServer, startLibsqlServer } from "../../../test/harness/libsql-server.ts";
import { temporaryFolder } from "../../../test/harness/temporary-folder.ts";
import sqlite from "../sqlite/sqlite.ts";
import driver from "./libsql.ts";

const platform = await hostPlatform();
const { signal } = new AbortController();
const clock = createVirtualClock(Date.UTC(2026, 10, 20, 13, 9, 29, 400));
const lines: string[] = [];
const line = (message: string) => void lines.push(message);
const context: DriverContext = {
  name: "store",
  appId: "app",
  namespace: "",
  log: { debug: line, info: line, warn: line, error: line },
  signal,
  platform,
  clock,
  random: platform.random,
  storage: () => Promise.reject(new Error("this driver has no use for files")),
};

let server: LibsqlServer;
const path = `${temporaryFolder().path}/a.db`;
before(async () => {
  server = await startLibsqlServer(path);
});
after(() => server.close());

const open = (metadata: Record<string, string> = {}, more: Partial<DriverContext> = {}): Promise<StateStore> =>
  driver.open(new Map(Object.entries({ url: server.url, authToken: server.token, ...metadata })), {
    ...context,
    ...more,
  });
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
const own = (key: string) => `${crypto.randomUUID()}||${key}`;
const textOf = async (store: StateStore, key: string): Promise<string | undefined> => {
  const item = await store.get(get(key), signal);
  return item === null ? undefined : new TextDecoder().decode(item.bytes);
};

const features = ["ETAG", "TRANSACTIONAL", "TTL", "KEYS_LIKE"] as const;
const traits = { pass: (ms: number) => clock.advance(ms), modelRuns: 8 };
stateConformance("state.libsql", () => open(), features, traits);
stateConformance(
  "state.libsql with query",
  () => open({ enableQuery: "true", tableName: "t1", metadataTableName: "m1" }),
  [...features, "QUERY_API"],
  traits,
);

test("a transaction is one request, and a stale ETag anywhere in it undoes all of it", async () => {
  const store = await open();
  const [first, second] = [own("a"), own("b")];
  await store.set(set(second, "1"), signal);
  const before = server.requests();
  const upsert = (request: StateSet) => ({ kind: "upsert", request }) as const;
  const transact = (etag: string | null) =>
    store.transact?.(
      [upsert(set(first, "2")), upsert(set(second, "3", { etag })), upsert(set(first, "4"))],
      {},
      signal,
    );
  await assert.rejects(transact("stale") ?? Promise.resolve(), {
    kind: "etagMismatch",
    message: "possible etag mismatch. error from state store",
  });
  if (before !== undefined) assert.equal(server.requests(), before + 1);
  assert.equal(await textOf(store, first), undefined);
  assert.equal(await textOf(store, second), "1");
  await transact((await store.get(get(second), signal))?.etag ?? null);
  assert.deepEqual([await textOf(store, first), await textOf(store, second)], ["4", "3"]);
  await store.close();
});

test("the tables are those of state.sqlite, which reads what was written here", async (t) => {
  if (server.database === undefined) return t.skip("SKIPPED: the file of a server that is not ours is out of reach");
  const store = await open();
  const [json, binary] = [own("j"), own("b")];
  await store.set(set(json, '{"a":1}'), signal);
  await store.set(set(binary, "", { value: { bytes: new Uint8Array([0, 255]), binary: true } }), signal);
  const kinds = "SELECT typeof(value) AS value, typeof(is_binary) AS flag FROM state WHERE key IN (?, ?)";
  assert.deepEqual(server.database.all(kinds, [json, binary]), [
    { value: "text", flag: "integer" },
    { value: "text", flag: "integer" },
  ]);
  const storages = createStorages({ platform });
  const local = await sqlite.open(new Map([["connectionString", path]]), {
    ...context,
    storage: (file, options) => storages.open(file, options),
  });
  assert.equal(await textOf(local, json), '{"a":1}');
  assert.deepEqual([...((await local.get(get(binary), signal))?.bytes ?? [])], [0, 255]);
  await local.close();
  await store.close();
});

test("expired rows are removed once per interval", async () => {
  const cleaned = { cleanupInterval: "10s", tableName: "t2", metadataTableName: "m2" };
  const stores = [await open(cleaned), await open(cleaned)];
  await stores[0]?.set(set(own("short"), "1", { metadata: { ttlInSeconds: "3" } }), signal);
  await stores[0]?.set(set(own("ever"), "1"), signal);
  lines.length = 0;
  await clock.advance(10_100);
  for (let round = 0; round < 200 && lines.length < 2; round++) await new Promise((resolve) => setTimeout(resolve, 25));
  assert.deepEqual(lines.sort(), ["Last cleanup was performed too recently", "Removed 1 expired rows"]);
  for (const store of stores) await store.close();
});

test("faults are told: metadata, an absent server, a wrong token, a silent server, a caller who left", async () => {
  const { process: _, ...isolate } = platform;
  for (const [metadata, more, kind, message] of [
    [{ url: "" }, {}, "badMetadata", /^missing url$/],
    [
      { url: "file:a.db" },
      {},
      "badMetadata",
      /^invalid value for 'url': "file:a.db" must start with libsql:\/\/, https:\/\/ or http:\/\/$/,
    ],
    [{ tableName: "a b" }, {}, "badMetadata", /^invalid identifier: a b$/],
    [{ cleanupInterval: "1m" }, { platform: isolate }, "badMetadata", /^invalid value for 'cleanupInterval': the /],
    [{ url: "http://127.0.0.1:9/?authToken=x" }, {}, "unavailable", /^cannot reach "http:\/\/127.0.0.1:9\/": /],
  ] as const)
    await assert.rejects(open(metadata, more), (error: Error & { kind?: string }) => {
      assert.match(error.message, message);
      assert.equal(error.kind, kind);
      return true;
    });
  if (server.database !== undefined)
    await assert.rejects(open({ authToken: "wrong" }), {
      kind: "unauthorized",
      message: `"${server.url}/" refused: SERVER_ERROR: Server returned HTTP status 401`,
    });

  assert.ok(platform.serveHttp);
  const asked = Promise.withResolvers<void>();
  const silent = await platform.serveHttp({ host: "127.0.0.1", port: 0 }, () => {
    asked.resolve();
    return new Promise(() => undefined);
  });
  const opening = open({ url: `http://127.0.0.1:${silent.port}`, timeout: "3s" });
  const refused = assert.rejects(opening, {
    kind: "timeout",
    message: `no answer from "http://127.0.0.1:${silent.port}/" within 3s`,
  });
  await asked.promise;
  await clock.advance(3000);
  await refused;
  await silent.close(0);

  const store = await open();
  const gone = AbortSignal.abort(new Error("gone"));
  await assert.rejects(store.get(get("k"), gone), { kind: "unavailable", message: /did not wait$/ });
  await store.close();
});

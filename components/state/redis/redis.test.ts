import assert from "node:assert/strict";
import { test } from "node:test";
import { createClient } from "redis";
import { startBackend, testBackend } from "../../../scripts/backends.ts";
import { freePort } from "../../../scripts/free-ports.ts";
import type { StateGet, StateOperation, StateSet, StateStore } from "../../../src/driver/state.ts";
import { stateConformance } from "../../../test/conformance/state.ts";
import { driverContext } from "../../../test/harness/driver-context.ts";
import { hostPlatform } from "../../../test/harness/host-platform.ts";
import { startRedisCluster } from "../../../test/harness/redis-cluster.ts";
import { temporaryFolder } from "../../../test/harness/temporary-folder.ts";
import driver from "./redis.ts";

const platform = await hostPlatform();
const { signal } = new AbortController();
function open(metadata: Record<string, string>, lines: string[] = []): Promise<StateStore> {
  const line = (message: string) => void lines.push(message);
  const log = { debug: line, info: line, warn: line, error: line };
  return driver.open(new Map(Object.entries(metadata)), driverContext(platform, "store", { log }));
}
const run = crypto.randomUUID().slice(0, 8);
const get = (key: string): StateGet => ({ key, consistency: "", metadata: {} });
const set = (key: string, text: string, more: Partial<StateSet> = {}): StateSet => ({
  key,
  value: { bytes: new TextEncoder().encode(text), binary: false },
  etag: null,
  concurrency: "",
  consistency: "",
  metadata: {},
  ...more,
});
const read = async (store: StateStore, key: string): Promise<(string | null)[] | null> => {
  const item = await store.get(get(key), signal);
  return item === null ? null : [new TextDecoder().decode(item.bytes), item.etag];
};
const sleep = (ms: number) => platform.clock.sleep(ms);

const address = await testBackend("redis");
if (address === undefined) test("state.redis", { skip: "there is no redis-server" }, () => {});
else {
  stateConformance("state.redis", () => open({ redisHost: address }), ["ETAG", "TRANSACTIONAL", "TTL", "KEYS_LIKE"], {
    pass: sleep,
    staleEtag: "9999999",
    invalidEtag: "bad-etag",
    etagOnAbsentKey: "stored",
    deleteOfAbsentKey: "success",
    firstWriteOverOrdinary: "stored",
    firstWriteMarks: true,
    lastWriteIgnoresEtag: true,
    rewriteClearsTtl: false,
    tellsExpiry: false,
    plainHtml: true,
  });

  const raw = await createClient({ url: `redis://${address}`, RESP: 2 }).connect();
  raw.unref();
  const hash = async (key: string) => ({ ...(await raw.hGetAll(key)) });

  test("JSON text has no escapes of HTML, and keeps those it needs", async () => {
    const store = await open({ redisHost: address });
    const key = `${run}||html`;
    await store.set(set(key, '"\\u003ca\\u003e\\u0026\\u2028 \\\\u003c \\n"'), signal);
    assert.deepEqual(await read(store, key), ['"<a>&\u2028 \\\\u003c \\n"', "1"]);
    const binary = { bytes: new TextEncoder().encode("\\u003c"), binary: true };
    await store.set(set(key, "", { value: binary }), signal);
    assert.deepEqual(await read(store, key), ["\\u003c", "2"]);
    await store.close();
  });

  test("a password or a user that the server does not ask for is no fault; flags are strict", async () => {
    await (await open({ redisHost: address, redisPassword: "any" })).close();
    await (await open({ redisHost: address, redisUsername: "someone" })).close();
    await assert.rejects(open({ redisHost: address, redisUsername: "someone", redisPassword: "any" }), /WRONGPASS/);
    await assert.rejects(open({ redisHost: address, enableTLS: "maybe" }), /"maybe" is neither true nor false/);
  });

  test("fields and versions are upstream's", async () => {
    const store = await open({ redisHost: address });
    const key = `${run}||k`;
    await store.set(set(key, '{"a":1}'), signal);
    assert.deepEqual(await hash(key), { data: '{"a":1}', version: "1" });
    await store.set(set(key, "2", { concurrency: "first-write" }), signal);
    assert.deepEqual(await hash(key), { data: "2", version: "2", "first-write": "0" });
    await assert.rejects(store.set(set(key, "3"), signal), { kind: "failed", message: /^failed to set key .*\|\|k: / });
    await assert.rejects(store.set(set(key, "3", { concurrency: "first-write" }), signal), { kind: "failed" });
    await assert.rejects(store.set(set(key, "3", { concurrency: "last-write", etag: "2" }), signal), {
      kind: "etagMismatch",
    });
    await assert.rejects(store.set(set(key, "3", { etag: "1" }), signal), {
      kind: "etagMismatch",
      message: `possible etag mismatch. error from state store: failed to set key ${key}`,
    });
    await store.set(set(key, "3", { etag: "2" }), signal);
    assert.deepEqual(await hash(key), { data: "3", version: "3", "first-write": "0" });
    await assert.rejects(store.delete({ ...set(key, ""), etag: "9" }, signal), {
      kind: "etagMismatch",
      message: `possible etag mismatch. error from state store: failed to delete ${key}`,
    });
    await store.delete({ ...set(key, ""), etag: "3" }, signal);
    assert.equal(await raw.exists(key), 0);
    await store.set(set(key, "4", { etag: "77" }), signal);
    assert.deepEqual(await hash(key), { data: "4", version: "1" });
    await store.close();
  });

  test("transactions never mark a key", async () => {
    const store = await open({ redisHost: address });
    const key = `${run}||t`;
    await store.transact?.([{ kind: "upsert", request: set(key, "1", { concurrency: "first-write" }) }], {}, signal);
    assert.deepEqual(await hash(key), { data: "1", version: "1" });
    await store.close();
  });

  test("keys of other types and half hashes", async () => {
    const store = await open({ redisHost: address });
    const key = `${run}||other`;
    await raw.set(key, "plain");
    assert.deepEqual(await read(store, key), ["plain", null]);
    await store.set(set(key, "1"), signal);
    assert.deepEqual(await hash(key), { data: "1", version: "1" });
    await raw.del(key);
    await raw.lPush(key, "x");
    await assert.rejects(store.get(get(key), signal), { kind: "failed", message: /WRONGTYPE/ });
    await store.transact?.([{ kind: "upsert", request: set(key, "2") }], {}, signal);
    assert.deepEqual(await read(store, key), ["2", "1"]);
    await raw.del(key);
    await raw.lPush(key, "x");
    await store.delete(set(key, ""), signal);
    assert.equal(await raw.exists(key), 0);
    await raw.hSet(key, "data", "1");
    const message = "required hash field 'data' or 'version' was not found";
    await assert.rejects(store.get(get(key), signal), { kind: "failed", message });
    await store.close();
  });

  test("time to live: kept by writes without one, default of the component, odd numbers", async () => {
    const store = await open({ redisHost: address, ttlInSeconds: "100" });
    const key = `${run}||ttl`;
    const left = async () => Math.round((await raw.ttl(key)) / 10) * 10;
    await store.set(set(key, "1"), signal);
    assert.equal(await left(), 100);
    await store.set(set(key, "1", { metadata: { ttlInSeconds: "50" } }), signal);
    assert.equal(await left(), 50);
    await store.set(set(key, "1", { metadata: { ttlInSeconds: "-7" } }), signal);
    assert.equal(await raw.ttl(key), -1);
    const plain = await open({ redisHost: address });
    await plain.set(set(key, "1", { metadata: { ttlInSeconds: "50" } }), signal);
    await plain.set(set(key, "2"), signal);
    assert.equal(await left(), 50);
    for (const [text, message] of [
      ["x", 'failed to parse ttl from metadata: strconv.ParseInt: parsing "x": invalid syntax'],
      ["9223372036854775807", /are too many$/],
    ] as const)
      await assert.rejects(plain.set(set(key, "3", { metadata: { ttlInSeconds: text } }), signal), {
        kind: "badRequest",
        message,
      });
    assert.deepEqual(await read(plain, key), ["2", "5"]);
    await store.close();
    await plain.close();
  });

  test("databases are apart", async () => {
    const [first, second] = [await open({ redisHost: address, redisDB: "1" }), await open({ redisHost: address })];
    await first.set(set(`${run}||db`, "1"), signal);
    assert.equal(await read(second, `${run}||db`), null);
    assert.deepEqual(await read(first, `${run}||db`), ["1", "1"]);
    await first.close();
    await second.close();
  });

  test("strong writes pass without replicas, and the server's own words reach the caller", async () => {
    const store = await open({ redisHost: address });
    await store.set(set(`${run}||s`, "1", { consistency: "strong" }), signal);
    const indexes = JSON.stringify([{ name: "i", indexes: [{ key: "a", type: "TEXT" }] }]);
    await assert.rejects(open({ redisHost: address, queryIndexes: indexes }), {
      kind: "failed",
      message: /^redis store: error registering query schemas: ERR unknown command 'FT\.CREATE'/i,
    });
    await store.close();
    await assert.rejects(store.get(get("k"), signal), { kind: "closed" });
  });

  test("a request that has ended asks nothing", async () => {
    const store = await open({ redisHost: address });
    const ended = AbortSignal.abort(new Error("enough"));
    await assert.rejects(store.set(set(`${run}||ended`, "1"), ended), { kind: "timeout" });
    assert.equal(await read(store, `${run}||ended`), null);
    await store.close();
  });

  test("a server that restarts is found again, one that is gone is named", async () => {
    const data = temporaryFolder().path;
    const port = await freePort();
    const options = { port, data, args: ["--appendonly", "yes", "--appendfsync", "always"] };
    const server = (await startBackend("redis", options))!;
    const lines: string[] = [];
    const retry = { redisMinRetryInterval: "20", redisMaxRetryInterval: "100", redisMaxRetries: "5" };
    const store = await open({ redisHost: server.address, ...retry }, lines);
    await store.set(set("k", "1"), signal);
    await server.stop();
    await assert.rejects(store.get(get("k"), signal), {
      kind: "unavailable",
      message: `redis at ${server.address} cannot be reached: there is no connection`,
    });
    await assert.rejects(store.set(set("k", "2"), signal), {
      kind: "unavailable",
      message: `failed to set key k: redis at ${server.address} cannot be reached: there is no connection`,
    });
    await assert.rejects(store.ping!(signal), {
      kind: "unavailable",
      message: /^redis store: error connecting to redis/,
    });
    const again = (await startBackend("redis", options))!;
    const until = platform.clock.monotonic() + 20_000;
    let value: unknown;
    while (value === undefined && platform.clock.monotonic() < until)
      value = await read(store, "k").catch(() => undefined);
    assert.deepEqual(value, ["1", "1"]);
    // Its memory of scripts is gone with the process.
    await store.set(set("k", "2", { etag: "1" }), signal);
    assert.deepEqual(await read(store, "k"), ["2", "2"]);
    assert.ok(lines.some((line) => line.startsWith(`Lost the connection to Redis at ${server.address}`)));
    assert.ok(lines.includes(`Connected to Redis at ${server.address} again`));
    await store.close();
    await again.stop();
    await assert.rejects(open({ redisHost: server.address, ...retry, redisMaxRetries: "-1" }), {
      kind: "unavailable",
      message: new RegExp(`^redis store: error connecting to redis at ${server.address}: .*(refused|connect)`, "i"),
    });
  });

  test("a server that does not answer is given up in time", async () => {
    const server = (await startBackend("redis"))!;
    const store = await open({ redisHost: server.address, readTimeout: "200", redisMaxRetries: "-1" });
    const sleeper = await createClient({ url: `redis://${server.address}`, RESP: 2 }).connect();
    await sleeper.sendCommand(["CLIENT", "PAUSE", "1000", "ALL"]);
    await assert.rejects(store.get(get("k"), signal), {
      kind: "timeout",
      message: `redis at ${server.address} did not answer HGETALL within 200 ms`,
    });
    const until = platform.clock.monotonic() + 20_000;
    let isBack = false;
    while (!isBack && platform.clock.monotonic() < until)
      isBack = await store.set(set("k", "1"), signal).then(
        () => true,
        () => false,
      );
    assert.ok(isBack);
    sleeper.destroy();
    await store.close();
    await server.stop();
  });

  test("a cluster: keys anywhere, transactions within one slot", async () => {
    const { nodes, stop } = await startRedisCluster();
    const store = await open({ redisHost: nodes.map((node) => node.address).join(","), redisType: "cluster" });
    const names = Array.from({ length: 12 }, (_, at) => `app||${at}`);
    await Promise.all(names.map((name) => store.set(set(name, name, { consistency: "strong" }), signal)));
    for (const name of names) assert.deepEqual(await read(store, name), [name, "1"]);
    assert.deepEqual((await store.keysLike!("app||%", 0, "", signal)).keys, names.toSorted());
    const upsert = (key: string, etag: string | null = null): StateOperation => ({
      kind: "upsert",
      request: set(key, "2", { etag }),
    });
    await assert.rejects(store.transact!([upsert("app||1"), upsert("app||2")], {}, signal), {
      kind: "badRequest",
      message:
        /^cannot write the keys "app\|\|1", "app\|\|2" in one transaction: a Redis Cluster needs them in one hash/,
    });
    await store.transact!([upsert("app||{o}1"), upsert("app||{o}2")], {}, signal);
    await assert.rejects(store.transact!([upsert("app||{o}1"), upsert("app||{o}2", "7")], {}, signal), {
      kind: "etagMismatch",
    });
    assert.deepEqual(await read(store, "app||{o}1"), ["2", "1"]);
    await store.delete(set("app||{o}1", ""), signal);
    await store.ping!(signal);
    await store.close();
    await stop();
  });

  test("passwords and users", async () => {
    const server = (await startBackend("redis", { args: ["--requirepass", "secret"] }))!;
    const once = { redisHost: server.address };
    await assert.rejects(open(once), { kind: "unauthorized", message: /NOAUTH/ });
    await assert.rejects(open({ ...once, redisPassword: "wrong" }), { kind: "unauthorized", message: /WRONGPASS/ });
    const store = await open({ ...once, redisPassword: "secret" });
    await store.set(set("k", "1"), signal);
    await store.close();
    const admin = await createClient({ url: `redis://:secret@${server.address}`, RESP: 2 }).connect();
    await admin.sendCommand(["ACL", "SETUSER", "ann", "on", ">pass", "~*", "+@all"]);
    admin.destroy();
    const user = await open({ ...once, redisUsername: "ann", redisPassword: "pass" });
    assert.deepEqual(await read(user, "k"), ["1", "1"]);
    await user.close();
    await server.stop();
  });
}

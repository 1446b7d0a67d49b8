import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { startBackend, testBackend } from "../../../scripts/backends.ts";
import { freePort } from "../../../scripts/free-ports.ts";
import type { StateGet, StateOperation, StateSet, StateStore } from "../../../src/driver/state.ts";
import { stateConformance } from "../../../test/conformance/state.ts";
import { driverContext } from "../../../test/harness/driver-context.ts";
import { hostPlatform } from "../../../test/harness/host-platform.ts";
import { loopback, loopbackAuthority } from "../../../test/harness/loopback-certificate.ts";
import { temporaryFolder } from "../../../test/harness/temporary-folder.ts";
import { createEtcdChannel } from "../../_shared/etcd-channel.ts";
import { createEtcdClient } from "../../_shared/etcd-client.ts";
import { readEtcdEndpoints } from "../../_shared/etcd-endpoints.ts";
import { encodeMessage } from "../../_shared/etcd-wire.ts";
import driver from "./etcd.ts";

const platform = await hostPlatform();
const { signal } = new AbortController();
const run = crypto.randomUUID().slice(0, 8);
const open = (metadata: Record<string, string>, version = "v1"): Promise<StateStore> =>
  driver.open(new Map(Object.entries(metadata)), driverContext(platform, "store", { version }));
const clientOf = (endpoints: string) =>
  createEtcdClient(
    createEtcdChannel({
      endpoints: readEtcdEndpoints(endpoints, undefined),
      connect: platform.connectHttp2!,
      clock: platform.clock,
    }),
  );
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
const textOf = async (store: StateStore, key: string): Promise<string | null> => {
  const item = await store.get(get(key), signal);
  return item === null ? null : new TextDecoder().decode(item.bytes);
};

test("settings are told when they are faulty, and nothing is dialed at the start", async () => {
  for (const [metadata, message] of [
    [{}, "initializing etcd client: endpoints required"],
    [{ endpoints: "," }, "initializing etcd client: endpoints required"],
    [{ endpoints: "a:1", tlsEnable: "true", ca: "x" }, /tls authentication information is incomplete$/],
    [{ endpoints: "unix:///x" }, /endpoint "unix:\/\/\/x" is no address/],
  ] as const)
    await assert.rejects(open(metadata), { kind: "badMetadata", message });
  const port = await freePort();
  const store = await open({ endpoints: `http://127.0.0.1:${port}, localhost:${port}`, tlsEnable: "false" });
  assert.equal(store.maxTransactionOperations, 128);
  const where = `etcd at 127.0.0.1:${port},localhost:${port} cannot be reached: `;
  await assert.rejects(store.get(get("k"), signal), (error: Error & { kind?: string }) => {
    assert.ok(error.message.startsWith(`couldn't get key /k: ${where}`), error.message);
    return error.kind === "unavailable";
  });
  await assert.rejects(store.ping!(signal), {
    kind: "unavailable",
    message: /^etcd store: error connecting to etcd at \[/,
  });
  await store.close();
  await assert.rejects(store.get(get("k"), signal), { kind: "closed" });
});

const address = await testBackend("etcd");
if (address === undefined) test("state.etcd", { skip: "there is no etcd" }, () => {});
else {
  for (const version of ["v1", "v2"])
    stateConformance(
      `state.etcd ${version}`,
      () => open({ endpoints: address, keyPrefixPath: `dapr-${version}` }, version),
      ["ETAG", "TRANSACTIONAL", "TTL", "KEYS_LIKE"],
      {
        // Expired leases are looked for twice a second.
        pass: (ms) => platform.clock.sleep(ms + 700),
        staleEtag: "1",
        tellsExpiry: version === "v2",
        modelRuns: 5,
      },
    );

  test("keys and values are upstream's", async () => {
    const decoder = new TextDecoder();
    const etcd = clientOf(address);
    const stored = async (key: string) => decoder.decode((await etcd.range({ key })).pairs[0]?.value);
    const first = await open({ endpoints: address, keyPrefixPath: run });
    await first.set(set("app||k", '{"a":1}'), signal);
    assert.deepEqual(await stored(`${run}/app||k`), '{"a":1}');
    const bare = await open({ endpoints: address });
    await bare.set(set(`${run}-bare`, "1"), signal);
    assert.deepEqual(await stored(`/${run}-bare`), "1");

    const second = await open({ endpoints: address, keyPrefixPath: run }, "V2");
    const before = Math.floor(platform.clock.now() / 1000) * 1000;
    await second.set(set("v2", "x", { metadata: { ttlInSeconds: "60" } }), signal);
    const item = await second.get(get("v2"), signal);
    const expiry = Date.parse(item?.metadata["ttlExpireTime"] ?? "");
    assert.ok(expiry >= before + 60_000 && expiry <= platform.clock.now() + 60_000);
    await second.set(set("v2", ""), signal);
    assert.deepEqual((await second.get(get("v2"), signal))?.metadata, {});
    assert.equal(await textOf(second, "v2"), "");
    // What upstream writes without a time to live.
    const foreign = encodeMessage([
      [1, '{"a":1}'],
      [2, encodeMessage([[1, 1_767_225_600]])],
      [3, new Uint8Array()],
    ]);
    await etcd.write([], [{ put: `${run}/foreign`, value: foreign }]);
    assert.deepEqual((await second.get(get("foreign"), signal))?.metadata, {});
    assert.equal(await textOf(second, "foreign"), '{"a":1}');
    await etcd.write([], [{ put: `${run}/broken`, value: new Uint8Array([255]) }]);
    await assert.rejects(second.get(get("broken"), signal), {
      kind: "failed",
      message: /^couldn't get key .*: proto: /,
    });
    for (const store of [first, bare, second]) await store.close();
    await etcd.close();
  });

  test("causes of a mismatch are upstream's", async () => {
    const store = await open({ endpoints: address, keyPrefixPath: run });
    await store.set(set("m", "1"), signal);
    const { etag } = (await store.get(get("m"), signal))!;
    const lead = "possible etag mismatch. error from state store: ";
    for (const [more, message] of [
      [{ etag: "7" }, `${lead}state etag not match for key=${run}/m: current=${etag}, expect=7`],
      [{ etag: "bad-etag" }, `${lead}state etag not match for key=${run}/m: current=${etag}, expect=bad-etag`],
      [{ key: "none", etag: "7" }, `${lead}state not exist or expired for key=${run}/none`],
      [{ concurrency: "first-write" }, `${lead}item already exists and no etag was passed`],
    ] as const) {
      await assert.rejects(store.set(set("m", "2", more), signal), { kind: "etagMismatch", message });
      await assert.rejects(store.delete(set("m", "2", more), signal), { kind: "etagMismatch", message });
    }
    await assert.rejects(store.set(set("m", "2", { metadata: { ttlInSeconds: "-2" } }), signal), {
      kind: "badRequest",
      message: "incorrect value for metadata 'ttlInSeconds': must be -1 or greater",
    });
    await store.close();
  });

  test("operations on one key count in their order", async () => {
    const store = await open({ endpoints: address, keyPrefixPath: `${run}-order` });
    const upsert = (text: string, more: Partial<StateSet> = {}): StateOperation => ({
      kind: "upsert",
      request: set("k", text, more),
    });
    const remove = (more: Partial<StateSet> = {}): StateOperation => ({ kind: "delete", request: set("k", "", more) });
    const transact = (...operations: StateOperation[]) => store.transact!(operations, {}, signal);
    const first = { concurrency: "first-write" } as const;
    await transact(upsert("1", first), upsert("2"));
    assert.equal(await textOf(store, "k"), "2");
    const { etag } = (await store.get(get("k"), signal))!;
    for (const operations of [
      [upsert("3"), upsert("4", { etag })],
      [remove(), remove({ etag })],
      [upsert("3"), upsert("4", first)],
      [upsert("3", first)],
      [upsert("3", { etag: "1" }), upsert("4")],
    ])
      await assert.rejects(transact(...operations), { kind: "etagMismatch" });
    assert.equal(await textOf(store, "k"), "2");
    await transact(remove({ etag }), upsert("5", first));
    assert.equal(await textOf(store, "k"), "5");
    await store.close();
  });

  test("pages hold keys that were made at once, show one moment, and survive compaction", async () => {
    // Compaction is felt by all users of a server.
    const server = (await startBackend("etcd"))!;
    const store = await open({ endpoints: server.address });
    const names = Array.from({ length: 25 }, (_, at) => `n${String(at).padStart(2, "0")}`);
    await store.transact!(
      names.map((name) => ({ kind: "upsert", request: set(name, "1") })),
      {},
      signal,
    );
    await store.set(set("later", "1"), signal);
    const seen: string[] = [];
    let token = "";
    do {
      const page = await store.keysLike!("%", 10, token, signal);
      seen.push(...page.keys);
      ({ token } = page);
      await store.set(set(`new${seen.length}`, "1"), signal);
    } while (token !== "");
    assert.deepEqual(seen, [...names, "later"]);
    const first = await store.keysLike!("n__", 10, "", signal);
    assert.deepEqual(first.keys, names.slice(0, 10));
    const etcd = clientOf(server.address);
    const { revision } = await etcd.range({ key: "x" });
    const channel = createEtcdChannel({
      endpoints: readEtcdEndpoints(server.address, undefined),
      connect: platform.connectHttp2!,
      clock: platform.clock,
    });
    await channel.call("/etcdserverpb.KV/Compact", encodeMessage([[1, revision]]), { isRead: false });
    const second = await store.keysLike!("n__", 10, first.token, signal);
    assert.deepEqual(second.keys, names.slice(10, 20));
    // Upstream's tokens know no key within a revision.
    const [, created] = first.token.split(":");
    assert.deepEqual((await store.keysLike!("n__", 10, `0:${created}`, signal)).keys, []);
    await assert.rejects(store.keysLike!("%", 1, "x", signal), {
      kind: "badRequest",
      message: "invalid continue token",
    });
    for (const each of [store, etcd, channel]) await each.close();
    await server.stop();
  });

  test("a long list of keys comes in several batches", async () => {
    const store = await open({ endpoints: address, keyPrefixPath: `${run}-many` });
    const names = Array.from({ length: 1300 }, (_, at) => `k${at}`);
    for (let at = 0; at < names.length; at += 100)
      await store.transact!(
        names.slice(at, at + 100).map((name) => ({ kind: "upsert", request: set(name, "1") })),
        {},
        signal,
      );
    const all = await store.keysLike!("k%", 0, "", signal);
    assert.deepEqual(all.keys.toSorted(), names.toSorted());
    await store.close();
  });

  test("another endpoint takes over, a server that restarts is found again", async () => {
    const data = temporaryFolder().path;
    const port = await freePort();
    const server = (await startBackend("etcd", { port, data }))!;
    const dead = await freePort();
    const store = await open({ endpoints: `127.0.0.1:${dead},${server.address}` });
    await store.set(set("k", "1"), signal);
    assert.equal(await textOf(store, "k"), "1");
    await server.stop();
    await assert.rejects(store.get(get("k"), signal), { kind: "unavailable" });
    await assert.rejects(store.set(set("k", "2"), signal), {
      kind: "unavailable",
      message: new RegExp(`^couldn't set key /k: etcd at 127.0.0.1:${dead},${server.address} cannot be reached: `),
    });
    const again = (await startBackend("etcd", { port, data }))!;
    const until = platform.clock.monotonic() + 30_000;
    let value: string | null = null;
    while (value === null && platform.clock.monotonic() < until) value = await textOf(store, "k").catch(() => null);
    assert.equal(value, "1");
    await store.set(set("k", "2"), signal);
    assert.equal(await textOf(store, "k"), "2");
    await store.close();
    await again.stop();
  });

  test("TLS with certificates on both sides", async () => {
    const folder = temporaryFolder().path;
    const file = (name: string, content: string) => {
      writeFileSync(join(folder, name), content);
      return join(folder, name);
    };
    const port = await freePort();
    const url = `https://127.0.0.1:${port}`;
    const tls = ["--cert-file", file("cert.pem", loopback.cert), "--key-file", file("key.pem", loopback.key)];
    const verify = ["--client-cert-auth", "--trusted-ca-file", file("ca.pem", loopbackAuthority)];
    const args = ["--listen-client-urls", url, "--advertise-client-urls", url, ...tls, ...verify];
    const server = (await startBackend("etcd", { port, args }))!;
    const shown = { tlsEnable: "true", ca: loopbackAuthority, ...loopback };
    const store = await open({ endpoints: `127.0.0.1:${port}`, ...shown });
    await store.set(set("k", "1"), signal);
    assert.equal(await textOf(store, "k"), "1");
    await store.close();
    for (const metadata of [{ endpoints: url }, { endpoints: url, ...shown, ca: loopback.cert }]) {
      const stranger = await open(metadata);
      await assert.rejects(stranger.get(get("k"), signal), { kind: "unavailable" });
      await stranger.close();
    }
    await server.stop();
  });
}

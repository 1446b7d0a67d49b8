import assert from "node:assert/strict";
import { existsSync, writeFileSync } from "node:fs";
import { after, test } from "node:test";
import { catalog } from "../../components/catalog.gen.ts";
import type { Binding } from "../../src/driver/bindings.ts";
import type { DriverContext } from "../../src/driver/context.ts";
import { DriverError } from "../../src/driver/errors.ts";
import type { PubSub } from "../../src/driver/pubsub.ts";
import type { SecretStore } from "../../src/driver/secretstore.ts";
import type { StateFeature, StateStore } from "../../src/driver/state.ts";
import { findDriver } from "../../src/host/open.ts";
import { type ComponentServer, serveComponent } from "../../src/runtime/component-server.ts";
import { discoverPluggable } from "../../src/runtime/pluggable.ts";
import type { Log } from "../../src/telemetry/ports.ts";
import { bindingConformance } from "../conformance/bindings.ts";
import { collector, pubsubConformance } from "../conformance/pubsub.ts";
import { secretStoreConformance } from "../conformance/secretstores.ts";
import { stateConformance } from "../conformance/state.ts";
import { driverContext } from "../harness/driver-context.ts";
import { hostPlatform } from "../harness/host-platform.ts";
import { temporaryFolder } from "../harness/temporary-folder.ts";

const platform = await hostPlatform();
const { signal } = new AbortController();
const silent = () => {};
const log: Log = {
  debug: silent,
  info: silent,
  warn: silent,
  error: silent,
  fatal: silent,
  scope: () => log,
  level: "info",
};
const { path: data } = temporaryFolder();
const sleep = (ms: number) => platform.clock.sleep(ms);

interface Served {
  readonly folder: string;
  readonly server: ComponentServer;
  /** The component as a host opens it, under the name of the Component resource. */
  open<T>(category: string, name: string, properties?: Readonly<Record<string, string>>): Promise<T>;
}

async function serve(type: string, metadata: Record<string, string>): Promise<Served> {
  const { path: folder } = temporaryFolder();
  const server = await serveComponent({
    platform,
    catalog,
    log,
    type,
    version: "v1",
    metadata: new Map(Object.entries(metadata)),
    socket: `${folder}/sockets/mine.sock`,
    dataDir: data,
  });
  after(() => server.close());
  const found = await discoverPluggable({ platform, folder: `${folder}/sockets`, log });
  return {
    folder,
    server,
    async open(category, name, properties = {}) {
      const driver = await findDriver(found, `${category}.mine`, "v1");
      assert.ok(driver, `the host found ${Object.keys(found)}`);
      const context: DriverContext = driverContext(platform, name, { appId: name });
      return driver.open(new Map(Object.entries(properties)), context) as never;
    },
  };
}

const sqlite = await serve("state.sqlite", { connectionString: `${data}/state.db` });
let instances = 0;
/** Without what the protocol has no words for, and what a host does not ask; of transactions it does not tell why they failed. */
function asServed({ query, keysLike, deletePrefix, features, ...store }: StateStore): StateStore {
  const unsaid: readonly string[] = ["KEYS_LIKE", "DELETE_WITH_PREFIX"];
  return {
    ...store,
    features: features.filter((feature: StateFeature) => !unsaid.includes(feature)),
    transact: (...given) =>
      store.transact!(...given).catch((error: unknown) => {
        const isMismatch = error instanceof Error && error.message.includes("possible etag mismatch");
        throw isMismatch ? new DriverError("etagMismatch", error.message) : error;
      }),
  };
}
stateConformance(
  "served state.sqlite",
  async () => asServed(await sqlite.open<StateStore>("state", `store${instances++}`)),
  ["ETAG", "TRANSACTIONAL", "TTL"],
  { pass: sleep, modelRuns: 5 },
);

test("served state: queries, limits of transactions, and values of both kinds", async () => {
  const { open } = await serve("state.in-memory", { enableQuery: "true" });
  const store = await open<StateStore>("state", "store");
  const utf8 = new TextEncoder();
  const set = (key: string, bytes: Uint8Array) =>
    store.set(
      { key, value: { bytes, binary: true }, etag: null, concurrency: "", consistency: "", metadata: {} },
      signal,
    );
  await set("a||1", utf8.encode('{"n":1,"s":"x"}'));
  await set("a||2", utf8.encode('{"n":2,"s":"y"}'));
  await set("a||3", Uint8Array.of(0, 255));
  const found = await store.query?.(
    {
      filter: {
        op: "OR",
        filters: [
          { op: "EQ", key: "s", value: "y" },
          { op: "IN", key: "n", values: [7, 1] },
        ],
      },
      sort: [{ key: "n", order: "DESC" }],
      page: { limit: 5, token: "" },
      metadata: {},
      keyPrefix: "a||",
    },
    signal,
  );
  assert.deepEqual(
    found?.results.map(({ key }) => key),
    ["a||2", "a||1"],
  );
  assert.ok(((await store.askMaxTransactionOperations?.()) ?? 0) < 1);
  const raw = await store.get({ key: "a||3", consistency: "", metadata: {} }, signal);
  assert.deepEqual([...(raw?.bytes ?? [])], [0, 255]);
  await store.close();
});

let brokers = 0;
pubsubConformance(
  "served pubsub.embedded",
  () => {
    const path = `${data}/broker${brokers++}.db`;
    const served = serve("pubsub.embedded", { path });
    return { open: async (appId, settings = {}) => (await served).open<PubSub>("pubsub", appId, settings) };
  },
  { retention: true, ordered: { concurrencyMode: "single" } },
);

test("served pubsub: what the host refuses comes again, and goes to another host when the first one leaves", async () => {
  const { open } = await serve("pubsub.embedded", {
    path: `${data}/again.db`,
    backOffInitialInterval: "5ms",
    consumerID: "group",
  });
  const one = await open<PubSub>("pubsub", "one", { consumerID: "group" });
  const refusing = collector(() => "retry");
  const subscription = await one.subscribe({ topic: "t", metadata: {} }, refusing.handle, signal);
  await one.publish({ topic: "t", data: Uint8Array.of(7), contentType: "a/b", metadata: { k: "v" } }, signal);
  await refusing.until(3);
  await subscription.close();
  await one.close();
  const two = await open<PubSub>("pubsub", "two", { consumerID: "group" });
  const taking = collector();
  await two.subscribe({ topic: "t", metadata: {} }, taking.handle, signal);
  await taking.until(1);
  const [got] = taking.received;
  assert.deepEqual([[...(got?.data ?? [])], got?.contentType, got?.metadata["k"]], [[7], "a/b", "v"]);
  await two.close();
});

const files = await serve("bindings.localstorage", { rootPath: `${data}/files` });
const request = (operation: string, text = "") => ({
  operation,
  data: new TextEncoder().encode(text),
  metadata: { fileName: "a.txt" },
});
bindingConformance("served bindings.localstorage", () => files.open<Binding>("bindings", "files"), {
  invoke: [
    { request: request("create", "hello world!") },
    { request: request("get"), check: (bytes) => assert.equal(new TextDecoder().decode(bytes), "hello world!") },
    { request: request("delete") },
  ],
});

test("served bindings.cron: brings events, has no operations", async () => {
  const { open, server } = await serve("bindings.cron", {});
  assert.deepEqual(server.services, ["dapr.proto.components.v1.InputBinding"]);
  const binding = await open<Binding>("bindings", "ticks", { schedule: "@every 100ms" });
  assert.deepEqual([binding.operations, binding.invoke], [[], undefined]);
  const enough = Promise.withResolvers<void>();
  let refused = false;
  const taken: string[] = [];
  await binding.read?.(async ({ metadata }) => {
    if (!refused) {
      refused = true;
      throw new Error("not this one");
    }
    taken.push(metadata["timeZone"] ?? "");
    if (taken.length === 2) enough.resolve();
    return new Uint8Array();
  }, signal);
  await enough.promise;
  assert.deepEqual(taken, ["Local", "Local"]);
  await binding.close();
});

writeFileSync(`${data}/secrets.json`, '{"conftestsecret":"abcd","secondsecret":"efgh"}');
const secrets = await serve("secretstores.local.file", { secretsFile: `${data}/secrets.json` });
secretStoreConformance("served secretstores.local.file", () => secrets.open<SecretStore>("secretstores", "vault"), {
  missing: "fails",
});

test("each Component of the host has an instance, with the host's metadata before the server's", async () => {
  const { open } = await serve("state.sqlite", { connectionString: `${data}/one.db`, tableName: "t" });
  const one = await open<StateStore>("state", "one");
  const two = await open<StateStore>("state", "two", { connectionString: `${data}/two.db` });
  const item = { key: "k", etag: null, concurrency: "", consistency: "", metadata: {} } as const;
  await one.set({ ...item, value: { bytes: Uint8Array.of(0x31), binary: false } }, signal);
  assert.equal(await two.get(item, signal), null);
  const again = await open<StateStore>("state", "two");
  assert.deepEqual([...((await again.get(item, signal))?.bytes ?? [])], [0x31]);
  await Promise.all([one.close(), two.close(), again.close()]);
});

test("what cannot be served is told", async () => {
  await assert.rejects(
    serve("state.nosuch", {}),
    /^DriverError: couldn't find state store state\.nosuch\/v1: the README/,
  );
  await assert.rejects(serve("nothing", {}), /^DriverError: there is no component type "nothing"/);
  await assert.rejects(serve("middleware.http.uppercase", {}), /cannot be served: only state, pubsub, bindings and/);
  const { open, folder, server } = await serve("state.sqlite", {});
  await assert.rejects(open("state", "broken"), { message: /connection ?string/i });
  const socket = `${folder}/sockets/mine.sock`;
  const settings = { platform, catalog, log, type: "state.in-memory", version: "", metadata: new Map(), dataDir: data };
  await assert.rejects(serveComponent({ ...settings, socket }), /another process listens there/);
  assert.deepEqual(server.services, [
    "dapr.proto.components.v1.StateStore",
    "dapr.proto.components.v1.TransactionalStateStore",
    "dapr.proto.components.v1.QueriableStateStore",
    "dapr.proto.components.v1.TransactionalStoreMultiMaxSize",
  ]);
  await server.close();
  assert.equal(existsSync(socket), false);
});

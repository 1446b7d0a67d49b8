import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import type { DriverContext } from "../../../src/driver/context.ts";
import type { NameResolver } from "../../../src/driver/nameresolution.ts";
import { createVirtualClock } from "../../../src/kit/virtual-clock.ts";
import { createStorages } from "../../../src/storage/storages.ts";
import { nameResolverConformance } from "../../../test/conformance/nameresolution.ts";
import { driverContext } from "../../../test/harness/driver-context.ts";
import { hostPlatform } from "../../../test/harness/host-platform.ts";
import driver from "./sqlite.ts";

const platform = await hostPlatform();
const { signal } = new AbortController();
const request = (appId: string) => ({ appId, namespace: "ns", port: 50002, data: {} });
const self = { appId: "app", namespace: "ns", hostAddress: "10.0.0.1", internalPort: 50002, httpPort: 3500 };

const open = (settings: Record<string, string>, change: Partial<DriverContext> = {}): Promise<NameResolver> =>
  driver.open(new Map(Object.entries(settings)), driverContext(platform, "names", change));

async function withFile(check: (path: string) => Promise<void>): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), "pillion-names-"));
  try {
    await check(join(folder, "names.db"));
  } finally {
    await rm(folder, { recursive: true });
  }
}

nameResolverConformance(
  "nameresolution.sqlite",
  async () => {
    const folder = await mkdtemp(join(tmpdir(), "pillion-names-"));
    return {
      open: () => open({ connectionString: join(folder, "names.db") }),
      close: () => rm(folder, { recursive: true }),
    };
  },
  { unknown: /no host found with the given ID/ },
);

test("settings that do not fit are refused in upstream's words", async () => {
  const refused = (settings: Record<string, string>, reason: RegExp) =>
    assert.rejects(open({ connectionString: ":memory:", ...settings }), reason);
  await assert.rejects(open({}), /missing connection string/);
  await refused({ tableName: "a b" }, /invalid identifier for table name: a b/);
  await refused({ updateInterval: "1500ms" }, /update interval must not contain fractions of seconds/);
  await refused({ updateInterval: "1s" }, /update interval must be at least 1s greater than timeout/);
});

test("rows are upstream's, and live as long as they are renewed", () =>
  withFile(async (path) => {
    const clock = createVirtualClock(1_700_000_000_000);
    const storages = createStorages({ platform });
    const storage = await storages.open(path);
    const change = { clock, storage: () => storages.open(path) };
    const resolver = await open({ connectionString: path, tableName: "places", metadataTableName: "meta" }, change);
    const withdraw = await resolver.register!({ ...self, hostAddress: "fd00::1" });
    const rows = () => storage.all('SELECT address, app_id, namespace, last_update FROM "places"', []);
    assert.deepEqual(
      rows().map((row) => ({ ...row })),
      [{ address: "[fd00::1]:50002", app_id: "app", namespace: "", last_update: 1_700_000_000 }],
    );
    assert.equal(storage.get("SELECT value FROM meta WHERE key = 'nr-migrations'", [])?.["value"], "1");
    while (Number(rows()[0]?.["last_update"]) < 1_700_000_010) {
      await clock.advance(1000);
      await platform.clock.sleep(2);
    }
    assert.deepEqual(await resolver.resolve(request("app"), signal), ["[fd00::1]:50002"]);
    await withdraw();
    assert.deepEqual(rows(), []);
    const seen = Math.floor(clock.now() / 1000) - 4;
    await storage.write([{ sql: "INSERT INTO places VALUES ('x', '10.0.0.9:1', 'old', 'other', ?)", params: [seen] }]);
    assert.deepEqual(await resolver.resolve(request("old"), signal), ["10.0.0.9:1"]);
    await clock.advance(1000);
    await assert.rejects(async () => resolver.resolve(request("old"), signal), /no host found/);
    await resolver.close();
    await storage.close();
  }));

test("an address taken over by another process is registered again", () =>
  withFile(async (path) => {
    const clock = createVirtualClock(1_700_000_000_000);
    const storages = createStorages({ platform });
    const storage = await storages.open(path);
    const errors: string[] = [];
    const silent = () => {};
    const log = { debug: silent, info: silent, warn: silent, error: (text: string) => errors.push(text) };
    const resolver = await open({ connectionString: path }, { clock, log, storage: () => storages.open(path) });
    await resolver.register!(self);
    await storage.write([
      { sql: "REPLACE INTO hosts VALUES ('other', '10.0.0.1:50002', 'thief', '', 1700000000)", params: [] },
    ]);
    await clock.advance(4000);
    while (storage.get("SELECT app_id FROM hosts", [])?.["app_id"] !== "app") await platform.clock.sleep(1);
    assert.match(errors.join(), /was lost to another process/);
    await resolver.close();
    await storage.close();
  }));

test("the dead are removed, once for all processes", () =>
  withFile(async (path) => {
    const clock = createVirtualClock(1_700_000_000_000);
    const storages = createStorages({ platform });
    const storage = await storages.open(path);
    const resolver = await open(
      { connectionString: path, cleanupInterval: "1h" },
      { clock, storage: () => storages.open(path) },
    );
    const dead = "INSERT INTO hosts VALUES (?, ?, 'a', '', ?)";
    await storage.write([
      { sql: dead, params: ["x", "10.0.0.1:1", 1_700_000_000] },
      { sql: dead, params: ["y", "10.0.0.2:1", 1_700_003_599] },
    ]);
    await clock.advance(3_600_000);
    while (storage.all("SELECT 1 FROM hosts", []).length > 1) await platform.clock.sleep(1);
    assert.equal(storage.get("SELECT registration_id FROM hosts", [])?.["registration_id"], "y");
    await resolver.close();
    await storage.close();
  }));

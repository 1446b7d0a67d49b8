import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import type { DriverContext } from "../../../src/driver/context.ts";
import { DriverError } from "../../../src/driver/errors.ts";
import type { NameResolver } from "../../../src/driver/nameresolution.ts";
import { nameResolverConformance } from "../../../test/conformance/nameresolution.ts";
import { type FakeConsul, startFakeConsul } from "../../../test/harness/consul-agent.ts";
import { driverContext } from "../../../test/harness/driver-context.ts";
import { hostPlatform } from "../../../test/harness/host-platform.ts";
import { temporaryFolder } from "../../../test/harness/temporary-folder.ts";
import driver from "./hashicorp.consul.ts";

const host = await hostPlatform();
/** Without what the environment of the test says of Consul. */
const platform = { ...host, env: {} };
const { signal } = new AbortController();
const request = (appId: string) => ({ appId, namespace: "", port: 50002, data: {} });
const self = {
  appId: "shop",
  namespace: "",
  hostAddress: "127.0.0.1",
  internalPort: 4001,
  httpPort: 3500,
  appPort: 8080,
};

/** Opens a resolver with settings as the runtime hands them over: blocks as JSON. */
const open = (consul: { readonly port: number }, settings: object = {}, change: Partial<DriverContext> = {}) => {
  const all = { client: { address: `127.0.0.1:${consul.port}` }, ...settings };
  const raw = Object.entries(all).map(([key, value]): [string, string] => [
    key,
    typeof value === "string" ? value : JSON.stringify(value),
  ]);
  return driver.open(new Map(raw), driverContext(platform, "consul", change));
};

async function withConsul(check: (consul: FakeConsul) => Promise<void>): Promise<void> {
  const consul = await startFakeConsul(platform);
  try {
    await check(consul);
  } finally {
    await consul.close();
  }
}

nameResolverConformance(
  "nameresolution.hashicorp.consul",
  async () => {
    const consul = await startFakeConsul(platform);
    return {
      async open() {
        const resolver = await open(consul, { selfRegister: true, selfDeregister: true });
        const { register } = resolver;
        // Consul wants the app's port as well, and tells sidecars of one app apart by their HTTP port.
        return { ...resolver, register: (one) => register!({ ...one, appPort: 8080, httpPort: one.internalPort }) };
      },
      close: () => consul.close(),
    };
  },
  { unknown: /no healthy services found with AppID/ },
);

test("a registration is upstream's", () =>
  withConsul(async (consul) => {
    const resolver = await open(consul, {
      SelfRegister: true,
      tags: ["dapr", "v1"],
      meta: { zone: "a" },
      daprPortMetaKey: "PORT_OF_DAPR",
    });
    await resolver.register!(self);
    assert.deepEqual(
      [...consul.services.values()],
      [
        {
          ID: "shop-127.0.0.1-3500",
          Name: "shop",
          Address: "127.0.0.1",
          Port: 8080,
          Checks: [
            {
              Name: "Dapr Health Status",
              CheckID: "daprHealth:shop-127.0.0.1-3500",
              Interval: "15s",
              HTTP: "http://127.0.0.1:3500/v1.0/healthz?appid=shop",
            },
          ],
          Tags: ["dapr", "v1"],
          Meta: { zone: "a", PORT_OF_DAPR: "4001" },
        },
      ],
    );
    assert.deepEqual(await resolver.resolve(request("shop"), signal), ["127.0.0.1:4001"]);
    await resolver.close();
    assert.equal(consul.services.size, 1, "it stays unless selfDeregister says otherwise");
  }));

test("checks and whole registrations are the configuration's, in Consul's spelling", () =>
  withConsul(async (consul) => {
    const checks = [
      { name: "mine", checkid: "c", interval: "5s", http: "http://x", args: ["a"], header: { A: ["b"] } },
    ];
    await (await open(consul, { selfRegister: true, checks })).register!(self);
    assert.deepEqual(consul.services.get("shop-127.0.0.1-3500")?.Checks, [
      { Name: "mine", CheckID: "c", Interval: "5s", HTTP: "http://x", ScriptArgs: ["a"], Header: { A: ["b"] } },
    ]);
    const advancedRegistration = {
      id: "own",
      name: "shop",
      port: 1,
      check: { ttl: "5s" },
      connect: { sidecarService: { port: 2 } },
      taggedAddresses: { lan: { address: "10.0.0.1", port: 3 } },
      tags: null,
    };
    const resolver = await open(consul, { selfDeregister: true, advancedRegistration });
    const withdraw = await resolver.register!({ ...self, appPort: undefined });
    assert.deepEqual(consul.services.get("own") as object, {
      ID: "own",
      Name: "shop",
      Port: 1,
      Check: { TTL: "5s" },
      Connect: { SidecarService: { Port: 2 } },
      TaggedAddresses: { lan: { Address: "10.0.0.1", Port: 3 } },
      Meta: { DAPR_PORT: "4001" },
    });
    await withdraw();
    assert.equal(consul.services.has("own"), false);
  }));

test("without registration the agent has to be there", () =>
  withConsul(async (consul) => {
    const resolver = await open(consul);
    assert.equal(resolver.register, undefined);
    assert.deepEqual(
      consul.requests.map(({ line }) => line),
      ["GET /v1/agent/self"],
    );
    consul.broken = 500;
    await assert.rejects(open(consul), /failed check on consul agent: Unexpected response code: 500 \(broken\)$/);
    await assert.rejects(resolver.resolve(request("shop"), signal), (error) => {
      assert.ok(DriverError.is(error) && error.kind === "unavailable");
      assert.match(error.message, /^failed to query healthy consul services: Unexpected response code: 500/);
      return true;
    });
    const registering = await open(consul, { selfRegister: true });
    await assert.rejects(
      registering.register!(self),
      /failed to register consul service: Unexpected response code: 500/,
    );
    await assert.rejects(registering.register!({ ...self, appPort: undefined }), /APP_PORT.*give --app-port/);
  }));

test("addresses are those of healthy instances that tell their port", () =>
  withConsul(async (consul) => {
    const resolver = await open(consul);
    const add = (ID: string, given: object) => consul.services.set(ID, { ID, Name: "shop", ...given });
    add("a", { Address: "fd00::1", Meta: { DAPR_PORT: "1" } });
    add("b", { Meta: { DAPR_PORT: "2" } });
    add("c", { Address: "10.0.0.3" });
    add("d", { Address: "localhost", Meta: { DAPR_PORT: "4" } });
    add("e", { Address: "10.0.0.5", Meta: { DAPR_PORT: "5" } });
    consul.failing.add("e");
    const found = await resolver.resolve(request("shop"), signal);
    assert.deepEqual([...found].sort(), ["127.0.0.9:2", "[fd00::1]:1", "localhost:4"]);
    for (const id of ["a", "b", "d"]) consul.services.delete(id);
    await assert.rejects(
      resolver.resolve(request("shop"), signal),
      /target service AppID 'shop' found but DAPR_PORT missing from meta$/,
    );
    consul.services.clear();
    add("f", { Address: "no-such-host.invalid", Meta: { DAPR_PORT: "6" } });
    await assert.rejects(
      resolver.resolve(request("shop"), signal),
      /invalid ip address or unreachable hostname: no-such-host\.invalid$/,
    );
  }));

test("look-ups carry the options, the token and the datacenter", () =>
  withConsul(async (consul) => {
    const folder = temporaryFolder().path;
    writeFileSync(join(folder, "token"), " secret \n");
    consul.services.set("a", { ID: "a", Name: "shop", Address: "10.0.0.1", Meta: { DAPR_PORT: "1" } });
    const ask = async (settings: object, change: Partial<DriverContext> = {}) => {
      const resolver = await open(consul, settings, change);
      await resolver.resolve(request("shop"), signal);
      const { line, headers } = consul.requests.at(-1)!;
      return { line: line.replace("GET /v1/health/service/shop", ""), headers };
    };
    assert.equal((await ask({})).line, "?passing=1&cached=");
    const all = await ask({
      client: {
        Address: `http://127.0.0.1:${consul.port}`,
        Datacenter: "dc1",
        TokenFile: join(folder, "token"),
        HttpAuth: { Username: "u", Password: "p" },
        WaitTime: 5_000_000_000,
      },
      queryOptions: {
        Datacenter: "dc2",
        Filter: 'Checks.ServiceTags contains "dapr"',
        Near: "_agent",
        AllowStale: true,
        UseCache: true,
        MaxAge: 3_000_000_000,
        StaleIfError: 60_000_000_000,
        NodeMeta: { rack: "1" },
        RelayFactor: 2,
        WaitIndex: 7,
        Namespace: "dropped",
      },
    });
    const expected = new URLSearchParams([
      ["wait", "5000ms"],
      ["passing", "1"],
      ["dc", "dc2"],
      ["stale", ""],
      ["near", "_agent"],
      ["filter", 'Checks.ServiceTags contains "dapr"'],
      ["node-meta", "rack:1"],
      ["relay-factor", "2"],
      ["cached", ""],
    ]);
    assert.equal(all.line, `?${expected}`);
    assert.equal(all.headers.get("x-consul-token"), "secret");
    assert.equal(all.headers.get("authorization"), `Basic ${btoa("u:p")}`);
    assert.equal(all.headers.get("cache-control"), "max-age=3, stale-if-error=60");

    const env = { CONSUL_HTTP_ADDR: `127.0.0.1:${consul.port}`, CONSUL_HTTP_TOKEN: "t", CONSUL_HTTP_AUTH: "a:b:c" };
    const fromEnvironment = await ask({ client: "null" }, { platform: { ...platform, env } });
    assert.equal(fromEnvironment.headers.get("x-consul-token"), "t");
    assert.equal(fromEnvironment.headers.get("authorization"), `Basic ${btoa("a:b:c")}`);
  }));

test("a configuration that does not fit is refused with its place", () =>
  withConsul(async (consul) => {
    const refused = (settings: object, reason: RegExp) =>
      assert.rejects(open(consul, settings), (error) => {
        assert.ok(DriverError.is(error) && error.kind === "badMetadata", String(error));
        assert.match(error.message, reason);
        return true;
      });
    await refused({ client: "x" }, /property "client": "x" is not JSON/);
    await refused({ client: [] }, /client must be a block of fields$/);
    await refused({ client: { address: 8500 } }, /client\.address must be text$/);
    await refused({ client: { address: "ftp://x" } }, /"ftp:\/\/x" is no address: write host:port/);
    await refused(
      { client: { address: "x", tokenFile: "/no/such" } },
      /client\.tokenFile: reading "\/no\/such" failed/,
    );
    await refused({ checks: [{ interval: 15 }] }, /checks\[0\]\.interval must be text$/);
    await refused({ tags: "a" }, /property "tags": "a" is not JSON/);
    await refused({ meta: { a: 1 } }, /meta must be a block of texts$/);
    await refused({ queryOptions: { useCache: "true" } }, /queryOptions\.useCache must be true or false$/);
    await refused(
      { advancedRegistration: { proxy: { upstreams: [{ localBindPort: "1" }] } } },
      /upstreams\[0\]\.localBindPort must be a whole number$/,
    );
    const warnings: string[] = [];
    const log = { debug() {}, info() {}, error() {}, warn: (line: string) => void warnings.push(line) };
    await open(consul, { queryOptions: { usecache: true, cached: true } }, { log });
    assert.deepEqual(warnings, ["queryOptions.cached means nothing to Consul and is left out"]);
  }));

/** Waits until a look-up answers as wanted. */
async function until(resolver: NameResolver, wanted: readonly string[]): Promise<void> {
  let found: readonly string[] = [];
  for (let tries = 0; tries < 500; tries++) {
    found = await Promise.resolve(resolver.resolve(request("shop"), signal)).catch(() => []);
    if (JSON.stringify([...found].sort()) === JSON.stringify(wanted)) return;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  assert.deepEqual(found, wanted);
}

/** Waits until the watch waits for something newer. */
async function untilWaiting(consul: FakeConsul): Promise<void> {
  for (let tries = 0; !/state\/any\?.*index=/.test(consul.requests.at(-1)?.line ?? ""); tries++) {
    assert.ok(tries < 500, "nothing is watched");
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

test("with useCache instances are kept, and follow what the agent tells", () =>
  withConsul(async (consul) => {
    const add = (ID: string, Address: string) =>
      consul.services.set(ID, { ID, Name: "shop", Address, Meta: { DAPR_PORT: "1" } });
    add("a", "10.0.0.1");
    const resolver = await open(consul, { useCache: true });
    const lookUps = () => consul.requests.filter(({ line }) => line.includes("/v1/health/service/")).length;
    await until(resolver, ["10.0.0.1:1"]);
    // Once the watch has its first answer nobody asks the agent any more.
    let before = -1;
    for (let tries = 0; tries < 500 && before !== lookUps(); tries++) {
      before = lookUps();
      await new Promise((resolve) => setTimeout(resolve, 10));
      await resolver.resolve(request("shop"), signal);
    }
    assert.equal(lookUps(), before);
    add("b", "10.0.0.2");
    consul.changed();
    await until(resolver, ["10.0.0.1:1", "10.0.0.2:1"]);
    consul.failing.add("a");
    consul.changed();
    await until(resolver, ["10.0.0.2:1"]);
    const watching = consul.requests.filter(({ line }) => line.includes("/v1/health/state/any"));
    assert.ok(watching.some(({ line }) => new URLSearchParams(line.split("?")[1]).get("index") !== null));
    assert.ok(watching.every(({ line }) => !line.includes("cached")));
    consul.services.clear();
    consul.changed();
    await until(resolver, []);
    await resolver.close();
  }));

test("a watch that fails forgets what it knew and begins anew", () =>
  withConsul(async (consul) => {
    consul.services.set("a", { ID: "a", Name: "shop", Address: "10.0.0.1", Meta: { DAPR_PORT: "1" } });
    const errors: string[] = [];
    const log = { debug() {}, info() {}, warn() {}, error: (line: string) => void errors.push(line) };
    // Pauses of the watch pass at once, those of the test do not.
    const clock = { ...platform.clock, sleep: () => new Promise<void>((resolve) => setTimeout(resolve, 5)) };
    const resolver = await open(consul, { useCache: true }, { log, clock });
    await until(resolver, ["10.0.0.1:1"]);
    await untilWaiting(consul);
    consul.broken = 503;
    consul.changed();
    for (let tries = 0; tries < 500 && errors.length < 2; tries++) await new Promise((r) => setTimeout(r, 10));
    const said = "consul service-watcher error: Unexpected response code: 503 (broken)";
    assert.ok(errors.includes(said), errors.join());
    await assert.rejects(resolver.resolve(request("shop"), signal), /failed to query healthy consul services/);
    consul.broken = undefined;
    consul.services.set("b", { ID: "b", Name: "shop", Address: "10.0.0.2", Meta: { DAPR_PORT: "1" } });
    await until(resolver, ["10.0.0.1:1", "10.0.0.2:1"]);
    await resolver.close();
  }));

test("instances that cannot be fetched are asked for again after a pause", () =>
  withConsul(async (consul) => {
    consul.services.set("a", { ID: "a", Name: "shop", Address: "10.0.0.1", Meta: { DAPR_PORT: "1" } });
    let pauses = 0;
    const errors: string[] = [];
    const log = { debug() {}, info() {}, warn() {}, error: (line: string) => void errors.push(line) };
    const clock = {
      ...platform.clock,
      async sleep() {
        pauses++;
        consul.brokenHealth = false;
      },
    };
    consul.brokenHealth = true;
    const resolver = await open(consul, { useCache: true }, { log, clock });
    await assert.rejects(resolver.resolve(request("shop"), signal), /failed to query healthy consul services/);
    await untilWaiting(consul);
    assert.deepEqual(await resolver.resolve(request("shop"), signal), ["10.0.0.1:1"]);
    assert.equal(pauses, 1);
    assert.match(errors.join(), /error invoking health service: .*500.*, for service shop,.*retry in \d+s/);
    await resolver.close();
  }));

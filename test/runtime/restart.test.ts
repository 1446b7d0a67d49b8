import assert from "node:assert/strict";
import { test } from "node:test";
import { catalog } from "../../components/catalog.gen.ts";
import { ConfigError } from "../../src/config/config-error.ts";
import type { ResourceSource } from "../../src/config/disk-source.ts";
import { createInlineSource } from "../../src/config/inline-source.ts";
import { readDaprdCommand } from "../../src/config/read-options.ts";
import { createVirtualClock } from "../../src/kit/virtual-clock.ts";
import { createNode, type RuntimeNode } from "../../src/runtime/node.ts";
import { createLog } from "../../src/telemetry/log.ts";
import { type Simulation, simulate } from "../harness/simulated-platform.ts";

const component = (name: string, type: string) => ({
  apiVersion: "dapr.io/v1alpha1",
  kind: "Component",
  metadata: { name },
  spec: { type, version: "v1" },
});
const resiliency = (name: string) => ({
  apiVersion: "dapr.io/v1alpha1",
  kind: "Resiliency",
  metadata: { name },
  spec: { policies: { timeouts: { general: "5s" } }, targets: {} },
});
const configuration = (features: readonly object[]) => ({
  apiVersion: "dapr.io/v1alpha1",
  kind: "Configuration",
  metadata: { name: "c" },
  spec: { features },
});
const store = component("store", "state.in-memory");

async function settle(): Promise<void> {
  for (let turn = 0; turn < 4; turn++) await new Promise((resolve) => setImmediate(resolve));
}

/** A process without sockets, and a way to start sidecars in it whose resources the test changes. */
async function world() {
  const clock = createVirtualClock(Date.UTC(2030, 0, 1), { settle });
  const host: Simulation = await simulate(clock, 3);
  const { "nameresolution.mdns": _, ...drivers } = catalog;
  const node: RuntimeNode = createNode({ platform: host.platform, catalog: drivers, version: "0.0.0" });
  const lines: string[] = [];

  async function open(appId: string, values: readonly unknown[]) {
    const command = readDaprdCommand(
      [`--app-id=${appId}`, "--dapr-http-port=0", "--dapr-grpc-port=0", "--metrics-port=0"],
      {},
    );
    assert.ok(command.action === "run");
    let current = values;
    let fault: Error | undefined;
    const watchers = new Set<() => void>();
    const inline = () => createInlineSource({ appId, namespace: "", env: {}, values: current });
    const source: ResourceSource = {
      async list() {
        if (fault !== undefined) throw fault;
        return inline().list();
      },
      listFolders: () => inline().listFolders(),
      watch(changed) {
        const watcher = () => changed();
        watchers.add(watcher);
        return () => watchers.delete(watcher);
      },
    };
    const log = createLog({
      write: (line) => void lines.push(line),
      level: "info",
      json: false,
      appId,
      instance: "test",
      version: "0.0.0",
      clock,
    });
    const sidecar = node.start({ options: command.options, source, log });
    const { httpPort, metricsPort } = await sidecar.listening;
    await sidecar.ready;
    const call = (path: string, init?: RequestInit) => host.call(httpPort, path, init);
    return {
      sidecar,
      httpPort,
      metricsPort,
      watchers,
      call,
      has: async (key: string) => (await call(`/v1.0/state/store/${key}`)).status === 200,
      async save(key: string) {
        const body = JSON.stringify([{ key, value: key }]);
        assert.equal((await call("/v1.0/state/store", { method: "POST", body })).status, 204);
      },
      metadata: async () => (await (await call("/v1.0/metadata")).json()) as Record<string, unknown>,
      isHealthy: () =>
        call("/v1.0/healthz").then(
          (answer) => answer.status === 204,
          () => false,
        ),
      async become(next: readonly unknown[]) {
        current = next;
        for (const changed of [...watchers]) changed();
        await settle();
      },
      breakConfiguration(why: string | undefined) {
        fault = why === undefined ? undefined : new ConfigError("configuration", why);
      },
    };
  }
  const untilHealthy = async (one: { isHealthy(): Promise<boolean> }) => {
    for (let tries = 0; tries < 500 && !(await one.isHealthy()); tries++) await clock.advance(10);
    assert.ok(await one.isHealthy(), lines.join(""));
  };
  return { node, clock, host, open, untilHealthy, lines };
}

test("a restart opens one sidecar anew at its ports, the others of the process go on", async () => {
  const { open, node, clock, host, untilHealthy } = await world();
  const [a, b, c] = [await open("a", [store]), await open("b", [store]), await open("c", [store])];
  for (const one of [a, b, c]) await one.save("kept");
  const counted = async ({ metricsPort }: typeof a) =>
    /^dapr_component_state_count\{.*operation="set"/m.test(await (await host.call(metricsPort, "/")).text());
  b.sidecar.describe("appPID", "77");
  assert.equal(await b.sidecar.restart(), true);
  await untilHealthy(b);
  assert.deepEqual([await a.has("kept"), await b.has("kept"), await c.has("kept")], [true, false, true]);
  assert.deepEqual([await counted(a), await counted(b), await counted(c)], [true, false, true]);
  assert.equal(((await b.metadata())["extended"] as Record<string, string>)["appPID"], "77");
  assert.equal((await b.sidecar.listening).httpPort, b.httpPort);
  const stopping = node.stop();
  await clock.advance(1000);
  assert.equal(await stopping, 0);
});

test("a changed Resiliency restarts its sidecar only; a component is changed in place", async () => {
  const { open, node, clock, untilHealthy } = await world();
  const [a, b] = [await open("a", [store]), await open("b", [store])];
  await a.save("kept");
  await b.save("kept");
  await a.become([store, component("more", "state.in-memory")]);
  assert.deepEqual(
    ((await a.metadata())["components"] as { name: string }[]).map(({ name }) => name),
    ["store", "more"],
  );
  assert.equal(await a.has("kept"), true);
  await a.become([store, resiliency("r")]);
  await untilHealthy(a);
  assert.deepEqual((await a.metadata())["resiliencies"], [{ name: "r" }]);
  assert.deepEqual([await a.has("kept"), await b.has("kept")], [false, true]);
  assert.equal(a.watchers.size, 1);
  const stopping = node.stop();
  await clock.advance(1000);
  assert.equal(await stopping, 0);
  assert.equal(a.watchers.size, 0);
});

test("a configuration may switch reloading off", async () => {
  const { open, node, clock, lines } = await world();
  const a = await open("a", [store, configuration([{ name: "HotReload", enabled: false }])]);
  assert.equal(a.watchers.size, 0);
  await a.save("kept");
  await a.become([configuration([])]);
  await clock.advance(120_000);
  assert.equal(await a.has("kept"), true, lines.join(""));
  const stopping = node.stop();
  await clock.advance(1000);
  assert.equal(await stopping, 0);
});

test("a configuration that cannot be read does not end what runs", async () => {
  const { open, node, clock, lines, untilHealthy } = await world();
  const a = await open("a", [store]);
  await a.save("kept");
  a.breakConfiguration("open c.yaml: bad");
  assert.equal(await a.sidecar.restart(), false);
  assert.equal(await a.has("kept"), true);
  assert.match(lines.join(""), /level=error msg="not restarting, the configuration in use stays: .*open c\.yaml: bad"/);
  a.breakConfiguration(undefined);
  assert.equal(await a.sidecar.restart(), true);
  await untilHealthy(a);
  assert.equal(await a.has("kept"), false);
  const stopping = node.stop();
  await clock.advance(1000);
  assert.equal(await stopping, 0);
});

test("a component that fails ends the sidecar with 1, after a change and after a restart", async () => {
  for (const how of ["change", "restart"]) {
    const { open, clock, lines } = await world();
    const [a, b] = [await open("a", [store]), await open("b", [store])];
    const broken = [store, component("broken", "state.nothing")];
    if (how === "change") await a.become(broken);
    else {
      for (const watcher of [...a.watchers]) a.watchers.delete(watcher);
      await a.become(broken);
      await a.sidecar.restart();
    }
    await clock.advance(1000);
    assert.equal(await a.sidecar.ended, 1, how);
    assert.match(lines.join(""), /level=fatal msg="Fatal error from runtime: process component broken error: /);
    assert.equal(await b.isHealthy(), true);
    const stopping = b.sidecar.stop();
    await clock.advance(1000);
    assert.equal(await stopping, 0);
  }
});

test("restarts asked for together are one or two, and a stop among them ends all", async () => {
  const { open, clock, lines } = await world();
  const a = await open("a", [store]);
  const restarts = [1, 2, 3, 4].map(() => a.sidecar.restart());
  await settle();
  const stopping = a.sidecar.stop();
  await clock.advance(1000);
  assert.equal(await stopping, 0);
  await Promise.all(restarts);
  const times = lines.join("").split("Dapr is restarting").length - 1;
  assert.ok(times <= 2, `restarted ${times} times`);
  assert.equal(await a.sidecar.restart(), false);
  assert.equal(await a.isHealthy(), false);
});

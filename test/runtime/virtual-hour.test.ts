import assert from "node:assert/strict";
import process from "node:process";
import { test } from "node:test";
import { catalog } from "../../components/catalog.gen.ts";
import { createInlineSource } from "../../src/config/inline-source.ts";
import { readDaprdCommand } from "../../src/config/read-options.ts";
import { createVirtualClock } from "../../src/kit/virtual-clock.ts";
import { createNode } from "../../src/runtime/node.ts";
import { createLog } from "../../src/telemetry/log.ts";
import { type Simulation, simulate } from "../harness/simulated-platform.ts";
import { temporaryFolder } from "../harness/temporary-folder.ts";

const start = Date.UTC(2030, 0, 1);
const hour = 3_600_000;

const component = (name: string, type: string, metadata: Record<string, string> = {}) => ({
  apiVersion: "dapr.io/v1alpha1",
  kind: "Component",
  metadata: { name },
  spec: { type, version: "v1", metadata: Object.entries(metadata).map(([key, value]) => ({ name: key, value })) },
});
const subscription = {
  apiVersion: "dapr.io/v2alpha1",
  kind: "Subscription",
  metadata: { name: "orders" },
  spec: { pubsubname: "broker", topic: "orders", routes: { default: "/orders" } },
};

/** Lets work rest that is on its way through promises. */
async function settle(): Promise<void> {
  for (let turn = 0; turn < 2; turn++) await new Promise((resolve) => setImmediate(resolve));
}

test("two sidecars live an hour of expiries and back-offs in under a second", async () => {
  const clock = createVirtualClock(start, { settle });
  const world: Simulation = await simulate(clock, 7);
  // Names are not looked up here, and multicast is no part of the simulation.
  const { "nameresolution.mdns": _, ...drivers } = catalog;
  const node = createNode({ platform: world.platform, catalog: drivers, version: "0.0.0" });
  const database = `${temporaryFolder().path}/broker.db`;
  const lines: string[] = [];

  const open = async (appId: string, appPort: number) => {
    const command = readDaprdCommand(
      [
        `--app-id=${appId}`,
        `--app-port=${appPort}`,
        "--dapr-http-port=0",
        "--dapr-grpc-port=0",
        "--enable-metrics=false",
      ],
      {},
    );
    assert.ok(command.action === "run");
    const values = [
      component("store", "state.in-memory"),
      component("broker", "pubsub.embedded", { path: database }),
      subscription,
    ];
    const log = createLog({
      write: (line) => void lines.push(line),
      level: "info",
      json: false,
      appId,
      instance: "test",
      version: "0.0.0",
      clock,
    });
    const source = createInlineSource({ appId, namespace: "", env: {}, values });
    const sidecar = node.start({ options: command.options, source, log });
    const { httpPort } = await sidecar.listening;
    await sidecar.ready;
    return { sidecar, httpPort };
  };
  const deliveries: number[] = [];
  world.apps.set(7001, () => 404);
  world.apps.set(7002, (request) => {
    if (!request.startsWith("POST /orders")) return 404;
    deliveries.push(clock.now() - start);
    return deliveries.length < 40 ? 500 : 200;
  });
  const one = await open("one", 7001);
  const two = await open("two", 7002);

  const post = (port: number, path: string, body: string) =>
    world.call(port, path, { method: "POST", body, headers: { "content-type": "application/json" } });
  const save = async (port: number, key: string, ttlInSeconds: number) => {
    const body = JSON.stringify([{ key, value: key, metadata: { ttlInSeconds: String(ttlInSeconds) } }]);
    assert.equal((await post(port, "/v1.0/state/store", body)).status, 204);
  };
  const has = async (port: number, key: string) => (await world.call(port, `/v1.0/state/store/${key}`)).status === 200;

  const begun = process.cpuUsage();
  await save(one.httpPort, "half", 1800);
  await save(one.httpPort, "whole", 7200);
  await save(two.httpPort, "half", 1800);
  assert.equal((await post(one.httpPort, "/v1.0/publish/broker/orders", '{"n":1}')).status, 204);
  await clock.advance(hour / 2 - 1000);
  assert.deepEqual([await has(one.httpPort, "half"), await has(two.httpPort, "half")], [true, true]);
  await clock.advance(2000);
  assert.deepEqual([await has(one.httpPort, "half"), await has(two.httpPort, "half")], [false, false]);
  await clock.advance(hour / 2);
  assert.equal(await has(one.httpPort, "whole"), true);
  // Time of this process, so that what else the machine does is not counted.
  const { user, system } = process.cpuUsage(begun);
  const took = (user + system) / 1000;

  // 0.5 s, 1 s, 2 s, … up to a minute, and after the fortieth delivery the message is done.
  assert.equal(deliveries.length, 40, lines.join(""));
  const waits = deliveries.slice(1).map((at, index) => at - (deliveries[index] ?? 0));
  for (const [index, wait] of waits.entries()) {
    const least = Math.min(60_000, 500 * 2 ** index);
    assert.ok(wait >= least && wait < least + 5000, `wait ${index} was ${wait} ms, at least ${least} were due`);
  }
  assert.ok(took < 1000, `the hour took ${took} ms`);
  const stopping = node.stop();
  await clock.advance(1000);
  assert.equal(await stopping, 0);
});

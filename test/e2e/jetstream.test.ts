import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { CommunicationProtocolEnum, DaprClient, DaprPubSubStatusEnum, DaprServer, LogLevel } from "@dapr/dapr";
import { startBackend } from "../../scripts/backends.ts";
import { freePort } from "../../scripts/free-ports.ts";
import { component, startDaprd } from "../harness/daprd-process.ts";
import { natsAdmin } from "../harness/nats-admin.ts";
import { appScript, node, startRun, until } from "../harness/pillion.ts";
import { temporaryFolder } from "../harness/temporary-folder.ts";

const { path: data } = temporaryFolder();
const options = { port: await freePort(), webSocketPort: await freePort(), data };
const first = await startBackend("nats", options);
const skip = first === undefined ? "there is no nats-server" : false;

test("the official SDK publishes and subscribes over JetStream, whatever ends in between", { skip }, async () => {
  const admin = natsAdmin(first!.address);
  await admin.ask("STREAM.CREATE.shop", { name: "shop", subjects: ["orders.>", "poison", "bulk", "dead"] });
  const resources = [
    component("broker", "pubsub.jetstream", { natsURL: `nats://${first!.address}`, durableName: "shop" }),
  ];
  const appPort = await freePort();
  const start = () => startDaprd({ appId: "shop", resources, args: [`--app-port=${appPort}`] });
  let sidecar = await start();

  const seen = new Map<string, unknown[]>(["orders", "poison", "dead", "bulk"].map((name) => [name, []]));
  const of = (name: string): unknown[] => seen.get(name) ?? [];
  const clientOptions = { daprHost: "127.0.0.1", daprPort: String(sidecar.httpPort) };
  const logger = { level: LogLevel.Error };
  const app = new DaprServer({ serverHost: "127.0.0.1", serverPort: String(appPort), clientOptions, logger });
  await app.pubsub.subscribe("broker", "orders.*", async (order: unknown) => void of("orders").push(order));
  await app.pubsub.subscribeWithOptions("broker", "poison", {
    callback: async (order: unknown) => {
      of("poison").push(order);
      return DaprPubSubStatusEnum.RETRY;
    },
    deadLetterTopic: "dead",
  });
  await app.pubsub.subscribe("broker", "dead", async (order: unknown) => void of("dead").push(order));
  await app.pubsub.subscribeBulk("broker", "bulk", async (order: unknown) => void of("bulk").push(order), {
    maxMessagesCount: 10,
    maxAwaitDurationMs: 50,
  });
  await app.start();
  await sidecar.ready();
  const clientOf = (protocol: CommunicationProtocolEnum) =>
    new DaprClient({
      daprHost: "127.0.0.1",
      daprPort: String(protocol === CommunicationProtocolEnum.HTTP ? sidecar.httpPort : sidecar.grpcPort),
      communicationProtocol: protocol,
      logger,
    });

  for (const protocol of [CommunicationProtocolEnum.HTTP, CommunicationProtocolEnum.GRPC]) {
    const client = clientOf(protocol);
    const published = await client.pubsub.publish("broker", `orders.${protocol}`, { protocol });
    assert.equal(published.error, undefined);
    const { failedMessages } = await client.pubsub.publishBulk("broker", "bulk", [
      { protocol, n: 1 },
      { protocol, n: 2 },
    ]);
    assert.deepEqual(failedMessages, []);
    await client.stop();
  }
  await until("the events of both protocols", () => of("orders").length === 2 && of("bulk").length === 4);
  assert.deepEqual(of("orders"), [
    { protocol: CommunicationProtocolEnum.HTTP },
    { protocol: CommunicationProtocolEnum.GRPC },
  ]);

  let client = clientOf(CommunicationProtocolEnum.HTTP);
  await client.pubsub.publish("broker", "poison", { bad: true });
  await until("the dead letter", () => of("dead").length === 1);
  assert.deepEqual(of("dead"), [{ bad: true }]);

  // The broker is killed and starts again; the sidecar stays.
  admin.close();
  await first!.stop();
  const again = (await startBackend("nats", options))!;
  const publishAtLast = (n: number) =>
    until(
      `order ${n} to be published`,
      async () => (await client.pubsub.publish("broker", "orders.x", { n })).error === undefined,
    );
  await publishAtLast(1);
  await until("the order after the broker's restart", () => of("orders").length === 3);

  // The sidecar is killed; what comes meanwhile waits in the stream.
  await client.stop();
  sidecar.kill("SIGKILL");
  await sidecar.exited;
  const outside = natsAdmin(again.address);
  await outside.publish(
    "orders.y",
    JSON.stringify({ specversion: "1.0", id: "2", source: "x", type: "t", data: { n: 2 } }),
  );
  sidecar = await start();
  await sidecar.ready();
  client = clientOf(CommunicationProtocolEnum.HTTP);
  await publishAtLast(3);
  await until("the orders after the sidecar's restart", () => of("orders").length >= 5);
  assert.deepEqual(of("orders").slice(2), [{ n: 1 }, { n: 2 }, { n: 3 }]);

  outside.close();
  await client.stop();
  await app.stop();
  assert.equal(await sidecar.stop(), 0);
  await again.stop();
});

test("--local runs a component of an absent NATS on the embedded engine", async () => {
  const { path } = temporaryFolder();
  const port = await freePort();
  writeFileSync(
    join(path, "broker.yaml"),
    component("pubsub", "pubsub.jetstream", { natsURL: `nats://localhost:${port}` }),
  );
  const args = ["--app-id", "shop", "--resources-path", path, "--app-port", String(await freePort())];
  using run = startRun([...args, "--local", "--", node, appScript], { cwd: path, env: { TOPIC: "news" } });
  const url = await run.ready("shop");
  await run.printed("--local:");
  const metadata = await fetch(`${url}/v1.0/metadata`);
  const { extended } = (await metadata.json()) as { extended: Record<string, string> };
  assert.equal(extended["localComponents"], "pubsub (pubsub.jetstream)");
  const headers = { "content-type": "application/json" };
  const body = JSON.stringify({ n: 1 });
  const answer = await fetch(`${url}/v1.0/publish/pubsub/news`, { method: "POST", headers, body });
  assert.equal(answer.status, 204);
  await run.printed('event {"n":1}');
  assert.equal(await run.stop(), 0);
});

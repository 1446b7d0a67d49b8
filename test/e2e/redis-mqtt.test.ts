import assert from "node:assert/strict";
import { test } from "node:test";
import { CommunicationProtocolEnum, DaprClient, DaprPubSubStatusEnum, DaprServer, LogLevel } from "@dapr/dapr";
import { type BackendName, type BackendOptions, startBackend } from "../../scripts/backends.ts";
import { freePort } from "../../scripts/free-ports.ts";
import { component, startDaprd } from "../harness/daprd-process.ts";
import { until } from "../harness/pillion.ts";
import { temporaryFolder } from "../harness/temporary-folder.ts";

interface Broker {
  readonly type: string;
  readonly backend: BackendName;
  readonly options: BackendOptions;
  metadata(address: string): Readonly<Record<string, string>>;
}

const brokers: readonly Broker[] = [
  {
    type: "pubsub.redis",
    backend: "redis",
    options: { args: ["--appendonly", "yes", "--appendfsync", "always"] },
    metadata: (redisHost) => ({ redisHost, processingTimeout: "500", redeliverInterval: "100" }),
  },
  {
    type: "pubsub.mqtt3",
    backend: "mosquitto",
    options: {},
    metadata: (address) => ({ url: `mqtt://${address}`, redeliverInterval: "200ms" }),
  },
];

for (const { type, backend, options, metadata } of brokers) {
  const where = { ...options, port: await freePort(), webSocketPort: await freePort(), data: temporaryFolder().path };
  const first = await startBackend(backend, where);
  const skip = first === undefined ? `there is no ${backend}` : false;

  test(`the official SDK publishes and subscribes over ${type}, whatever ends in between`, { skip }, async () => {
    const resources = [component("broker", type, metadata(first!.address))];
    const appPort = await freePort();
    const start = () => startDaprd({ appId: "shop", resources, args: [`--app-port=${appPort}`] });
    let sidecar = await start();

    const seen = new Map<string, unknown[]>(["orders", "poison", "dead", "bulk", "shy"].map((name) => [name, []]));
    const of = (name: string): unknown[] => seen.get(name) ?? [];
    const clientOptions = { daprHost: "127.0.0.1", daprPort: String(sidecar.httpPort) };
    const logger = { level: LogLevel.Error };
    const app = new DaprServer({ serverHost: "127.0.0.1", serverPort: String(appPort), clientOptions, logger });
    await app.pubsub.subscribe("broker", "orders", async (order: unknown) => void of("orders").push(order));
    await app.pubsub.subscribeWithOptions("broker", "poison", {
      callback: async (order: unknown) => {
        of("poison").push(order);
        return DaprPubSubStatusEnum.RETRY;
      },
      deadLetterTopic: "dead",
    });
    await app.pubsub.subscribeWithOptions("broker", "shy", {
      callback: async (order: unknown) => {
        of("shy").push(order);
        return of("shy").length < 3 ? DaprPubSubStatusEnum.RETRY : DaprPubSubStatusEnum.SUCCESS;
      },
    });
    await app.pubsub.subscribe("broker", "dead", async (order: unknown) => void of("dead").push(order));
    await app.pubsub.subscribeBulk("broker", "bulk", async (order: unknown) => void of("bulk").push(order), {
      maxMessagesCount: 20,
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
      const published = await client.pubsub.publish("broker", "orders", { protocol });
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
    await client.pubsub.publish("broker", "shy", { late: true });
    await until("the dead letter", () => of("dead").length === 1);
    assert.deepEqual(of("dead"), [{ bad: true }]);
    await until("the event that was refused twice", () => of("shy").length === 3);

    // The broker is killed and starts again; the sidecar stays.
    await first!.stop();
    const again = (await startBackend(backend, where))!;
    const publishAtLast = (n: number) =>
      until(
        `order ${n} to be published`,
        async () => (await client.pubsub.publish("broker", "orders", { n })).error === undefined,
      );
    await publishAtLast(1);
    await until("the order after the broker's restart", () => of("orders").length >= 3);

    // The sidecar is killed; what another publishes meanwhile waits at the broker.
    await client.stop();
    sidecar.kill("SIGKILL");
    await sidecar.exited;
    const other = await startDaprd({ appId: "other", resources: [component("broker", type, metadata(again.address))] });
    await other.ready();
    const url = `${other.url}/v1.0/publish/broker/orders`;
    const headers = { "content-type": "application/json" };
    const answer = await fetch(url, { method: "POST", headers, body: '{"n":2}' });
    assert.equal(answer.status, 204);
    assert.equal(await other.stop(), 0);
    sidecar = await start();
    await sidecar.ready();
    client = clientOf(CommunicationProtocolEnum.HTTP);
    await publishAtLast(3);
    const numbers = () => new Set(of("orders").map((order) => (order as { n?: number }).n));
    await until("the orders after the sidecar's restart", () => [1, 2, 3].every((n) => numbers().has(n)));

    await client.stop();
    await app.stop();
    assert.equal(await sidecar.stop(), 0);
    await again.stop();
  });
}

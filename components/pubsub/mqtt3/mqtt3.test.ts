import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { after, test } from "node:test";
import { startBackend } from "../../../scripts/backends.ts";
import { freePort } from "../../../scripts/free-ports.ts";
import type { Delivery, IncomingMessage, PubSub } from "../../../src/driver/pubsub.ts";
import { collector, pubsubConformance } from "../../../test/conformance/pubsub.ts";
import { driverContext } from "../../../test/harness/driver-context.ts";
import { hostPlatform } from "../../../test/harness/host-platform.ts";
import { loopback, loopbackAuthority } from "../../../test/harness/loopback-certificate.ts";
import { temporaryFolder } from "../../../test/harness/temporary-folder.ts";
import driver from "./mqtt3.ts";

const platform = await hostPlatform();
const { signal } = new AbortController();
const text = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);
const message = (topic: string, data: string, metadata: Record<string, string> = {}) => ({
  topic,
  data: new TextEncoder().encode(data),
  contentType: "",
  metadata,
});
function open(metadata: Record<string, string>, lines: string[] = []): Promise<PubSub> {
  const line = (entry: string) => void lines.push(entry);
  const log = { debug() {}, info: line, warn: line, error: line };
  return driver.open(new Map(Object.entries(metadata)), driverContext(platform, "pubsub", { log }));
}
const sleep = (ms: number) => platform.clock.sleep(ms);
async function eventually(check: () => boolean): Promise<void> {
  for (let tries = 0; tries < 1000; tries++) {
    if (check()) return;
    await sleep(20);
  }
  assert.fail("it did not come to pass within 20 s");
}
const unique = (name = "client") => `${name}-${crypto.randomUUID().slice(0, 8)}`;

const server = await startBackend("mosquitto");
if (server === undefined) test("pubsub.mqtt3", { skip: "there is no mosquitto" }, () => {});
else {
  after(() => server.stop());
  const url = `tcp://${server.address}`;
  pubsubConformance(
    "pubsub.mqtt3",
    () => ({
      open: (appId, settings = {}) => open({ url, consumerID: unique(appId), cleanSession: "true", ...settings }),
    }),
    {
      redelivery: { redeliverInterval: "10ms" },
      ordered: {},
      dropsMetadata: true,
      wildcard: { pattern: "ord/+/#", topic: "ord/ers/1" },
    },
  );

  for (const qos of ["0", "1", "2"])
    test(`QoS ${qos}: messages of every size arrive once, with the topic that they were published to`, async () => {
      const topic = unique("sizes");
      const pubsub = await open({ url, consumerID: unique(), cleanSession: "true", qos });
      const inbox = collector();
      await pubsub.subscribe({ topic: `${topic}/#`, metadata: {} }, inbox.handle, signal);
      const sizes = [0, 1, 127, 128, 16_384, 300_000];
      for (const size of sizes) await pubsub.publish(message(`${topic}/${size}`, "x".repeat(size)), signal);
      await inbox.until(sizes.length);
      assert.deepEqual(
        new Map(inbox.received.map(({ topic: from, data }) => [from, data.length])),
        new Map(sizes.map((size) => [`${topic}/${size}`, size])),
      );
      await pubsub.close();
    });

  for (const qos of ["1", "2"])
    test(`QoS ${qos}: what was not acknowledged comes to the next process of the client, the rest does not`, async () => {
      const [topic, consumerID] = [unique("t"), unique()];
      const one = await open({ url, consumerID, qos });
      const publisher = await open({ url, consumerID: unique(), qos });
      const first = collector(({ data }) => (text(data) === "keep" ? "retry" : "ack"));
      await one.subscribe({ topic, metadata: {} }, first.handle, signal);
      for (const data of ["done", "keep"]) await publisher.publish(message(topic, data), signal);
      await first.until(2);
      await one.close();
      await publisher.publish(message(topic, "while away"), signal);
      const two = await open({ url, consumerID, qos });
      // The session brings them before there is a subscription.
      await sleep(200);
      const second = collector();
      await two.subscribe({ topic, metadata: {} }, second.handle, signal);
      await second.until(2);
      await publisher.publish(message(topic, "new"), signal);
      await second.until(3);
      assert.deepEqual(second.texts().sort(), ["keep", "new", "while away"]);
      await Promise.all([two.close(), publisher.close()]);
    });

  test("members of a shared subscription share its messages, every group gets all", async () => {
    const topic = unique("shared");
    const inboxes = [collector(), collector(), collector()];
    const apps: PubSub[] = [];
    for (const [at, group] of ["shop", "shop", "audit"].entries()) {
      const app = await open({ url, consumerID: unique(), cleanSession: "true" });
      await app.subscribe({ topic: `$share/${group}/${topic}/+`, metadata: {} }, inboxes[at]!.handle, signal);
      apps.push(app);
    }
    const all = Array.from({ length: 40 }, (_unused, index) => String(index));
    for (const data of all) await apps[0]!.publish(message(`${topic}/a`, data), signal);
    const [first, second, audit] = inboxes;
    await audit!.until(40);
    await eventually(() => first!.received.length + second!.received.length === 40);
    assert.deepEqual(new Set([...first!.texts(), ...second!.texts()]), new Set(all));
    assert.ok(first!.received.length > 0 && second!.received.length > 0);
    await Promise.all(apps.map((app) => app.close()));
  });

  test("retained messages say so", async () => {
    const topic = unique("retained");
    const pubsub = await open({ url, consumerID: unique(), cleanSession: "true" });
    await pubsub.publish(message(topic, "old", { retain: "true" }), signal);
    const inbox = collector();
    await pubsub.subscribe({ topic, metadata: {} }, inbox.handle, signal);
    await inbox.until(1);
    await pubsub.publish(message(topic, "live", { retain: "f" }), signal);
    await inbox.until(2);
    assert.deepEqual(
      inbox.received.map(({ data, metadata }) => [text(data), metadata["retained"]]),
      [
        ["old", "true"],
        ["live", "false"],
      ],
    );
    await pubsub.publish(message(topic, "", { retain: "1" }), signal);
    await pubsub.close();
  });

  test("messages of a topic come one at a time, topics do not wait for each other", async () => {
    const base = unique("lanes");
    const pubsub = await open({ url, consumerID: unique(), cleanSession: "true" });
    const release = Promise.withResolvers<void>();
    const inbox = collector(async ({ topic, data }): Promise<Delivery> => {
      if (topic.endsWith("slow") && text(data) === "0") await release.promise;
      return "ack";
    });
    await pubsub.subscribe({ topic: `${base}/+`, metadata: {} }, inbox.handle, signal);
    for (const data of ["0", "1", "2"])
      for (const lane of ["slow", "fast"]) await pubsub.publish(message(`${base}/${lane}`, data), signal);
    await inbox.until(4);
    await sleep(50);
    const of = (lane: string) =>
      inbox.received.filter(({ topic }) => topic.endsWith(lane)).map(({ data }) => text(data));
    assert.deepEqual([of("slow"), of("fast")], [["0"], ["0", "1", "2"]]);
    release.resolve();
    await inbox.until(6);
    assert.deepEqual(of("slow"), ["0", "1", "2"]);
    await pubsub.close();
  });

  test("a handler that gathers messages gets as many at once as it wants", async () => {
    const topic = unique("bulk");
    const pubsub = await open({ url, consumerID: unique(), cleanSession: "true" });
    const full = Promise.withResolvers<void>();
    const inbox = collector(async (): Promise<Delivery> => {
      if (inbox.received.length === 10) full.resolve();
      await full.promise;
      return "ack";
    });
    await pubsub.subscribe({ topic, metadata: {}, atOnce: 10 }, inbox.handle, signal);
    for (let index = 0; index < 10; index++) await pubsub.publish(message(topic, String(index)), signal);
    await inbox.until(10);
    await pubsub.close();
  });

  test("a subscription that ends and begins again misses nothing", async () => {
    const topic = unique("again");
    const pubsub = await open({ url, consumerID: unique() });
    const first = collector();
    const subscription = await pubsub.subscribe({ topic, metadata: {} }, first.handle, signal);
    await subscription.close();
    await pubsub.publish(message(topic, "between"), signal);
    await sleep(50);
    const second = collector();
    await pubsub.subscribe({ topic, metadata: {} }, second.handle, signal);
    await second.until(1);
    assert.deepEqual([first.texts(), second.texts()], [[], ["between"]]);
    await assert.rejects(
      pubsub.subscribe({ topic, metadata: {} }, async () => "ack", signal),
      /there is a subscription to .* already$/,
    );
    await pubsub.close();
  });

  test("over WebSocket", async () => {
    const topic = unique("ws");
    const address = { url: `ws://127.0.0.1:${server.webSocketPort}`, consumerID: unique(), cleanSession: "true" };
    const pubsub = await open(address);
    const inbox = collector();
    await pubsub.subscribe({ topic, metadata: {} }, inbox.handle, signal);
    await pubsub.publish(message(topic, "x".repeat(9_000)), signal);
    await inbox.until(1);
    assert.equal(inbox.received[0]?.data.length, 9_000);
    await pubsub.close();
  });

  test("odd settings and requests are told", async () => {
    const valid = { url, consumerID: unique(), cleanSession: "true" };
    for (const [settings, expected] of [
      [{ url: "" }, /missing url/],
      [{ url: "http://x" }, /^property "url" must begin with one of tcp:\/\//],
      [{ url: "tcp://" }, /^property "url" names no host and port/],
      [{ qos: "3" }, /^invalid qos 3: write 0, 1 or 2$/],
      [{ caCert: "x" }, /^invalid TLS configuration: invalid caCert$/],
      [{ clientCert: "x" }, /^invalid TLS configuration: invalid clientCert$/],
      [{ clientKey: "x" }, /^invalid TLS configuration: invalid clientKey$/],
    ] as const)
      await assert.rejects(open({ ...valid, ...settings }), { kind: "badMetadata", message: expected });
    const pubsub = await open(valid);
    for (const [bad, expected] of [
      [message("", ""), /^topic name is empty$/],
      [message("a/+", ""), /^failed to publish: topic "a\/\+" must not contain/],
      [
        message("a", "", { retain: "yes" }),
        /^mqtt invalid retain yes, strconv.ParseBool: parsing "yes": invalid syntax$/,
      ],
    ] as const)
      await assert.rejects(pubsub.publish(bad, signal), { kind: "badRequest", message: expected });
    await assert.rejects(
      pubsub.subscribe({ topic: "", metadata: {} }, async () => "ack", signal),
      { message: "topic name is empty" },
    );
    await pubsub.close();
  });

  test("users and TLS", async () => {
    const { path } = temporaryFolder();
    writeFileSync(`${path}/ca.pem`, loopbackAuthority);
    writeFileSync(`${path}/cert.pem`, loopback.cert);
    writeFileSync(`${path}/key.pem`, loopback.key);
    const port = await freePort();
    const secure = (await startBackend("mosquitto", {
      settings: [
        `listener ${port} 127.0.0.1`,
        `cafile ${path}/ca.pem`,
        `certfile ${path}/cert.pem`,
        `keyfile ${path}/key.pem`,
        "require_certificate true",
      ],
    }))!;
    const tls = { caCert: loopbackAuthority, clientCert: loopback.cert, clientKey: loopback.key };
    const address = { consumerID: unique(), cleanSession: "true" };
    const pubsub = await open({ ...address, ...tls, url: `mqtts://localhost:${port}` });
    const inbox = collector();
    await pubsub.subscribe({ topic: "t", metadata: {} }, inbox.handle, signal);
    await pubsub.publish(message("t", "secret"), signal);
    await inbox.until(1);
    await pubsub.close();
    const limit = AbortSignal.timeout(4000);
    const context = driverContext(platform, "pubsub", { signal: limit });
    await assert.rejects(
      driver.open(new Map(Object.entries({ ...address, url: `ssl://localhost:${port}` })), context),
      { message: /^failed to establish connection to broker: ssl:\/\/localhost:\d+: .*(?:certificate|issuer)/i },
    );
    await secure.stop();

    writeFileSync(`${path}/users`, "u:$7$101$AAAAAAAAAAAAAAAA$AAAA\n");
    const closed = (await startBackend("mosquitto", {
      settings: ["allow_anonymous false", `password_file ${path}/users`],
    }))!;
    await assert.rejects(open({ ...address, url: `mqtt://u:wrong@${closed.address}` }), {
      message: /^failed to establish connection to broker: mqtt:\/\/127\.0\.0\.1:\d+: Connection refused: /,
    });
    await closed.stop();
  });

  test("nothing is lost while the broker restarts, and what was acknowledged does not come again", async () => {
    const data = temporaryFolder().path;
    const port = await freePort();
    let broker = (await startBackend("mosquitto", { port, data }))!;
    const lines: string[] = [];
    const consumer = await open(
      { url: `tcp://${broker.address}`, consumerID: unique(), redeliverInterval: "50ms" },
      lines,
    );
    const publisher = await open({ url: `tcp://${broker.address}`, consumerID: unique() });
    const counts = new Map<string, number>();
    const handle = async ({ data: bytes, attempt }: IncomingMessage): Promise<Delivery> => {
      const name = text(bytes);
      if (attempt === 1 && Number(name) % 10 === 0) return "retry";
      await sleep(1);
      counts.set(name, (counts.get(name) ?? 0) + 1);
      return "ack";
    };
    await consumer.subscribe({ topic: "t", metadata: {} }, handle, signal);
    // Mosquitto writes to its file after it has acknowledged, before it reads on: killed in between it loses the last message itself.
    const accepted: string[] = [];
    let last: { readonly name: string; readonly kills: number } | undefined;
    let kills = 0;
    let isOver = false;
    const publishing = (async () => {
      for (let index = 0; !isOver; index++) {
        await publisher.publish(message("t", String(index)), signal).then(
          () => {
            if (last?.kills === kills) accepted.push(last.name);
            last = { name: String(index), kills };
          },
          () => undefined,
        );
        await sleep(1);
      }
    })();
    for (let round = 0; round < 2; round++) {
      await eventually(() => accepted.length > 100 * (round + 1));
      kills += 1;
      await broker.stop();
      broker = (await startBackend("mosquitto", { port, data }))!;
      kills += 1;
    }
    await eventually(() => accepted.length > 400);
    isOver = true;
    await publishing;
    await eventually(() => accepted.every((each) => counts.has(each)));
    await Promise.all([consumer.close(), publisher.close()]);
    await broker.stop();
    assert.ok(
      lines.some((line) => /^Connected to the MQTT broker at .* again$/.test(line)),
      lines.join("\n"),
    );
  });
}

import assert from "node:assert/strict";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, test } from "node:test";
import { startBackend } from "../../../scripts/backends.ts";
import type { PubSub } from "../../../src/driver/pubsub.ts";
import { collector } from "../../../test/conformance/pubsub.ts";
import { driverContext } from "../../../test/harness/driver-context.ts";
import { hostPlatform } from "../../../test/harness/host-platform.ts";
import { loopback, loopbackAuthority } from "../../../test/harness/loopback-certificate.ts";
import { natsAdmin } from "../../../test/harness/nats-admin.ts";
import { natsIdentity } from "../../../test/harness/nats-identity.ts";
import { temporaryFolder } from "../../../test/harness/temporary-folder.ts";
import driver from "./jetstream.ts";

const platform = await hostPlatform();
const { signal } = new AbortController();
const utf8 = new TextEncoder();
const warnings: string[] = [];
const silent = (): void => undefined;
const log = { debug: silent, info: silent, warn: (text: string) => void warnings.push(text), error: silent };
const open = (metadata: Readonly<Record<string, string>>): Promise<PubSub> =>
  driver.open(new Map(Object.entries(metadata)), driverContext(platform, "pubsub", { log }));
const publish = (pubsub: PubSub, data: string, topic = "t", metadata: Record<string, string> = {}): Promise<void> =>
  pubsub.publish({ topic, data: utf8.encode(data), contentType: "text/plain", metadata }, signal);
const folder = temporaryFolder().path;
const file = (name: string, text: string): string => {
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, name), text);
  return join(folder, name);
};

test("pubsub.jetstream: faulty settings are named before anything is dialed", async () => {
  const natsURL = "nats://127.0.0.1:1";
  for (const [metadata, message] of [
    [{}, "missing nats URL"],
    [{ natsURL: " , " }, "missing nats URL"],
    [{ natsURL: "http://u:secret@x" }, /^natsURL "http:\/\/x" is no address, write for example nats:/],
    [{ natsURL: "nats://u%zz:secret@x" }, /^natsURL "nats:\/\/x" is no address/],
    [{ natsURL: "u:secret@ x" }, /^natsURL " x" is no address/],
    [{ natsURL: "nats://a,ws://b" }, /^natsURL mixes addresses of WebSockets/],
    [{ natsURL, jwt: "x" }, "missing seed key"],
    [{ natsURL, seedKey: "x" }, "missing jwt"],
    [{ natsURL, tls_client_cert: "x" }, "missing tls client key"],
    [{ natsURL, tls_client_key: "x" }, "missing tls client cert"],
    [{ natsURL, tls_client_cert: "/none", tls_client_key: "x" }, /^tls_client_cert: reading "\/none" failed: /],
    [{ natsURL, deliverPolicy: "some" }, "deliver policy some is not one of: all, last, new, sequence, time"],
    [{ natsURL, deliverPolicy: "sequence" }, "deliverPolicy sequence needs startSequence"],
    [{ natsURL, deliverPolicy: "time" }, "deliverPolicy time needs startTime"],
    [{ natsURL, durableName: "a.b" }, /^durableName "a\.b" holds a character that names in NATS cannot have/],
    [{ natsURL, concurrency: "many" }, "invalid concurrencyMode many"],
    [{ natsURL, backOff: "1s,x" }, /^backOff: "x" is not a duration/],
    [{ natsURL, ackWait: "soon" }, /ackWait/],
    [{ natsURL, replicas: "-1" }, "replicas -1 is less than 0"],
  ] as const)
    await assert.rejects(open(metadata), { kind: "badMetadata", message });
  await assert.rejects(open({ natsURL }), {
    kind: "unavailable",
    message: /^connecting to NATS at "nats:\/\/127\.0\.0\.1:1" failed: .*, check natsURL$/,
  });
});

const server = await startBackend("nats");
if (server === undefined) test("pubsub.jetstream: settings", { skip: "there is no nats-server" }, () => {});
else {
  after(() => server.stop());
  const natsURL = `nats://${server.address}`;
  const admin = natsAdmin(server.address);
  after(() => admin.close());
  await admin.ask("STREAM.CREATE.tests", { name: "tests", subjects: ["t", "u", "w.>", "v"] });
  const purge = () => admin.ask("STREAM.PURGE.tests");
  type Consumer = { name: string; config: Record<string, unknown> };
  const consumer = async (name: string) => (await admin.ask(`CONSUMER.INFO.tests.${name}`)) as unknown as Consumer;

  test("pubsub.jetstream: the event's id keeps copies out, headers carry trace, type and metadata", async () => {
    const pubsub = await open({ natsURL });
    const event = JSON.stringify({ id: "e1", traceparent: "00-a-b-01", data: "x" });
    await publish(pubsub, event, "t", { key: "v", "nats-x": "1", "a b": "é" });
    await publish(pubsub, event);
    await publish(pubsub, "plain");
    // The same event on another topic of the stream is no copy, its copies there are.
    for (let copy = 0; copy < 2; copy++) await publish(pubsub, event, "u");
    const { state } = (await admin.ask("STREAM.INFO.tests")) as { state: { messages: number; first_seq: number } };
    assert.equal(state.messages, 3);
    const { headers, data } = await admin.message("tests", state.first_seq);
    assert.equal(data, event);
    for (const line of [
      "Nats-Msg-Id: e1",
      "traceparent: 00-a-b-01",
      "Content-Type: text/plain",
      "key: v",
      'Pillion-Metadata: {"nats-x":"1","a b":"\\u00e9"}',
    ])
      assert.ok(headers.includes(`\r\n${line}\r\n`), `${line} is not in ${headers}`);
    await pubsub.close();
    await purge();
  });

  test("pubsub.jetstream: messages of other clients come with their headers and subject", async () => {
    const pubsub = await open({ natsURL });
    const inbox = collector();
    await pubsub.subscribe({ topic: "w.*.new", metadata: {} }, inbox.handle, signal);
    await admin.publish("w.a.new", "x", { Colour: "red", "Content-Type": "text/css", "Nats-Msg-Id": "7", Empty: "" });
    await admin.publish("w.a.old", "no");
    await admin.publish("w.b.new", "y");
    await inbox.until(2);
    assert.deepEqual(
      inbox.received.map(({ topic, contentType, metadata }) => [topic, contentType, metadata]),
      [
        ["w.*.new", "text/css", { Colour: "red", Empty: "", Topic: "w.a.new" }],
        ["w.*.new", "", { Topic: "w.b.new" }],
      ],
    );
    await pubsub.close();
    await purge();
  });

  test("pubsub.jetstream: topics that are no subjects, and streams that are not there, are told", async () => {
    const pubsub = await open({ natsURL });
    for (const topic of ["", "a b", "a..b", "w.*", "w.>"])
      await assert.rejects(publish(pubsub, "x", topic), { kind: "badRequest", message: /is no NATS subject/ });
    await assert.rejects(
      pubsub.subscribe({ topic: "w.>.x", metadata: {} }, async () => "ack", signal),
      { kind: "badRequest" },
    );
    await assert.rejects(publish(pubsub, "x", "nowhere"), { message: "nats: no response from stream" });
    await assert.rejects(
      pubsub.subscribe({ topic: "nowhere", metadata: {} }, async () => "ack", signal),
      { message: /^nats: no stream matches subject: create a stream that stores "nowhere", or set streamName$/ },
    );
    await assert.rejects(publish(pubsub, "x".repeat(1_100_000)), {
      kind: "tooLarge",
      message: /takes at most 1048576 bytes at once \(max_payload\)$/,
    });
    await pubsub.close();
    const other = await open({ natsURL, streamName: "none" });
    await assert.rejects(
      other.subscribe({ topic: "t", metadata: {} }, async () => "ack", signal),
      { message: /streamName "none" failed: stream not found$/ },
    );
    await other.close();
    const elsewhere = await open({ natsURL, domain: "mars" });
    await assert.rejects(
      elsewhere.subscribe({ topic: "t", metadata: {} }, async () => "ack", signal),
      {
        kind: "unavailable",
        message: /^JetStream does not answer at "\$JS\.mars\.API": .*check domain and apiPrefix$/,
      },
    );
    await elsewhere.close();
  });

  test("pubsub.jetstream: the consumer has the component's settings, and gets changed ones", async () => {
    const settings = {
      natsURL,
      durableName: "set",
      ackWait: "5s",
      maxDeliver: "4",
      backOff: "1s, 2s",
      maxAckPending: "7",
      memoryStorage: "true",
      replicas: "1",
      deliverPolicy: "sequence",
      startSequence: "3",
      heartbeat: "2s",
      flowControl: "true",
    };
    const ack = async () => "ack" as const;
    for (const more of [{}, { maxAckPending: "8" }]) {
      const pubsub = await open({ ...settings, ...more });
      await pubsub.subscribe({ topic: "t", metadata: {} }, ack, signal);
      await pubsub.subscribe({ topic: "u", metadata: {} }, ack, signal);
      await pubsub.close();
    }
    const { config } = await consumer("set");
    assert.deepEqual(
      [
        "ack_policy",
        "deliver_policy",
        "max_deliver",
        "backoff",
        "max_ack_pending",
        "mem_storage",
        "filter_subject",
      ].map((key) => config[key]),
      ["explicit", "by_start_sequence", 4, [1e9, 2e9], 8, true, "t"],
    );
    assert.equal(config["opt_start_seq"], 3);
    assert.equal((await consumer("set_u")).config["filter_subject"], "u");
    const other = await open({ natsURL, durableName: "set", deliverPolicy: "new" });
    await assert.rejects(other.subscribe({ topic: "t", metadata: {} }, ack, signal), {
      message:
        'consumer "set" of stream "tests" exists with deliverPolicy "by_start_sequence", the component says "new": change deliverPolicy, or delete the consumer',
    });
    await other.close();
    const faulty = await open({ natsURL, maxDeliver: "1", backOff: "1s,2s" });
    await assert.rejects(faulty.subscribe({ topic: "t", metadata: {} }, ack, signal), {
      message: /^making a consumer of topic "t" on stream "tests" failed: .*, check maxDeliver and backOff$/,
    });
    await faulty.close();
    const timed = await open({ natsURL, durableName: "timed", deliverPolicy: "time", startTime: "1700000000" });
    await timed.subscribe({ topic: "t", metadata: {} }, ack, signal);
    await timed.close();
    assert.equal((await consumer("timed")).config["opt_start_time"], "2023-11-14T22:13:20Z");
  });

  test("pubsub.jetstream: where a subscription begins", async () => {
    const writer = await open({ natsURL });
    for (const data of ["1", "2", "3"]) await publish(writer, data, "v");
    const { state } = (await admin.ask("STREAM.INFO.tests")) as { state: { last_seq: number } };
    for (const [settings, expected] of [
      [{ deliverPolicy: "last" }, ["3", "4"]],
      [{}, ["1", "2", "3", "4"]],
      [{ deliverPolicy: "new" }, ["4"]],
      [{ deliverPolicy: "sequence", startSequence: String(state.last_seq - 1) }, ["2", "3", "4"]],
    ] as const) {
      const pubsub = await open({ natsURL, ...settings });
      const inbox = collector();
      await pubsub.subscribe({ topic: "v", metadata: {} }, inbox.handle, signal);
      await publish(writer, "4", "v");
      await inbox.until(expected.length);
      assert.deepEqual(inbox.texts(), expected);
      await pubsub.close();
      const last = (await admin.ask("STREAM.INFO.tests")) as { state: { last_seq: number } };
      await admin.ask("STREAM.MSG.DELETE.tests", { seq: last.state.last_seq });
    }
    await writer.close();
    await purge();
  });

  test("pubsub.jetstream: a message is given up after maxDeliver, none and all acknowledge as they say", async () => {
    const writer = await open({ natsURL });
    const limited = await open({ natsURL, maxDeliver: "2", ackWait: "50ms" });
    const seen = collector(({ data }) => (new TextDecoder().decode(data) === "bad" ? "retry" : "ack"));
    await limited.subscribe({ topic: "t", metadata: {} }, seen.handle, signal);
    for (const data of ["bad", "good"]) await publish(writer, data);
    await seen.until(3);
    await platform.clock.sleep(200);
    assert.deepEqual(seen.texts().toSorted(), ["bad", "bad", "good"]);
    await limited.close();
    for (const [ackPolicy, expected] of [
      ["none", ["bad", "good"]],
      ["all", ["bad", "good", "bad"]],
    ] as const) {
      const pubsub = await open({ natsURL, ackPolicy, durableName: ackPolicy });
      const inbox = collector(({ data, attempt }) =>
        new TextDecoder().decode(data) === "bad" && attempt === 1 ? "retry" : "ack",
      );
      await pubsub.subscribe({ topic: "t", metadata: {} }, inbox.handle, signal);
      await inbox.until(expected.length);
      await pubsub.close();
      assert.deepEqual(inbox.texts(), expected);
      const { num_ack_pending: pending } = (await consumer(ackPolicy)) as unknown as { num_ack_pending: number };
      assert.equal(pending, 0);
    }
    await writer.close();
    await purge();
  });

  test("pubsub.jetstream: a rate limit spreads messages over time", async () => {
    const writer = await open({ natsURL });
    const pubsub = await open({ natsURL, rateLimit: "80000" });
    const inbox = collector();
    const begun = platform.clock.monotonic();
    await pubsub.subscribe({ topic: "t", metadata: {} }, inbox.handle, signal);
    for (let index = 0; index < 6; index++) await publish(writer, "x".repeat(1000));
    await inbox.until(6);
    // Five gaps of 8,000 bits; the last message need not be waited for.
    assert.ok(platform.clock.monotonic() - begun >= 490);
    await pubsub.close();
    await writer.close();
    await purge();
  });

  test("pubsub.jetstream: a consumer that the server sends messages to, as upstream makes it, is shared", async () => {
    await admin.ask("CONSUMER.DURABLE.CREATE.tests.pushed", {
      stream_name: "tests",
      config: {
        durable_name: "pushed",
        deliver_subject: "somewhere",
        deliver_group: "group",
        deliver_policy: "all",
        ack_policy: "explicit",
        filter_subject: "t",
        flow_control: true,
        idle_heartbeat: 1e9,
      },
    });
    const members = await Promise.all(
      [1, 2].map(() => open({ natsURL, durableName: "pushed", queueGroupName: "group" })),
    );
    const inbox = collector(({ attempt }) => (attempt === 1 ? "retry" : "ack"));
    for (const member of members) await member.subscribe({ topic: "t", metadata: {} }, inbox.handle, signal);
    for (let index = 0; index < 20; index++) await publish(members[0]!, String(index));
    await inbox.until(40);
    assert.equal(new Set(inbox.texts()).size, 20);
    for (const member of members) await member.close();
    assert.equal(((await consumer("pushed")) as unknown as { num_ack_pending: number }).num_ack_pending, 0);
    await purge();
  });

  test("pubsub.jetstream: TLS, by the address or because the server asks, with certificates on both sides", async () => {
    const paths = {
      cert_file: file("cert.pem", loopback.cert),
      key_file: file("key.pem", loopback.key),
      ca_file: file("ca.pem", loopbackAuthority),
    };
    const tls = Object.entries(paths).map(([name, path]) => `${name}: "${path}"`);
    const secure = (await startBackend("nats", { settings: [`tls { ${tls.join(", ")}, verify: true }`] }))!;
    const own = { tls_client_cert: paths.cert_file, tls_client_key: loopback.key, caCert: loopbackAuthority };
    for (const scheme of ["nats", "tls"]) {
      const pubsub = await open({ natsURL: `${scheme}://${secure.address}`, ...own });
      await assert.rejects(publish(pubsub, "x"), { message: "nats: no response from stream" });
      await pubsub.close();
    }
    await assert.rejects(open({ natsURL: `tls://${secure.address}`, ...own, caCert: "" }), {
      kind: "unavailable",
      message: /, check caCert$/,
    });
    await assert.rejects(open({ natsURL: `tls://${secure.address}`, caCert: paths.ca_file }), {
      kind: "unavailable",
      message: /failed: (?!TIMEOUT)/,
    });
    await secure.stop();
    await assert.rejects(open({ natsURL: natsURL.replace("nats:", "tls:") }), {
      message: /the server does not offer TLS, write nats:/,
    });
  });

  test("pubsub.jetstream: WebSockets over TLS", async () => {
    const paths = [file("cert.pem", loopback.cert), file("key.pem", loopback.key)];
    const plain = (await startBackend("nats"))!;
    const block = `websocket { host: "127.0.0.1", port: ${plain.webSocketPort}, tls { cert_file: "${paths[0]}", key_file: "${paths[1]}" } }`;
    await plain.stop();
    const secure = (await startBackend("nats", {
      settings: [block],
      ...(plain.webSocketPort === undefined ? {} : { webSocketPort: plain.webSocketPort }),
    }))!;
    const pubsub = await open({ natsURL: `wss://127.0.0.1:${secure.webSocketPort}`, caCert: loopbackAuthority });
    await assert.rejects(publish(pubsub, "x"), { message: "nats: no response from stream" });
    await pubsub.close();
    await secure.stop();
    await assert.rejects(open({ natsURL: `ws://${server.address}` }), {
      message: /what answers is no WebSocket|failed/,
    });
  });

  test("pubsub.jetstream: what a user may not do is told at once, with its subject", async () => {
    const deny = '["t", "$JS.API.STREAM.INFO.>"]';
    const users = `{ user: "u", password: "p", permissions: { publish: { deny: ${deny} } } }, { user: "all", password: "p" }`;
    const guarded = (await startBackend("nats", { settings: [`authorization { users: [${users}] }`] }))!;
    const owner = natsAdmin(guarded.address, { user: "all", pass: "p" });
    await owner.ask("STREAM.CREATE.tests", { name: "tests", subjects: ["t", "u"] });
    const pubsub = await open({ natsURL: `nats://u:p@${guarded.address}` });
    const where = `NATS at nats://${guarded.address}`;
    await assert.rejects(publish(pubsub, "x"), {
      kind: "unauthorized",
      message: `${where} does not let this user publish to "t"`,
    });
    assert.ok(warnings.includes(`${where} reports: PERMISSIONS_VIOLATION, publish to "t"`));
    // Not being told of the stream is no reason not to read it.
    const inbox = collector();
    await pubsub.subscribe({ topic: "u", metadata: {} }, inbox.handle, signal);
    await publish(pubsub, "y", "u");
    await inbox.until(1);
    await pubsub.close();
    owner.close();
    await guarded.stop();
  });

  test("pubsub.jetstream: users, tokens and signed users; who is refused is told which fields to check", async () => {
    const identity = natsIdentity();
    for (const [settings, right, wrong, fields] of [
      [
        ['authorization { user: "joe", password: "p:w" }'],
        (address: string) => ({ natsURL: `nats://joe:p%3Aw@${address}` }),
        (address: string) => ({ natsURL: `nats://joe:no@${address}` }),
        "the user and password in natsURL",
      ],
      [
        ['authorization { token: "secret" }'],
        (address: string) => ({ natsURL: `nats://${address}`, token: "secret" }),
        (address: string) => ({ natsURL: `nats://guess@${address}` }),
        "token",
      ],
      [
        identity.settings,
        (address: string) => ({ natsURL: `nats://${address}`, jwt: identity.jwt, seedKey: identity.seed }),
        (address: string) => ({ natsURL: `nats://${address}`, jwt: identity.jwt, seedKey: identity.strangeSeed }),
        "jwt and seedKey",
      ],
    ] as const) {
      const guarded = (await startBackend("nats", { settings }))!;
      const pubsub = await open(right(guarded.address));
      await assert.rejects(publish(pubsub, "x"), { message: "nats: no response from stream" });
      await pubsub.close();
      await assert.rejects(open(wrong(guarded.address)), (error: Error & { kind?: string }) => {
        assert.ok(error.message.endsWith(`, check ${fields}`), error.message);
        return error.kind === "unauthorized" && !error.message.includes("guess");
      });
      await guarded.stop();
    }
  });
}

import assert from "node:assert/strict";
import { after, test } from "node:test";
import { startBackend } from "../../../scripts/backends.ts";
import { freePort } from "../../../scripts/free-ports.ts";
import type { Binding, BindingEvent } from "../../../src/driver/bindings.ts";
import { createVirtualClock } from "../../../src/kit/virtual-clock.ts";
import { bindingConformance } from "../../../test/conformance/bindings.ts";
import { driverContext } from "../../../test/harness/driver-context.ts";
import { hostPlatform } from "../../../test/harness/host-platform.ts";
import { temporaryFolder } from "../../../test/harness/temporary-folder.ts";
import driver from "./mqtt3.ts";

const platform = await hostPlatform();
const { signal } = new AbortController();
const utf8 = new TextEncoder();
const sleep = (ms: number) => platform.clock.sleep(ms);
async function eventually(check: () => boolean): Promise<void> {
  for (let tries = 0; tries < 1000; tries++) {
    if (check()) return;
    await sleep(20);
  }
  assert.fail("it did not come to pass within 20 s");
}
const unique = (name: string) => `${name}-${crypto.randomUUID().slice(0, 8)}`;
const open = (metadata: Record<string, string>, change = {}): Promise<Binding> =>
  driver.open(new Map(Object.entries(metadata)), driverContext(platform, "mqtt", change)) as Promise<Binding>;
const create = (data: string, metadata: Record<string, string> = {}) => ({
  operation: "create",
  data: utf8.encode(data),
  metadata,
});
/** A handler that keeps what it gets and refuses as long as `refuse` says. */
function inbox(refuse: (text: string, calls: number) => boolean = () => false) {
  const events: (BindingEvent & { readonly text: string })[] = [];
  return {
    events,
    texts: () => events.map(({ text }) => text),
    async handle(event: BindingEvent): Promise<Uint8Array> {
      const text = new TextDecoder().decode(event.data);
      events.push({ ...event, text });
      if (refuse(text, events.length)) throw new Error("not now");
      return new Uint8Array();
    },
  };
}

const server = await startBackend("mosquitto");
if (server === undefined) test("bindings.mqtt3", { skip: "there is no mosquitto" }, () => {});
else {
  after(() => server.stop());
  const url = `tcp://${server.address}`;
  const settings = () => ({ url, topic: unique("t"), consumerID: unique("c"), cleanSession: "true" });

  const shared = settings();
  const source = await open({ ...shared, consumerID: unique("c") });
  after(() => source.close());
  bindingConformance("bindings.mqtt3", () => open({ ...shared, consumerID: unique("c") }), {
    invoke: [{ request: create("x"), check: (answer) => assert.equal(answer, undefined) }],
    async bring() {
      await source.invoke?.(create("event"), signal);
      await sleep(200);
    },
  });

  test("topics of requests, of the component, and of events", async () => {
    const own = settings();
    const reader = await open({ ...own, topic: `${own.topic}/+` });
    const events = inbox();
    await reader.read?.(events.handle, signal);
    const writer = await open({ ...own, consumerID: unique("c"), topic: `${own.topic}/own` });
    await writer.invoke?.(create("1"), signal);
    await writer.invoke?.(create("2", { topic: `${own.topic}/other` }), signal);
    await eventually(() => events.events.length === 2);
    assert.deepEqual(
      events.events.map(({ text, metadata }) => [text, metadata]),
      [
        ["1", { topic: `${own.topic}/own` }],
        ["2", { topic: `${own.topic}/other` }],
      ],
    );
    await assert.rejects(reader.invoke?.(create("x"), signal) ?? Promise.resolve(), {
      message: /^failed to publish: topic ".*\/\+" must not contain "\+" or "#"/,
    });
    await Promise.all([reader.close(), writer.close()]);
  });

  test("an event that the app does not take comes again with the next connection", async () => {
    const own = { ...settings(), cleanSession: "false" };
    const one = await open(own);
    const first = inbox(() => true);
    await one.read?.(first.handle, signal);
    await one.invoke?.(create("x"), signal);
    await eventually(() => first.events.length === 1);
    await one.close();
    const two = await open(own);
    const second = inbox();
    await two.read?.(second.handle, signal);
    await eventually(() => second.events.length === 1);
    await two.close();
    assert.deepEqual([first.texts(), second.texts()], [["x"], ["x"]]);
  });

  test("backOffMaxRetries hands it over again before that", async () => {
    const own = { ...settings(), backOffMaxRetries: "2" };
    const clock = createVirtualClock();
    const binding = await open(own, { clock });
    const events = inbox();
    const refusing = inbox(() => true);
    const reader = await binding.read?.(refusing.handle, signal);
    await binding.invoke?.(create("x"), signal);
    await eventually(() => refusing.events.length === 1);
    for (const calls of [2, 3]) {
      await sleep(20);
      await clock.advance(5000);
      await eventually(() => refusing.events.length === calls);
    }
    await sleep(20);
    await clock.advance(60_000);
    assert.equal(refusing.events.length, 3);
    assert.equal(events.events.length, 0);
    await reader?.close();
    await binding.close();
  });

  test("one reader at a time", async () => {
    const binding = await open(settings());
    const reader = await binding.read?.(inbox().handle, signal);
    await assert.rejects(binding.read?.(inbox().handle, signal) ?? Promise.resolve(), {
      message: "the subscription is already active",
    });
    await reader?.close();
    await (await binding.read?.(inbox().handle, signal))?.close();
    await binding.close();
    await assert.rejects(binding.read?.(inbox().handle, signal) ?? Promise.resolve(), { kind: "closed" });
    await assert.rejects(binding.invoke?.(create("x"), signal) ?? Promise.resolve(), { kind: "closed" });
  });

  test("settings that are missing or wrong are told", async () => {
    const valid = settings();
    for (const [change, message] of [
      [{ url: "" }, /missing url/],
      [{ topic: "" }, /missing topic/],
      [{ consumerID: "" }, /missing consumerID/],
      [{ caCert: "x" }, /^invalid ca certificate$/],
      [{ clientCert: "x" }, /^invalid client certificate$/],
      [{ clientKey: "x" }, /^invalid client certificate key$/],
    ] as const)
      await assert.rejects(open({ ...valid, ...change }), { kind: "badMetadata", message });
    const warnings: string[] = [];
    const log = { debug() {}, info() {}, warn: (line: string) => void warnings.push(line), error() {} };
    await (await open({ ...valid, qos: "2" }, { log })).close();
    assert.equal(warnings.length, 1);
  });

  test("a broker that restarts is found again, from both ends", async () => {
    const data = temporaryFolder().path;
    const port = await freePort();
    let broker = (await startBackend("mosquitto", { port, data }))!;
    const own = { url: `tcp://${broker.address}`, topic: "t", consumerID: unique("c") };
    const binding = await open(own);
    const events = inbox();
    await binding.read?.(events.handle, signal);
    await binding.invoke?.(create("1"), signal);
    await eventually(() => events.events.length === 1);
    await broker.stop();
    const late = binding.invoke?.(create("2"), signal);
    broker = (await startBackend("mosquitto", { port, data }))!;
    await late;
    await eventually(() => events.texts().includes("2"));
    await binding.close();
    await broker.stop();
  });
}

import assert from "node:assert/strict";
import { test } from "node:test";
import type { Binding, BindingEvent, BindingHandler } from "../../driver/bindings.ts";
import { decodeUtf8, encodeUtf8 } from "../../kit/bytes.ts";
import { createVirtualClock } from "../../kit/virtual-clock.ts";
import { createBindings } from "./bindings.ts";
import { type BindingApp, type EventAnswer, EventError, type OpenBinding } from "./ports.ts";

interface Options {
  readonly wants?: BindingApp["wants"];
  readonly deliver?: (name: string, event: BindingEvent, signal: AbortSignal) => Promise<EventAnswer>;
  readonly hasApp?: boolean;
}

/** Sources "a" and "explicit", an output "out" that notes what it gets, one "broken" that cannot create. */
function world({ wants, deliver, hasApp = true }: Options = {}) {
  const handlers = new Map<string, BindingHandler>();
  const logged: string[] = [];
  const measured: unknown[] = [];
  const sent: string[] = [];
  const asked: string[] = [];
  const clock = createVirtualClock();
  const source = (name: string): Binding => ({
    operations: [],
    async read(handle) {
      handlers.set(name, handle);
      return { close: async () => void handlers.delete(name) };
    },
    async close() {},
  });
  const sink = (name: string): Binding => ({
    operations: ["create"],
    async invoke({ operation, data }) {
      if (name === "broken") throw new Error("out of order");
      sent.push(`${name} ${operation} ${decodeUtf8(data)}`);
      return null;
    },
    async close() {},
  });
  const open = (name: string, binding: Binding, isExplicitInput = false): OpenBinding => ({
    name,
    binding,
    isInput: binding.read !== undefined,
    isOutput: binding.invoke !== undefined,
    isExplicitInput,
    route: name,
  });
  const all = new Map(
    [
      open("a", source("a")),
      open("explicit", source("explicit"), true),
      open("out", sink("out")),
      open("broken", sink("broken")),
    ].map((one) => [one.name, one]),
  );
  const app: BindingApp = {
    async wants(binding, signal) {
      asked.push(binding.name);
      return wants === undefined ? true : wants(binding, signal);
    },
    deliver: (binding, event, policy, signal) =>
      policy(
        async (attempt) => (deliver === undefined ? { body: event.data } : deliver(binding.name, event, attempt)),
        signal,
      ),
  };
  const log = (message: string) => void logged.push(message);
  const bindings = createBindings({
    bindings: { find: (name) => all.get(name), list: () => [...all.values()] },
    app: () => (hasApp ? app : undefined),
    inbound: () => (run, signal) => run(signal),
    probeTimeoutMs: 3000,
    clock,
    log: { debug: () => undefined, info: log, warn: log, error: log },
    meter: { inputBinding: (...counted) => measured.push(counted), outputBinding: () => undefined },
  });
  const bring = async (name: string, data = "d"): Promise<string> => {
    const handle = handlers.get(name);
    if (handle === undefined) throw new Error(`nobody reads ${name}`);
    return decodeUtf8(await handle({ data: encodeUtf8(data), metadata: {} }));
  };
  return { inputs: bindings.inputs, handlers, bring, logged, measured, sent, asked, clock, all, open, source };
}

test("bindings are read that the app wants, or that say they are inputs", async () => {
  const { inputs, handlers, bring, asked, logged, measured } = world({ wants: async () => false });
  await inputs.start();
  assert.deepEqual(asked, ["a"]);
  assert.deepEqual([...handlers.keys()], ["explicit"]);
  assert.deepEqual(logged, ["app has not subscribed to binding a."]);
  assert.equal(await bring("explicit", "hello"), "hello");
  assert.deepEqual(measured, [["explicit", true, 0]]);
});

test("an app that gives no answer in time gets no events of that binding", async () => {
  const { inputs, handlers, clock, logged } = world({
    wants: (_, signal) =>
      new Promise((_resolve, reject) => signal.addEventListener("abort", () => reject(signal.reason))),
  });
  const starting = inputs.start();
  await clock.advance(3000);
  await starting;
  assert.deepEqual([...handlers.keys()], ["explicit"]);
  assert.deepEqual(logged, ["failed to read from bindings: a: context deadline exceeded"]);
});

test("without an app nothing is read", async () => {
  const { inputs, handlers, logged } = world({ hasApp: false });
  await inputs.start();
  assert.equal(handlers.size, 0);
  assert.deepEqual(logged, ["failed to read from bindings: app channel not initialized"]);
});

test("reading stops with the app's health, comes back with it, and ends for good", async () => {
  const { inputs, handlers } = world();
  await inputs.start();
  assert.equal(handlers.size, 2);
  await inputs.pause();
  assert.equal(handlers.size, 0);
  await inputs.start();
  assert.equal(handlers.size, 2);
  await inputs.stop();
  assert.equal(handlers.size, 0);
  await inputs.start();
  assert.equal(handlers.size, 0);
});

test("a binding that was replaced or went is read anew or no more", async () => {
  const { inputs, handlers, all, open, source } = world();
  await inputs.start();
  const before = handlers.get("a");
  all.set("a", open("a", source("a")));
  await inputs.reload("a");
  assert.ok(handlers.get("a") !== undefined && handlers.get("a") !== before);
  all.delete("a");
  await inputs.reload("a");
  assert.deepEqual([...handlers.keys()], ["explicit"]);
  all.set("late", open("late", source("late")));
  await inputs.reload("late");
  assert.ok(handlers.has("late"));
});

test("an event that the app refuses is refused to the source", async () => {
  const { inputs, bring, measured } = world({
    deliver: async () => {
      throw new EventError("no", { code: 500 });
    },
  });
  await inputs.start();
  await assert.rejects(bring("a"), { message: "no" });
  assert.deepEqual(measured, [["a", false, 0]]);
});

test("closing waits for events in the app and takes no new ones", async () => {
  const hold = Promise.withResolvers<EventAnswer>();
  const { inputs, handlers, bring } = world({ deliver: () => hold.promise });
  await inputs.start();
  const handle = handlers.get("a");
  const inApp = bring("a");
  let isStopped = false;
  const stopping = inputs.stop().then(() => {
    isStopped = true;
  });
  for (let turn = 0; turn < 20; turn++) await undefined;
  assert.equal(isStopped, false);
  await assert.rejects(handle?.({ data: new Uint8Array(), metadata: {} }) ?? Promise.resolve(), {
    message: "input binding is closed",
  });
  hold.resolve({ body: encodeUtf8("done") });
  assert.equal(await inApp, "done");
  await stopping;
});

test("an app that hangs is given up after 30 s", async () => {
  const { inputs, bring, clock, logged } = world({
    deliver: (_name, _event, signal) =>
      new Promise((_resolve, reject) => signal.addEventListener("abort", () => reject(signal.reason))),
  });
  await inputs.start();
  const refused = assert.rejects(bring("a"), { message: "input binding drain ceiling exceeded" });
  const stopping = inputs.stop();
  await clock.advance(29_999);
  assert.deepEqual(logged, []);
  await clock.advance(1);
  await stopping;
  await refused;
  assert.deepEqual(logged, ["drain exceeded 30s; giving up the events of binding a in the app"]);
});

test("the app's answer goes on to other bindings; what fails there is logged", async () => {
  const to = ["out", "broken", "out"];
  for (const isParallel of [false, true]) {
    const { inputs, bring, sent, logged } = world({
      deliver: async () => ({ body: encodeUtf8("b"), forward: { to, isParallel, data: encodeUtf8("{}") } }),
    });
    await inputs.start();
    assert.equal(await bring("a"), "b");
    assert.deepEqual(sent, isParallel ? ["out create {}", "out create {}"] : ["out create {}"]);
    assert.deepEqual(logged, [isParallel ? "out of order" : "error executing app response: out of order"]);
  }
});

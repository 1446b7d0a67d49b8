import assert from "node:assert/strict";
import { test } from "node:test";
import type { DriverContext } from "../driver/context.ts";
import type { Catalog, Driver } from "../driver/define.ts";
import { createVirtualClock } from "../kit/virtual-clock.ts";
import type { Platform } from "../platform/types.ts";
import type { Log } from "../telemetry/ports.ts";
import type { ComponentResource } from "./component.ts";
import { createComponents } from "./components.ts";

const resource = (name: string, type: string, more: Partial<ComponentResource> = {}): ComponentResource => ({
  name,
  namespace: "",
  type,
  version: "v1",
  metadata: [],
  secretStore: "",
  ignoreErrors: false,
  initTimeoutMs: 5000,
  ...more,
});
const withSecret = (name: string, more: Partial<ComponentResource> = {}) =>
  resource(name, "state.fake", {
    secretStore: "vault",
    metadata: [{ name: "password", value: undefined, secretKeyRef: { name: "db", key: "pass" }, envRef: undefined }],
    ...more,
  });

/** A table over drivers that note what becomes of them. */
function world() {
  const events: string[] = [];
  const lines: string[] = [];
  const secrets: { value: string | undefined } = { value: "first" };
  const note = (line: string): void => void lines.push(line);
  const log: Log = {
    debug: () => {},
    info: note,
    warn: note,
    error: note,
    fatal: note,
    scope: () => log,
    level: "info",
  };
  const driver = (type: string, instance: (context: DriverContext) => object): Driver =>
    ({
      type,
      versions: ["v1"],
      needs: [],
      async open(properties: ReadonlyMap<string, string>, context: DriverContext) {
        if (properties.get("password") === "wrong") throw new Error("wrong password");
        events.push(`open ${context.name}`);
        return { features: [], ...instance(context), close: async () => void events.push(`close ${context.name}`) };
      },
    }) as unknown as Driver;
  const vault = driver("secretstores.fake", () => ({
    async get() {
      if (secrets.value === undefined) throw new Error("the vault is away");
      return { pass: secrets.value };
    },
  }));
  const store = driver("state.fake", () => ({}));
  const catalog = {
    "secretstores.fake": async () => ({ default: vault }),
    "state.fake": async () => ({ default: store }),
  } as unknown as Catalog;
  const components = createComponents({
    catalog,
    platform: { env: {} } as Platform,
    clock: createVirtualClock(0),
    log,
    meter: { loaded: () => {}, initialized: () => {}, initFailed: () => {} },
    context: ({ name }) => ({ name }) as DriverContext,
    expand: (properties) => new Map([...properties].map(([name, value]) => [name, value.replace("{n}", "7")])),
    guard: (_category, _resource, instance) => instance,
    onLoaded({ name }) {
      if (name === "refused") throw new Error("not this one");
    },
    onChanged({ name }) {
      const isLeaving = components.findLeaving("state", name) !== undefined;
      events.push(`changed ${name} ${components.find("state", name) !== undefined}${isLeaving ? " leaving" : ""}`);
    },
  });
  return { components, secrets, events: () => events.splice(0), lines: () => lines.splice(0) };
}

test("who depends on a component is told when it is there, and when it is gone but not yet closed", async () => {
  const { components, events } = world();
  assert.equal(await components.apply(resource("a", "state.fake")), true);
  assert.deepEqual(events(), ["open a", "changed a true"]);
  assert.equal(components.has("a"), true);
  await components.unload("a");
  assert.deepEqual(events(), ["changed a false leaving", "close a"]);
  assert.equal(components.has("a"), false);
  assert.equal(components.findLeaving("state", "a"), undefined);
  await components.unload("a");
  assert.deepEqual(events(), []);
});

test("what waits for a secret store loads with it, in its last form; what was unloaded does not", async () => {
  const { components, events } = world();
  assert.equal(await components.apply(withSecret("a")), true);
  await components.apply(withSecret("a"));
  await components.apply(withSecret("b"));
  assert.deepEqual([components.has("a"), components.find("state", "a")], [true, undefined]);
  await components.unload("b");
  assert.equal(components.has("b"), false);
  await components.apply(resource("vault", "secretstores.fake"));
  assert.deepEqual(events(), ["open vault", "changed vault false", "open a", "changed a true"]);
  assert.equal(components.find("state", "a")?.properties.get("password"), "first");
});

test("what waited and fails is judged by itself, not by its secret store", async () => {
  const { components, secrets, lines } = world();
  secrets.value = "wrong";
  await components.apply(withSecret("a", { ignoreErrors: true }));
  assert.equal(await components.apply(resource("vault", "secretstores.fake")), true);
  assert.deepEqual([components.has("vault"), components.has("a")], [true, false]);
  assert.ok(
    lines().some((line) => line.startsWith("Ignoring error processing component: process component a error: ")),
  );
  await assert.rejects(components.apply(withSecret("b")), /^Error: process component b error: .*wrong password$/);
});

test("a component is current until its secret is another; a vault that is away changes nothing", async () => {
  const { components, secrets } = world();
  secrets.value = "with {n}";
  await components.loadAll([withSecret("a"), resource("vault", "secretstores.fake"), resource("plain", "state.fake")]);
  assert.equal(components.find("state", "a")?.properties.get("password"), "with 7");
  assert.deepEqual([await components.isCurrent("a"), await components.isCurrent("plain")], [true, true]);
  secrets.value = undefined;
  assert.equal(await components.isCurrent("a"), true);
  secrets.value = "";
  assert.equal(await components.isCurrent("a"), true);
  secrets.value = "second";
  assert.equal(await components.isCurrent("a"), false);
});

test("components are listed in the order of their files, whichever came up first", async () => {
  const { components } = world();
  await components.loadAll(
    [resource("c", "state.fake"), resource("v", "secretstores.fake"), withSecret("b"), resource("a", "state.fake")].map(
      (each) => ({ ...each, secretStore: each.secretStore === "" ? "" : "v" }),
    ),
  );
  assert.deepEqual(
    components.list().map(({ name }) => name),
    ["v", "c", "b", "a"],
  );
});

test("a component without a name is left out; one without a time limit above zero fails", async () => {
  const { components, lines } = world();
  await components.loadAll([resource("", "state.fake")]);
  assert.deepEqual(components.list(), []);
  assert.match(lines().join(), /Component of type "state\.fake" is not loaded: it has no metadata\.name/);
  await assert.rejects(
    components.loadAll([resource("late", "state.fake", { initTimeoutMs: 0 })]),
    /: init timeout for component late/,
  );
});

test("a secret without the name of a store is left empty", async () => {
  const { components } = world();
  await components.loadAll([withSecret("alone", { secretStore: "" })]);
  assert.equal(components.find("state", "alone")?.properties.get("password"), "");
});

test("what is refused when it has come up is closed, and told as a failure to start", async () => {
  const { components, events } = world();
  const what = "\\[INIT_COMPONENT_FAILURE\\]: initialization error occurred for refused \\(state\\.fake/v1\\): ";
  await assert.rejects(components.apply(resource("refused", "state.fake")), new RegExp(`${what}${what}not this one`));
  assert.deepEqual(events(), ["open refused", "close refused"]);
});

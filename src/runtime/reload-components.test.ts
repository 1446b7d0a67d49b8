import assert from "node:assert/strict";
import { test } from "node:test";
import type { Component } from "../config/resource/component.ts";
import type { NameValue } from "../config/resource/name-value.ts";
import type { ComponentResource, LoadedComponent } from "../host/component.ts";
import type { Log } from "../telemetry/ports.ts";
import { createComponentReload } from "./reload-components.ts";

const item = (name: string, value: string): NameValue => ({
  name,
  value,
  secretKeyRef: undefined,
  envRef: undefined,
});
const secret = (name: string): NameValue => ({ ...item(name, ""), value: undefined, secretKeyRef: { name, key: "" } });
const component = (name: string, type = "state.x", metadata: readonly NameValue[] = []): Component => ({
  kind: "Component",
  name,
  namespace: "",
  scopes: [],
  source: { file: "a.yaml", line: 1 },
  type,
  version: "v1",
  ignoreErrors: false,
  initTimeout: "",
  initTimeoutMs: 5000,
  secretStore: "",
  metadata,
});
const marked = (name: string): Component => component(name, "state.x", [item("ActorStateStore", "true")]);

/** A component table that notes what is asked of it. */
function world(initial: readonly Component[], denied: readonly string[] = []) {
  const loaded = new Map<string, ComponentResource>(initial.map((one) => [one.name, one]));
  const steps: string[] = [];
  const lines: string[] = [];
  const failing = new Set<string>();
  const ignored = new Set<string>();
  const outdated = new Set<string>();
  const write =
    (level: string) =>
    (line: string): void =>
      void lines.push(`${level}: ${line}`);
  const log: Log = {
    debug: () => undefined,
    info: write("info"),
    warn: write("warn"),
    error: write("error"),
    fatal: write("fatal"),
    scope: () => log,
    level: "info",
  };
  const list = (): LoadedComponent[] =>
    [...loaded.values()].map(
      (resource) =>
        ({
          ...resource,
          resource,
          category: resource.type.split(".")[0],
          properties: new Map(resource.metadata.map(({ name, value }) => [name, value ?? ""])),
        }) as unknown as LoadedComponent,
    );
  const apply = createComponentReload({
    components: {
      has: (name) => loaded.has(name),
      isCurrent: async (name) => !outdated.has(name),
      list,
      async apply(resource) {
        steps.push(`open ${resource.name}`);
        if (failing.has(resource.name)) throw new Error(`${resource.name} failed`);
        if (ignored.has(resource.name)) return false;
        loaded.set(resource.name, resource);
        outdated.delete(resource.name);
        return true;
      },
      async unload(name) {
        steps.push(`close ${name}`);
        loaded.delete(name);
      },
    },
    initial,
    change: async (found) => found,
    isDenied: ({ type }) => denied.includes(type),
    log,
  });
  const taken = () => steps.splice(0);
  return { apply, steps: taken, lines: () => lines.splice(0), loaded, failing, ignored, outdated };
}

test("deletes come before updates, updates before creates; what is unchanged is left alone", async () => {
  const { apply, steps, lines, loaded } = world([component("gone"), component("same"), component("new-type")]);
  await apply([component("created"), component("new-type", "pubsub.y"), component("same")]);
  assert.deepEqual(steps(), ["close gone", "close new-type", "open new-type", "open created"]);
  assert.deepEqual([...loaded.keys()].sort(), ["created", "new-type", "same"]);
  assert.deepEqual(lines(), [
    "info: Closing existing Component to reload: new-type (state.x/v1)",
    "info: Adding Component for processing: new-type (pubsub.y/v1)",
    "info: Component updated: new-type (pubsub.y/v1)",
    "info: Adding Component for processing: created (state.x/v1)",
    "info: Component updated: created (state.x/v1)",
  ]);
  await apply([component("created"), component("new-type", "pubsub.y"), component("same")]);
  assert.deepEqual(steps(), []);
});

test("secret stores of a group come first", async () => {
  const { apply, steps } = world([]);
  await apply([component("a"), component("z", "secretstores.y"), component("b")]);
  assert.deepEqual(steps(), ["open z", "open a", "open b"]);
});

test("one that failed and may is tried again with the next look, one that may not ends all", async () => {
  const { apply, steps, ignored, failing } = world([component("a")]);
  ignored.add("a");
  const changed = component("a", "state.broken");
  await apply([changed]);
  await apply([changed]);
  assert.deepEqual(steps(), ["close a", "open a", "open a"]);
  ignored.delete("a");
  failing.add("a");
  await assert.rejects(apply([changed]), /^Error: a failed$/);
});

test("a denied component is closed, and said to be ignored once for each form", async () => {
  const { apply, steps, lines } = world([component("a")], ["state.bad"]);
  const warning = "warn: Received unauthorized component update, ignored: a (state.bad/v1)";
  await apply([component("a", "state.bad")]);
  assert.deepEqual(steps(), ["close a"]);
  assert.deepEqual(lines(), ["info: Closing existing Component to reload: a (state.x/v1)", warning]);
  await apply([component("a", "state.bad")]);
  assert.deepEqual(lines(), []);
  await apply([component("a", "state.bad", [item("x", "y")])]);
  assert.deepEqual(lines(), [warning]);
  await apply([component("a")]);
  assert.deepEqual(steps(), ["open a"]);
  await apply([component("a", "state.bad")]);
  assert.deepEqual(steps(), ["close a"]);
});

test("a changed secret opens a component anew, without a change of its file", async () => {
  const one = component("a", "state.x", [secret("password")]);
  const { apply, steps, outdated } = world([one, component("b", "state.x", [item("plain", "text")])]);
  outdated.add("a").add("b");
  const wanted = [one, component("b", "state.x", [item("plain", "text")])];
  await apply(wanted);
  assert.deepEqual(steps(), ["close a", "open a"]);
  await apply(wanted);
  assert.deepEqual(steps(), []);
});

test("a second actor state store waits until the place is free", async () => {
  const { apply, steps, lines, loaded } = world([marked("first")]);
  const skipped =
    "error: Skipping hot reload of second (state.x/v1): first is already the actor state store, only one actor state store is allowed. The component will be applied if first is removed";
  await apply([marked("first"), marked("second")]);
  await apply([marked("first"), marked("second")]);
  assert.deepEqual(steps(), []);
  assert.deepEqual(lines(), [skipped]);
  await apply([marked("second")]);
  assert.deepEqual(steps(), ["close first", "open second"]);
  assert.equal(lines()[0], "info: Applying previously skipped actor state store: second (state.x/v1)");
  assert.deepEqual([...loaded.keys()], ["second"]);
});

test("an update that gives up the place lets the one that waits have it; one that went away meanwhile is forgotten", async () => {
  const { apply, steps } = world([marked("first")]);
  await apply([marked("first"), marked("second")]);
  await apply([component("first"), marked("second")]);
  assert.deepEqual(steps(), ["close first", "open first", "open second"]);
  await apply([component("first"), marked("second"), marked("third")]);
  await apply([component("first"), marked("second")]);
  await apply([component("first")]);
  assert.deepEqual(steps(), ["close second"]);
});

test("a rename of the actor state store is a delete, then a create", async () => {
  const { apply, steps, lines } = world([marked("old")]);
  await apply([marked("new")]);
  assert.deepEqual(steps(), ["close old", "open new"]);
  assert.ok(lines().every((line) => !line.startsWith("error")));
});

import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { Component } from "../config/resource/component.ts";
import type { ConfigurationManifestFile } from "../config/resource/kind.ts";
import { differenceOf, isNoDifference, isSameResource } from "./reload-difference.ts";

const component = (name: string, type = "state.in-memory", more: Partial<Component> = {}): Component => ({
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
  metadata: [],
  ...more,
});

test("place and namespace of a resource are no change, all else is", () => {
  const one = component("a");
  assert.ok(isSameResource(one, component("a", "state.in-memory", { source: { file: "b.yaml", line: 7 } })));
  assert.ok(isSameResource(one, component("a", "state.in-memory", { namespace: "prod" })));
  for (const change of [{ scopes: ["x"] }, { version: "v2" }, { ignoreErrors: true }, { secretStore: "s" }]) {
    assert.ok(!isSameResource(one, component("a", "state.in-memory", change)), JSON.stringify(change));
  }
});

test("of a configuration only the spec counts", () => {
  const configuration = (value: unknown): ConfigurationManifestFile => ({
    kind: "Configuration",
    name: "c",
    namespace: "",
    scopes: [],
    source: { file: "c.yaml", line: 1 },
    value,
  });
  const one = configuration({ metadata: { name: "c" }, spec: { tracing: { samplingRate: "1", stdout: true } } });
  const moved = configuration({
    spec: { tracing: { stdout: true, samplingRate: "1" } },
    metadata: { name: "c", labels: { x: "y" } },
  });
  assert.ok(isSameResource(one, moved));
  assert.ok(!isSameResource(one, configuration({ spec: { tracing: { samplingRate: "0", stdout: true } } })));
});

test("any two sets of resources: their difference leads from one to the other, and is none when they are the same", () => {
  const list = fc.uniqueArray(
    fc.record({ name: fc.constantFrom("a", "b", "c", "d", "e"), type: fc.constantFrom("state.x", "pubsub.y") }),
    { selector: ({ name }) => name },
  );
  fc.assert(
    fc.property(list, list, (from, to) => {
      const inUse = from.map(({ name, type }) => component(name, type));
      const wanted = to.map(({ name, type }) => component(name, type));
      const { deleted, updated, created } = differenceOf(inUse, wanted);
      const result = new Map(inUse.map((one) => [one.name, one.type]));
      for (const { name } of deleted) assert.ok(result.delete(name));
      for (const { name, type } of updated) {
        assert.notEqual(result.get(name), type);
        result.set(name, type);
      }
      for (const { name, type } of created) {
        assert.ok(!result.has(name));
        result.set(name, type);
      }
      assert.deepEqual(result, new Map(wanted.map((one) => [one.name, one.type])));
      assert.ok(isNoDifference(differenceOf(wanted, [...wanted].reverse())));
    }),
  );
});

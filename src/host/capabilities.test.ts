import assert from "node:assert/strict";
import { test } from "node:test";
import type { Contracts } from "../driver/define.ts";
import { capabilitiesOf } from "./capabilities.ts";

const none = new Map<string, string>();

test("an instance's features are its capabilities, those of a pluggable broker too", () => {
  const broker = { features: ["MESSAGE_TTL", "BULK_PUBLISH"] } as unknown as Contracts["pubsub"];
  assert.deepEqual(capabilitiesOf("pubsub", broker, none), ["MESSAGE_TTL", "BULK_PUBLISH"]);
  const store = { features: ["ETAG", "TRANSACTIONAL"] } as unknown as Contracts["state"];
  assert.deepEqual(capabilitiesOf("state", store, none), ["ETAG", "TRANSACTIONAL", "ACTOR"]);
});

test("a binding can do what it has and what its component does not rule out", () => {
  const both = { read: async () => ({}), invoke: async () => ({}) } as unknown as Contracts["bindings"];
  assert.deepEqual(capabilitiesOf("bindings", both, none), ["INPUT_BINDING", "OUTPUT_BINDING"]);
  assert.deepEqual(capabilitiesOf("bindings", both, new Map([["direction", "output"]])), ["OUTPUT_BINDING"]);
});

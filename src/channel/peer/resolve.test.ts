import assert from "node:assert/strict";
import { test } from "node:test";
import { createSeededRandom } from "../../kit/seeded-random.ts";
import { createVirtualClock } from "../../kit/virtual-clock.ts";
import { createPeerResolver, type Resolver } from "./resolve.ts";

const app = { appId: "app", namespace: "ns" };
const call = { signal: new AbortController().signal };

function start(...resolvers: Resolver["resolve"][]) {
  const clock = createVirtualClock();
  const random = createSeededRandom(7);
  const resolver = createPeerResolver({
    resolvers: resolvers.map((resolve) => ({ resolve })),
    clock,
    random,
    port: 50002,
  });
  return { clock, resolver };
}

test("several addresses are kept for 20 seconds and taken in turn by chance", async () => {
  let asked = 0;
  const { clock, resolver } = start(async (request) => {
    asked++;
    assert.deepEqual(request, { ...app, port: 50002, data: {} });
    return ["10.0.0.1:1", "10.0.0.2:1", "10.0.0.3:1"];
  });
  const seen = new Set<string>();
  for (let round = 0; round < 60; round++) seen.add(await resolver.resolve(app, call));
  assert.equal(seen.size, 3);
  assert.equal(asked, 1);
  await clock.advance(20_001);
  await resolver.resolve(app, call);
  assert.equal(asked, 2);
  resolver.forget(app, "10.0.0.1:1");
  await resolver.resolve(app, call);
  assert.equal(asked, 3);
});

test("one address that is at hand is answered at once; of none or several the resolver is asked", async () => {
  let known: string[] = ["10.0.0.1:1"];
  const resolver = createPeerResolver({
    resolvers: [{ known: () => known, resolve: async () => ["10.0.0.2:1"] }],
    clock: createVirtualClock(),
    random: createSeededRandom(7),
    port: 50002,
  });
  assert.equal(resolver.resolve(app, call), "10.0.0.1:1");
  known = [];
  assert.equal(await resolver.resolve(app, call), "10.0.0.2:1");
  known = ["10.0.0.1:1", "10.0.0.3:1"];
  assert.equal(await resolver.resolve(app, call), "10.0.0.2:1");
});

test("what a later resolver has at hand comes behind the answer of the first", async () => {
  const resolver = createPeerResolver({
    resolvers: [{ resolve: async () => ["10.0.0.1:1"] }, { known: () => ["10.0.0.2:1"], resolve: async () => [] }],
    clock: createVirtualClock(),
    random: createSeededRandom(7),
    port: 50002,
  });
  assert.equal(await resolver.resolve(app, call), "10.0.0.1:1");
});

test("a single address is asked for each time", async () => {
  let asked = 0;
  const { resolver } = start(async () => [`10.0.0.${++asked}:1`]);
  assert.equal(await resolver.resolve(app, call), "10.0.0.1:1");
  assert.equal(await resolver.resolve(app, call), "10.0.0.2:1");
});

test("resolvers are asked in order; the last failure counts", async () => {
  const failing = async (): Promise<string[]> => {
    throw new Error("not here");
  };
  const found = start(
    failing,
    async () => [],
    async () => ["10.0.0.9:1"],
  );
  assert.equal(await found.resolver.resolve(app, call), "10.0.0.9:1");
  const lost = start(async () => [], failing);
  await assert.rejects(async () => lost.resolver.resolve(app, call), /^Error: not here$/);
});

test("an empty answer is asked for again, five times", async () => {
  let asked = 0;
  const { clock, resolver } = start(async () => {
    asked++;
    return [];
  });
  const pending = Promise.resolve(resolver.resolve(app, call));
  const outcome = assert.rejects(pending, /resolver returned empty address for app id ns\/app/);
  await clock.advance(500);
  await outcome;
  assert.equal(asked, 6);
});

test("resolvers hear of an address that did not answer", async () => {
  const heard: string[] = [];
  const resolver = createPeerResolver({
    resolvers: [
      { resolve: async () => [] },
      { resolve: async () => ["10.0.0.1:1"], unreachable: (appId, address) => void heard.push(`${appId} ${address}`) },
    ],
    clock: createVirtualClock(),
    random: createSeededRandom(7),
    port: 50002,
  });
  resolver.forget(app, await resolver.resolve(app, call));
  assert.deepEqual(heard, ["app 10.0.0.1:1"]);
});

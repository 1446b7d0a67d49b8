import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { DriverError } from "../driver/errors.ts";
import type { PubSub } from "../driver/pubsub.ts";
import type { StateSet, StateStore } from "../driver/state.ts";
import { createSeededRandom } from "../kit/seeded-random.ts";
import { createVirtualClock } from "../kit/virtual-clock.ts";
import { createPolicy } from "../resiliency/policy.ts";
import { retryDefaults } from "../resiliency/retry.ts";
import { type CodeMatch, readCodeMatch } from "../resiliency/status-codes.ts";
import { underPolicy } from "./guard-policy.ts";

const nothing = (): void => undefined;
const log = { debug: nothing, info: nothing, warn: nothing, error: nothing };
const { signal } = new AbortController();

function policies(maxRetries: number, timeoutMs = 0, match?: CodeMatch) {
  const clock = createVirtualClock();
  const retry = { ...retryDefaults, pauseMs: 10, maxRetries, ...(match && { match }) };
  const ports = { clock, random: createSeededRandom(1), log };
  const policy = createPolicy({ name: "s", timeoutMs, retry, breaker: undefined, meter: undefined }, ports);
  return { clock, resiliency: { outbound: () => policy } };
}
const absent = (): Promise<never> => Promise.reject(new DriverError("unsupported", "not here"));
const store = (more: Partial<StateStore>): StateStore => ({
  features: ["ETAG"],
  get: absent,
  set: absent,
  delete: absent,
  close: async () => undefined,
  ...more,
});
const set = (key: string): StateSet => ({
  key,
  value: { bytes: new Uint8Array(), binary: true },
  etag: null,
  concurrency: "",
  consistency: "",
  metadata: {},
});

test("without a policy the instance is the same one", () => {
  const plain = store({});
  assert.equal(underPolicy("state", "s", plain, { outbound: () => undefined }), plain);
});

test("operations are repeated, with the signal of their try", async () => {
  const { clock, resiliency } = policies(3, 1_000);
  let tries = 0;
  const guarded = underPolicy(
    "state",
    "s",
    store({
      async get({ key }, limited) {
        assert.notEqual(limited, signal);
        if (++tries < 3) throw new DriverError("unavailable", "down");
        return { bytes: new TextEncoder().encode(key), etag: null, metadata: {} };
      },
    }),
    resiliency,
  );
  const reading = guarded.get({ key: "k", consistency: "", metadata: {} }, signal);
  await clock.advance(100);
  assert.equal(new TextDecoder().decode((await reading)?.bytes), "k");
  assert.equal(guarded.bulkSet, undefined);
  assert.deepEqual(guarded.features, ["ETAG"]);
});

test("what cannot succeed is not repeated", async () => {
  for (const kind of ["etagMismatch", "etagInvalid", "badRequest", "unsupported", "notFound", "tooLarge"] as const) {
    const { clock, resiliency } = policies(-1);
    let tries = 0;
    const failing = (): Promise<never> => {
      tries++;
      return Promise.reject(new DriverError(kind, "no"));
    };
    const guarded = underPolicy("state", "s", store({ set: failing, transact: failing }), resiliency);
    const refused = [guarded.set(set("k"), signal), guarded.transact?.([], {}, signal)].map((outcome) =>
      assert.rejects(outcome ?? Promise.resolve(), (error) => DriverError.is(error) && error.kind === kind),
    );
    await clock.advance(1_000);
    await Promise.all(refused);
    assert.equal(tries, 2, kind);
  }
});

test("of a bulk only those items are sent again that failed and may succeed", async () => {
  const plan = fc.array(fc.oneof(fc.nat(4), fc.constant("etag" as const)), { minLength: 1, maxLength: 12 });
  await fc.assert(
    fc.asyncProperty(plan, fc.nat(4), async (failures, maxRetries) => {
      const { clock, resiliency } = policies(maxRetries);
      const sent = new Map<string, number>();
      const requests = failures.map((_, at) => set(String(at)));
      const bulkSet = async (some: readonly StateSet[]): Promise<readonly (Error | null)[]> =>
        some.map(({ key }) => {
          const times = (sent.get(key) ?? 0) + 1;
          sent.set(key, times);
          const wanted = failures[Number(key)] ?? 0;
          if (wanted === "etag") return new DriverError("etagMismatch", `etag of ${key}`);
          return times <= wanted ? new DriverError("failed", `${key} failed`) : null;
        });
      const saving = underPolicy("state", "s", store({ bulkSet }), resiliency).bulkSet?.(requests, signal);
      await clock.advance(1_000);
      const outcome = await saving;
      for (const [at, wanted] of failures.entries()) {
        const expected = wanted === "etag" ? 1 : Math.min(wanted, maxRetries) + 1;
        assert.equal(sent.get(String(at)), expected);
        const isDone = wanted !== "etag" && wanted <= maxRetries;
        assert.equal(outcome?.[at] instanceof Error, !isDone);
      }
    }),
  );
});

test("a bulk that fails as a whole is repeated as a whole, and rejects in the end", async () => {
  const { clock, resiliency } = policies(2);
  let tries = 0;
  const bulkDelete = (): Promise<never> => {
    tries++;
    return Promise.reject(new DriverError("unavailable", "down"));
  };
  const guarded = underPolicy("state", "s", store({ bulkDelete }), resiliency);
  const refused = assert.rejects(guarded.bulkDelete?.([], signal) ?? Promise.resolve(), { message: "down" });
  await clock.advance(1_000);
  await refused;
  assert.equal(tries, 3);
});

test("a store that fails after some items were saved keeps their outcome", async () => {
  const { clock, resiliency } = policies(1);
  let tries = 0;
  const bulkSet = async (): Promise<readonly (Error | null)[]> => {
    if (++tries === 2) throw new DriverError("unavailable", "down");
    return [null, new DriverError("failed", "first")];
  };
  const saving = underPolicy("state", "s", store({ bulkSet }), resiliency).bulkSet?.([set("a"), set("b")], signal);
  await clock.advance(1_000);
  assert.deepEqual(
    (await saving)?.map((error) => error?.message),
    [undefined, "down"],
  );
});

test("a bulk that takes too long fails its open items with the timeout", async () => {
  const { clock, resiliency } = policies(0, 50);
  const bulkSet = (): Promise<never> => new Promise(() => undefined);
  const saving = underPolicy("state", "s", store({ bulkSet }), resiliency).bulkSet?.([set("a")], signal);
  const refused = assert.rejects(saving ?? Promise.resolve(), { message: "context deadline exceeded" });
  await clock.advance(50);
  await refused;
});

test("bulk publishing repeats the entries that failed and answers those that still do", async () => {
  const { clock, resiliency } = policies(2);
  const seen: string[][] = [];
  const broker: PubSub = {
    features: ["BULK_PUBLISH"],
    publish: absent,
    async bulkPublish(_topic, entries) {
      seen.push(entries.map(({ entryId }) => entryId));
      return entries
        .filter(({ entryId }) => entryId === "never" || (entryId === "once" && seen.length === 1))
        .map(({ entryId }) => ({ entryId, error: new DriverError("failed", `no ${entryId}`) }));
    },
    subscribe: absent,
    close: async () => undefined,
  };
  const entries = ["good", "once", "never"].map((entryId) => ({
    entryId,
    data: new Uint8Array(),
    contentType: "",
    metadata: {},
  }));
  const publishing = underPolicy("pubsub", "b", broker, resiliency).bulkPublish?.("t", entries, {}, signal);
  await clock.advance(100);
  assert.deepEqual(
    (await publishing)?.map(({ entryId, error }) => `${entryId}: ${error.message}`),
    ["never: no never"],
  );
  assert.deepEqual(seen, [["good", "once", "never"], ["once", "never"], ["never"]]);
});

test("a publish is repeated by the code of its component, as the publisher's API knows it", async () => {
  const cases = [
    ["grpc", 14, 3],
    ["grpc", 9, 1],
    ["http", 14, 3],
    ["http", 9, 1],
  ] as const;
  for (const [wire, code, expected] of cases) {
    const { clock, resiliency } = policies(2, 0, readCodeMatch("500-599", "14"));
    let tries = 0;
    const refuse = (): Promise<never> => {
      tries++;
      return Promise.reject(new DriverError("failed", "no", { code }));
    };
    const broker: PubSub = {
      features: [],
      publish: refuse,
      bulkPublish: refuse,
      subscribe: absent,
      close: async () => undefined,
    };
    const guarded = underPolicy("pubsub", "b", broker, resiliency);
    const body = { data: new Uint8Array(), contentType: "", metadata: {}, wire };
    const sent = [
      () => guarded.publish({ topic: "t", ...body }, signal),
      () => guarded.bulkPublish?.("t", [{ entryId: "a", ...body }], {}, signal) ?? Promise.resolve(),
    ];
    for (const send of sent) {
      tries = 0;
      const refused = assert.rejects(send(), { message: "no" });
      await clock.advance(100);
      await refused;
      assert.equal(tries, expected, `${wire} ${code}`);
    }
  }
});

import assert from "node:assert/strict";
import { test } from "node:test";
import { type ResiliencySpec, resiliencyResource } from "../../test/harness/resiliency.ts";
import type { Resiliency } from "../config/resource/resiliency.ts";
import { PolicyError } from "../kit/policy.ts";
import { createSeededRandom } from "../kit/seeded-random.ts";
import { createVirtualClock } from "../kit/virtual-clock.ts";
import { createPolicyProvider } from "./provider.ts";

async function world(...resources: Resiliency[]) {
  const clock = createVirtualClock();
  const lines: string[] = [];
  const counted: string[] = [];
  const line = (level: string) => (text: string) => void lines.push(`${level} ${text}`);
  const provider = await createPolicyProvider(resources, {
    clock,
    random: createSeededRandom(5),
    log: { debug: line("debug"), info: line("info"), warn: line("warn"), error: line("error") },
    meter: {
      loaded: (name, namespace) => void counted.push(`loaded ${name} ${namespace}`),
      target: (name, namespace, target, direction) => ({
        executed: (kind, status) => void counted.push([name, namespace, target, direction, kind, status].join(" ")),
        activated: (kind, status) => void counted.push(`${target} ${kind} ${status}`),
      }),
    },
  });
  /** How many tries an operation that always fails gets. */
  const triesOf = async (policy: ReturnType<typeof provider.builtIn> | undefined): Promise<number> => {
    let tries = 0;
    const failing = async (): Promise<never> => {
      tries++;
      throw new Error("no");
    };
    const { signal } = new AbortController();
    const done = (policy === undefined ? failing() : policy.run(failing, signal)).catch(() => undefined);
    await clock.advance(3_600_000);
    await done;
    return tries;
  };
  return { clock, lines, counted, provider, triesOf };
}
const { signal } = new AbortController();
const fail = (): Promise<never> => Promise.reject(new Error("no"));

test("without resources there is nothing but the built-in retries", async () => {
  const { provider, triesOf, lines } = await world();
  assert.equal(provider.endpoint, undefined);
  assert.equal(provider.hasEndpoint("a"), false);
  assert.equal(provider.outbound("s", "Statestore"), undefined);
  assert.equal(provider.inbound("s", "Pubsub"), undefined);
  assert.equal(provider.actorBeforeLock("t", "1"), undefined);
  assert.equal(await triesOf(provider.builtIn("DaprBuiltInServiceRetries")), 4);
  assert.equal(await triesOf(provider.builtIn("DaprBuiltInInitializationRetries")), 4);
  assert.equal(await triesOf(provider.builtIn("DaprBuiltInActorNotFoundRetries")), 6);
  assert.ok(lines.every((line) => !line.includes("Loading")));
});

test("built-in retries can be changed, not below three, and one not at all", async () => {
  const { provider, triesOf, lines } = await world(
    resiliencyResource("r", {
      retries: {
        DaprBuiltInServiceRetries: { duration: "10ms", maxRetries: 5 },
        DaprBuiltInActorRetries: { duration: "10ms", maxRetries: -1 },
        DaprBuiltInActorNotFoundRetries: { duration: "10ms", maxRetries: 9 },
      },
    }),
  );
  assert.equal(await triesOf(provider.builtIn("DaprBuiltInServiceRetries")), 6);
  assert.equal(await triesOf(provider.builtIn("DaprBuiltInActorRetries")), 4);
  assert.equal(await triesOf(provider.builtIn("DaprBuiltInActorNotFoundRetries")), 6);
  assert.deepEqual(
    lines.filter((line) => line.startsWith("warn Attempted")),
    [
      "warn Attempted override of DaprBuiltInActorRetries did not meet minimum retry count, resetting to 3.",
      "warn Attempted to override protected policy DaprBuiltInActorNotFoundRetries which is not allowed. Ignoring provided policy and using default.",
    ],
  );
});

test("an app's own names count alone; others get the defaults, the special ones first", async () => {
  const { provider, triesOf } = await world(
    resiliencyResource("r", {
      retries: { DefaultRetryPolicy: { duration: "1", maxRetries: 1 }, mine: { duration: "1", maxRetries: 2 } },
      timeouts: { DefaultAppTimeoutPolicy: "1s" },
      apps: { own: { retry: "mine" }, bare: {} },
    }),
  );
  assert.equal(await triesOf(provider.endpoint?.("own", "own:m")), 3);
  assert.equal(provider.endpoint?.("own", "own:m")?.hasTimeout, false);
  assert.equal(provider.endpoint?.("bare", "bare:m"), undefined);
  assert.equal(await triesOf(provider.endpoint?.("other", "other:m")), 2);
  assert.equal(provider.endpoint?.("other", "other:m")?.hasTimeout, true);
  assert.deepEqual(["own", "bare", "other"].map(provider.hasEndpoint), [true, true, false]);
});

test("the defaults of components, from the most special name to the plainest", async () => {
  const levels = [
    "DefaultStatestoreComponentOutboundRetryPolicy",
    "DefaultComponentOutboundRetryPolicy",
    "DefaultComponentRetryPolicy",
    "DefaultRetryPolicy",
  ];
  for (const [at] of levels.entries()) {
    const retries = Object.fromEntries(
      levels.slice(at).map((name, index) => [name, { duration: "1", maxRetries: at + index + 1 }]),
    );
    const { provider, triesOf } = await world(resiliencyResource("r", { retries }));
    assert.equal(await triesOf(provider.outbound("s", "Statestore")), at + 2);
    if (at >= 2) assert.equal(await triesOf(provider.inbound("s", "Statestore")), at + 2);
  }
});

test("a breaker is shared by calls of one key, and not by others", async () => {
  const { provider, lines, counted } = await world(
    resiliencyResource("r", {
      circuitBreakers: { cb: { trip: "consecutiveFailures >= 2" } },
      apps: { a: { circuitBreaker: "cb" } },
    }),
  );
  const call = (key: string) => provider.endpoint?.("a", key)?.run(fail, signal) ?? Promise.resolve();
  await assert.rejects(call("a:one"), { message: "no" });
  await assert.rejects(call("a:one"), { message: "no" });
  await assert.rejects(call("a:one"), { message: "circuit breaker is open" });
  await assert.rejects(call("a:two"), { message: "no" });
  assert.ok(lines.includes('info Circuit breaker "a:one" changed state from closed to open'));
  assert.deepEqual(counted, [
    "loaded r ns",
    "r ns app_a outbound circuitbreaker closed",
    "r ns app_a outbound circuitbreaker closed",
    "app_a circuitbreaker open",
    "r ns app_a outbound circuitbreaker open",
    "r ns app_a outbound circuitbreaker closed",
  ]);
});

test("the least used breaker of an app goes when there are too many", async () => {
  const { provider } = await world(
    resiliencyResource("r", {
      circuitBreakers: { cb: { trip: "consecutiveFailures >= 1" } },
      apps: { a: { circuitBreaker: "cb", circuitBreakerCacheSize: 2 } },
    }),
  );
  const call = (key: string) => provider.endpoint?.("a", key)?.run(fail, signal) ?? Promise.resolve();
  await assert.rejects(call("one"), { message: "no" });
  await assert.rejects(call("two"), { message: "no" });
  await assert.rejects(call("one"), PolicyError);
  await assert.rejects(call("three"), { message: "no" });
  await assert.rejects(call("one"), PolicyError);
  await assert.rejects(call("two"), { message: "no" });
});

test("both directions of a component share its breaker", async () => {
  const { provider, lines } = await world(
    resiliencyResource("r", {
      circuitBreakers: { cb: { trip: "consecutiveFailures >= 1" } },
      components: { bus: { inbound: { circuitBreaker: "cb" }, outbound: { circuitBreaker: "cb" } } },
    }),
  );
  await assert.rejects(provider.inbound("bus", "Pubsub")?.run(fail, signal) ?? Promise.resolve(), { message: "no" });
  await assert.rejects(provider.outbound("bus", "Pubsub")?.run(fail, signal) ?? Promise.resolve(), PolicyError);
  assert.ok(lines.includes('info Circuit breaker "cb-bus" changed state from closed to open'));
});

test("actors: retries and breaker before the lock, by type or id, the timeout after it", async () => {
  const { provider } = await world(
    resiliencyResource("r", {
      timeouts: { t: "5s" },
      circuitBreakers: { cb: { trip: "consecutiveFailures >= 1" } },
      actors: {
        byType: { timeout: "t", circuitBreaker: "cb", circuitBreakerScope: "type" },
        byId: { circuitBreaker: "cb", circuitBreakerScope: "id" },
      },
    }),
  );
  const call = (type: string, id: string) => provider.actorBeforeLock(type, id)?.run(fail, signal) ?? Promise.resolve();
  await assert.rejects(call("byType", "1"), { message: "no" });
  await assert.rejects(call("byType", "2"), PolicyError);
  await assert.rejects(call("byId", "1"), { message: "no" });
  await assert.rejects(call("byId", "2"), { message: "no" });
  await assert.rejects(call("byId", "2"), PolicyError);
  assert.equal(provider.actorBeforeLock("byType", "1")?.hasTimeout, false);
  assert.equal(provider.actorAfterLock("byType", "1")?.hasTimeout, true);
  assert.equal(provider.actorAfterLock("byId", "1"), undefined);
  assert.equal(provider.actorBeforeLock("other", "1"), undefined);
  assert.deepEqual(["byType", "other"].map(provider.hasActor), [true, false]);
});

test("of two policies with one name the later resource's counts", async () => {
  const { provider, triesOf, counted } = await world(
    resiliencyResource("first", { retries: { p: { duration: "1", maxRetries: 1 } }, apps: { a: { retry: "p" } } }),
    resiliencyResource("second", { retries: { p: { duration: "1", maxRetries: 3 } } }),
  );
  assert.equal(await triesOf(provider.endpoint?.("a", "a:m")), 4);
  assert.deepEqual(counted.slice(0, 3), ["loaded first ns", "loaded second ns", "second ns app_a outbound retry "]);
});

test("a resource with a fault is left out, and the log says why and where", async () => {
  const cases: readonly (readonly [ResiliencySpec, string])[] = [
    [{ timeouts: { t: "soon" } }, 'invalid duration "t", soon: time: invalid duration "soon"'],
    [{ retries: { r: { duration: "x" } } }, 'invalid retry configuration "r": invalid duration "x"'],
    [
      { retries: { r: { matching: { httpStatusCodes: "99", gRPCStatusCodes: "" } } } },
      "invalid pattern 99, start code 99 is not valid",
    ],
    [
      { retries: { r: { policy: "linear" } } },
      'invalid retry configuration "r": invalid PolicyType "linear": unexpected back off policy type: linear',
    ],
    [
      { circuitBreakers: { c: { trip: "1 >" } } },
      'invalid circuit breaker configuration "c": trip "1 >": Unexpected token: EOF',
    ],
    [
      { circuitBreakers: { c: {} }, actors: { t: { circuitBreaker: "c" } } },
      "actor circuit breakers must include scope",
    ],
    [
      { circuitBreakers: { c: {} }, actors: { t: { circuitBreaker: "c", circuitBreakerScope: "all" } } },
      'unknown circuit breaker scope "all"',
    ],
    [
      { apps: { a: { circuitBreakerCacheSize: -1 } } },
      'circuitBreakerCacheSize of app "a" must provide a positive size',
    ],
  ];
  for (const [spec, why] of cases) {
    const { provider, lines, counted, triesOf } = await world(
      resiliencyResource("bad", { timeouts: { DefaultTimeoutPolicy: "1s" }, ...spec }),
      resiliencyResource("good", { retries: { DefaultRetryPolicy: { duration: "1", maxRetries: 1 } } }),
    );
    assert.ok(lines.includes(`error Could not read resiliency policy bad: ${why} (r.yaml:7)`), lines.join("\n"));
    assert.deepEqual(counted, ["loaded good ns"]);
    assert.equal(provider.endpoint?.("a", "a:m")?.hasTimeout, false);
    assert.equal(await triesOf(provider.endpoint?.("a", "a:m")), 2);
  }
});

test("names that nobody defines and trips that never open are told at the start", async () => {
  const { lines, provider } = await world(
    resiliencyResource("r", {
      circuitBreakers: { c: { trip: "failures > 3" }, d: { trip: "requests" } },
      apps: { a: { retry: "gone", circuitBreaker: "c" } },
      components: { s: { outbound: { timeout: "never" } } },
    }),
  );
  assert.deepEqual(lines, [
    "info Loading Resiliency configuration: r",
    'warn circuit breaker "c" will not open: its trip "failures > 3" cannot be evaluated: Unknown variable: failures',
    'warn circuit breaker "d" will not open: its trip "requests" is neither true nor false',
    'warn app "a" goes without its retry: no resiliency policy is named "gone"',
    'warn component "s" (outbound) goes without its timeout: no resiliency policy is named "never"',
  ]);
  assert.equal(provider.outbound("s", "Statestore"), undefined);
});

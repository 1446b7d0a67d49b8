import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { PolicyError, type PolicyUse } from "../kit/policy.ts";
import { createSeededRandom } from "../kit/seeded-random.ts";
import { createVirtualClock } from "../kit/virtual-clock.ts";
import { Breaker } from "./breaker.ts";
import { createPolicy, type PolicyParts } from "./policy.ts";
import { type RetrySettings, retryDefaults } from "./retry.ts";
import { readCodeMatch } from "./status-codes.ts";

const { signal: endless } = new AbortController();
const constant = (pauseMs: number, maxRetries: number): RetrySettings => ({ ...retryDefaults, pauseMs, maxRetries });

function world(parts: Partial<PolicyParts>) {
  const clock = createVirtualClock();
  const lines: string[] = [];
  const counted: string[] = [];
  const log = {
    debug: (text: string) => void lines.push(`debug ${text}`),
    info: (text: string) => void lines.push(`info ${text}`),
    warn: (text: string) => void lines.push(`warn ${text}`),
    error: (text: string) => void lines.push(`error ${text}`),
  };
  const meter = {
    executed: (kind: string, status: string) => void counted.push(`executed ${kind} ${status}`.trim()),
    activated: (kind: string, status: string) => void counted.push(`activated ${kind} ${status}`.trim()),
  };
  const ports = { clock, random: createSeededRandom(3), log };
  const breaker = new Breaker(
    "b",
    { name: "b", maxRequests: 1, intervalMs: 0, timeoutMs: 5_000, trips: (counts) => counts.consecutiveFailures >= 2 },
    clock,
    () => undefined,
  );
  const policy = createPolicy(
    { name: "component[s] output", timeoutMs: 0, retry: undefined, breaker: undefined, meter, ...parts },
    ports,
  );
  const withBreaker = createPolicy({ name: "x", timeoutMs: 0, retry: undefined, meter, ...parts, breaker }, ports);
  return { clock, lines, counted, policy, withBreaker, breaker };
}
const failing = (tries: number[], clock: { now(): number }) => async (): Promise<never> => {
  tries.push(clock.now());
  throw new Error("no");
};

test("an operation is repeated until it succeeds; each retry and the recovery are told, the first as a warning", async () => {
  const { clock, lines, counted, policy } = world({ retry: constant(1_000, 5) });
  let tries = 0;
  const running = policy.run(async (_, number) => {
    tries++;
    assert.equal(number, tries);
    if (tries < 4) throw new Error("not yet");
    return "done";
  }, endless);
  await clock.advance(3_000);
  assert.equal(await running, "done");
  assert.deepEqual(lines, [
    "warn Error processing operation component[s] output. Retrying in 1s…",
    "debug Error for operation component[s] output was: not yet",
    "debug Error processing operation component[s] output. Retrying in 1s…",
    "debug Error for operation component[s] output was: not yet",
    "debug Error processing operation component[s] output. Retrying in 1s…",
    "debug Error for operation component[s] output was: not yet",
    "info Recovered processing operation component[s] output after 4 attempts",
  ]);
  assert.deepEqual(counted, ["executed retry", "activated retry"]);
});

test("when the tries are used up the last error is the caller's", async () => {
  const { clock, policy } = world({ retry: constant(10, 3) });
  const tries: number[] = [];
  const refused = assert.rejects(policy.run(failing(tries, clock), endless), { message: "no" });
  await clock.advance(1_000);
  await refused;
  assert.deepEqual(tries, [0, 10, 20, 30]);
});

test("fifteen minutes of exponential back-off pass in milliseconds, and end then", async () => {
  const { clock, policy } = world({ retry: { ...retryDefaults, kind: "exponential" } });
  const tries: number[] = [];
  const refused = assert.rejects(policy.run(failing(tries, clock), endless), { message: "no" });
  await clock.advance(24 * 3_600_000);
  await refused;
  assert.ok((tries.at(-1) ?? 0) <= 900_000);
  assert.ok(tries.length > 20, `only ${tries.length} tries`);
  assert.equal(clock.pending, 0);
});

test("days of constant back-off without end stop when the caller leaves", async () => {
  const { clock, policy } = world({ retry: constant(5_000, -1) });
  const caller = new AbortController();
  const tries: number[] = [];
  const refused = assert.rejects(policy.run(failing(tries, clock), caller.signal), { message: "gone" });
  await clock.advance(3 * 3_600_000);
  caller.abort(new Error("gone"));
  await refused;
  assert.equal(tries.length, 1 + (3 * 3_600) / 5);
  assert.equal(clock.pending, 0);
});

test("a verdict ends the tries, or is looked up among the statuses that are repeated", async () => {
  const retry = { ...constant(1, 3), match: readCodeMatch("500-503", "14") };
  for (const [verdict, expected] of [
    ["stop", 1],
    [500, 4],
    [504, 1],
    [14, 4],
    [13, 1],
    [undefined, 4],
    [999, 1],
  ] as const) {
    const { clock, policy } = world({ retry });
    const tries: number[] = [];
    const refused = assert.rejects(policy.run(failing(tries, clock), endless, { judge: () => verdict }));
    await clock.advance(100);
    await refused;
    assert.equal(tries.length, expected, String(verdict));
  }
});

test("a failure is dropped before the pause, and only when it is followed by another try", async () => {
  const { clock, policy } = world({ retry: constant(1_000, 2) });
  const dropped: string[] = [];
  let tries = 0;
  const use: PolicyUse<never> = { dropped: (error) => void dropped.push((error as Error).message) };
  const attempt = async (): Promise<never> => {
    throw new Error(`failure ${++tries}`);
  };
  const refused = assert.rejects(policy.run(attempt, endless, use), { message: "failure 3" });
  await clock.advance(0);
  assert.deepEqual(dropped, ["failure 1"]);
  await clock.advance(2_000);
  await refused;
  assert.deepEqual(dropped, ["failure 1", "failure 2"]);
});

test("a timeout ends each try, also one that does not listen; the metric counts once", async () => {
  const { clock, counted, policy } = world({ timeoutMs: 100, retry: constant(50, 2) });
  const signals: AbortSignal[] = [];
  const refused = assert.rejects(
    policy.run((signal) => {
      signals.push(signal);
      return new Promise<never>(() => undefined);
    }, endless),
    (error) => PolicyError.is(error) && error.kind === "timeout" && error.message === "context deadline exceeded",
  );
  await clock.advance(1_000);
  await refused;
  assert.equal(signals.length, 3);
  assert.ok(signals.every((signal) => signal.aborted && PolicyError.is(signal.reason)));
  assert.deepEqual(counted, ["executed timeout", "executed retry", "activated timeout", "activated retry"]);
  assert.equal(clock.pending, 0);
});

test("what comes late is nobody's", async () => {
  const { clock, policy } = world({ timeoutMs: 100 });
  const late = Promise.withResolvers<string>();
  const refused = assert.rejects(
    policy.run(() => late.promise, endless),
    PolicyError,
  );
  await clock.advance(100);
  await refused;
  late.reject(new Error("nobody hears this"));
  await clock.advance(1);
});

test("a result that lasts stays under the timeout until it is complete", async () => {
  for (const isComplete of [true, false]) {
    const { clock, policy } = world({ timeoutMs: 100 });
    const complete = Promise.withResolvers<void>();
    let seen: AbortSignal | undefined;
    const result = await policy.run(
      async (signal) => {
        seen = signal;
        return "head";
      },
      endless,
      { lasts: () => complete.promise },
    );
    assert.equal(result, "head");
    if (isComplete) complete.resolve();
    await clock.advance(200);
    assert.equal(seen?.aborted, !isComplete);
    assert.equal(clock.pending, 0);
  }
});

test("the caller's end is the end of a limited try", async () => {
  const { clock, policy } = world({ timeoutMs: 1_000, retry: constant(1, 9) });
  const caller = new AbortController();
  let tries = 0;
  const refused = assert.rejects(
    policy.run(() => {
      tries++;
      return new Promise<never>(() => undefined);
    }, caller.signal),
    { message: "left" },
  );
  caller.abort(new Error("left"));
  await refused;
  assert.equal(tries, 1);
  assert.equal(clock.pending, 0);
});

test("an open breaker ends the tries with its own error, and is counted", async () => {
  const { clock, counted, withBreaker, breaker } = world({ retry: constant(10, 9) });
  const tries: number[] = [];
  const refused = assert.rejects(withBreaker.run(failing(tries, clock), endless), {
    message: "circuit breaker is open",
  });
  await clock.advance(1_000);
  await refused;
  assert.equal(tries.length, 2);
  assert.equal(breaker.state, "open");
  assert.deepEqual(counted, [
    "executed retry",
    "executed circuitbreaker closed",
    "activated retry",
    "activated circuitbreaker open",
  ]);
  await clock.advance(5_001);
  assert.equal(await withBreaker.run(async () => 1, endless), 1);
  assert.deepEqual(counted.slice(4), [
    "executed retry",
    "executed circuitbreaker half-open",
    "activated circuitbreaker closed",
  ]);
});

test("a timeout counts as a failure of the breaker", async () => {
  const { clock, withBreaker, breaker } = world({ timeoutMs: 10 });
  for (let calls = 0; calls < 2; calls++) {
    const refused = assert.rejects(
      withBreaker.run(() => new Promise<never>(() => undefined), endless),
      PolicyError,
    );
    await clock.advance(10);
    await refused;
  }
  assert.equal(breaker.state, "open");
});

test("however often it fails, there are as many tries as needed and allowed, with the right pauses", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.nat(12),
      fc.integer({ min: -1, max: 8 }),
      fc.integer({ min: 0, max: 10_000 }),
      async (failures, maxRetries, pauseMs) => {
        const { clock, policy } = world({ retry: constant(pauseMs, maxRetries) });
        const tries: number[] = [];
        const outcome = policy
          .run(async () => {
            tries.push(clock.now());
            if (tries.length <= failures) throw new Error("no");
            return "yes";
          }, endless)
          .catch(() => "no");
        await clock.advance(pauseMs * 13);
        const isAllowed = maxRetries < 0 || failures <= maxRetries;
        assert.equal(await outcome, isAllowed ? "yes" : "no");
        assert.deepEqual(
          tries,
          Array.from({ length: (isAllowed ? failures : maxRetries) + 1 }, (_, index) => index * pauseMs),
        );
      },
    ),
  );
});

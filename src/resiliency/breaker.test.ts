import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { loadCel } from "../kit/cel.ts";
import { PolicyError } from "../kit/policy.ts";
import { createVirtualClock } from "../kit/virtual-clock.ts";
import { Breaker, type BreakerSettings, type BreakerState, readBreaker } from "./breaker.ts";

const settings: BreakerSettings = {
  name: "b",
  maxRequests: 1,
  intervalMs: 0,
  timeoutMs: 5_000,
  trips: ({ consecutiveFailures }) => consecutiveFailures >= 3,
};

function world(more: Partial<BreakerSettings> = {}) {
  const clock = createVirtualClock();
  const changes: string[] = [];
  const breaker = new Breaker("b", { ...settings, ...more }, clock, (from, to) => changes.push(`${from}>${to}`));
  const call = (succeeds: boolean): void => breaker.leave(breaker.enter(), succeeds);
  return { clock, changes, breaker, call };
}
const isRefused = (kind: string) => (error: unknown) => PolicyError.is(error) && error.kind === kind;

test("it opens when its rule says so, refuses, and closes after a call that succeeds", async () => {
  const { clock, changes, breaker, call } = world();
  call(false);
  call(false);
  call(true);
  call(false);
  call(false);
  assert.equal(breaker.state, "closed");
  call(false);
  assert.equal(breaker.state, "open");
  assert.throws(() => breaker.enter(), { message: "circuit breaker is open" });
  await clock.advance(5_000);
  assert.throws(() => breaker.enter(), isRefused("open"));
  await clock.advance(1);
  assert.equal(breaker.state, "half-open");
  call(true);
  assert.equal(breaker.state, "closed");
  assert.deepEqual(changes, ["closed>open", "open>half-open", "half-open>closed"]);
});

test("half-open lets so many through at once, and one failure opens it again", async () => {
  const { clock, breaker, call } = world({ maxRequests: 2, trips: () => true });
  call(false);
  await clock.advance(5_001);
  const first = breaker.enter();
  breaker.enter();
  assert.throws(() => breaker.enter(), { message: "too many requests" });
  breaker.leave(first, true);
  assert.equal(breaker.state, "half-open");
  assert.throws(() => breaker.enter(), isRefused("tooMany"));
  const { clock: later, breaker: other, call: again } = world({ maxRequests: 2, trips: () => true });
  again(false);
  await later.advance(5_001);
  again(true);
  again(false);
  assert.equal(other.state, "open");
});

test("a call that ends under another state does not count", async () => {
  const { clock, breaker, call } = world();
  const slow = breaker.enter();
  for (let failures = 0; failures < 3; failures++) call(false);
  await clock.advance(5_001);
  assert.equal(breaker.state, "half-open");
  breaker.leave(slow, true);
  assert.equal(breaker.state, "half-open");
});

test("the interval lets the counts of a closed breaker start anew", async () => {
  const { clock, breaker, call } = world({ intervalMs: 1_000 });
  call(false);
  call(false);
  await clock.advance(1_001);
  call(false);
  call(false);
  assert.equal(breaker.state, "closed");
  call(false);
  assert.equal(breaker.state, "open");
});

test("the settings of a resource, with their defaults", () => {
  const empty = { maxRequests: 0, interval: "", timeout: "", trip: "" };
  const { trips, ...rest } = readBreaker("b", empty, undefined);
  assert.deepEqual(rest, { name: "b", maxRequests: 1, intervalMs: 0, timeoutMs: 60_000 });
  const counts = { requests: 9, totalSuccesses: 0, totalFailures: 9, consecutiveSuccesses: 0, consecutiveFailures: 5 };
  assert.equal(trips(counts), false);
  assert.equal(trips({ ...counts, consecutiveFailures: 6 }), true);
  const given = readBreaker("b", { maxRequests: 3, interval: "8s", timeout: "45", trip: "" }, undefined);
  assert.deepEqual([given.maxRequests, given.intervalMs, given.timeoutMs], [3, 8_000, 45]);
  assert.throws(() => readBreaker("b", { ...empty, timeout: "soon" }, undefined), {
    message: 'invalid circuit breaker configuration "b": invalid duration "soon"',
  });
});

test("a trip is an expression over the counts; what fails or is no boolean does not open", async () => {
  const cel = await loadCel();
  const spec = { maxRequests: 0, interval: "", timeout: "", trip: "" };
  const trips = (expression: string): boolean =>
    readBreaker("b", spec, cel(expression)).trips({
      requests: 10,
      totalSuccesses: 4,
      totalFailures: 6,
      consecutiveSuccesses: 0,
      consecutiveFailures: 3,
    });
  assert.equal(trips("consecutiveFailures >= 3"), true);
  assert.equal(trips("requests > 5 && totalFailures * 2 > requests"), true);
  assert.equal(trips("double(totalFailures) / double(requests) > 0.7"), false);
  assert.equal(trips("totalSuccesses == 4 && consecutiveSuccesses == 0"), true);
  assert.equal(trips("unknown > 3"), false);
  assert.equal(trips("requests / consecutiveSuccesses > 1"), false);
  assert.equal(trips("requests"), false);
});

/** What a breaker is to be, told a second time in the plainest way. */
class Model {
  state: BreakerState = "closed";
  until = 0;
  failures = 0;
  successes = 0;
  running = 0;
  era = 0;
  look(now: number, maxMs: number): void {
    if (this.state === "open" && now > this.until) this.become("half-open", now, maxMs);
  }
  become(state: BreakerState, now: number, openMs: number): void {
    Object.assign(this, { state, until: now + openMs, failures: 0, successes: 0, running: 0 });
    this.era++;
  }
}

test("whatever happens, it does what the rules say", async () => {
  const step = fc.oneof(
    fc.record({ kind: fc.constant("enter" as const) }),
    fc.record({ kind: fc.constant("leave" as const), pick: fc.nat(5), succeeds: fc.boolean() }),
    fc.record({ kind: fc.constant("wait" as const), ms: fc.integer({ min: 1, max: 4_000 }) }),
  );
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 80 }), fc.integer({ min: 1, max: 3 }), async (steps, maxRequests) => {
      const { clock, breaker } = world({ maxRequests });
      const model = new Model();
      const open: { readonly ticket: number; readonly era: number }[] = [];
      for (const one of steps) {
        model.look(clock.monotonic(), 5_000);
        if (one.kind === "wait") await clock.advance(one.ms);
        else if (one.kind === "enter") {
          const isRefusedNow = model.state === "open" || (model.state === "half-open" && model.running >= maxRequests);
          if (isRefusedNow) assert.throws(() => breaker.enter(), PolicyError);
          else {
            open.push({ ticket: breaker.enter(), era: model.era });
            model.running++;
          }
        } else if (open.length > 0) {
          const [{ ticket, era }] = open.splice(one.pick % open.length, 1) as [(typeof open)[number]];
          breaker.leave(ticket, one.succeeds);
          if (era === model.era) {
            model.failures = one.succeeds ? 0 : model.failures + 1;
            model.successes = one.succeeds ? model.successes + 1 : 0;
            const now = clock.monotonic();
            if (model.state === "closed" && model.failures >= 3) model.become("open", now, 5_000);
            else if (model.state === "half-open" && !one.succeeds) model.become("open", now, 5_000);
            else if (model.state === "half-open" && model.successes >= maxRequests) model.become("closed", now, 0);
          }
        }
        model.look(clock.monotonic(), 5_000);
        assert.equal(breaker.state, model.state);
      }
    }),
  );
});

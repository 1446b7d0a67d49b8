import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { createSeededRandom } from "../kit/seeded-random.ts";
import { createVirtualClock } from "../kit/virtual-clock.ts";
import { type BackOffSettings, createBackOff } from "./back-off.ts";

const exponential: BackOffSettings = {
  kind: "exponential",
  pauseMs: 0,
  firstMs: 500,
  growth: 1.5,
  longestMs: 60_000,
  jitter: 0.5,
  totalMs: 900_000,
  maxRetries: -1,
};
const nominalPauses = (count: number, { firstMs, growth, longestMs } = exponential): number[] => {
  const pauses: number[] = [];
  for (let pause = firstMs; pauses.length < count; pause = Math.min(longestMs, pause * growth)) pauses.push(pause);
  return pauses;
};

test("a constant back-off pauses equally, as often as it may", () => {
  const clock = createVirtualClock();
  const settings: BackOffSettings = { ...exponential, kind: "constant", pauseMs: 40, maxRetries: 2 };
  const backOff = createBackOff(settings, 0, clock, createSeededRandom(1));
  assert.deepEqual([backOff.next(), backOff.next(), backOff.next(), backOff.next()], [40, 40, undefined, undefined]);
});

test("no retries at all, and retries without end", () => {
  const clock = createVirtualClock();
  const none = createBackOff({ ...exponential, maxRetries: 0 }, 0, clock, createSeededRandom(1));
  assert.equal(none.next(), undefined);
  const settings: BackOffSettings = { ...exponential, kind: "constant", pauseMs: 1, maxRetries: -1 };
  const endless = createBackOff(settings, 0, clock, createSeededRandom(1));
  for (let tries = 0; tries < 5_000; tries++) assert.equal(endless.next(), 1);
});

test("without jitter an exponential back-off grows to its longest pause", () => {
  const clock = createVirtualClock();
  const backOff = createBackOff({ ...exponential, jitter: 0 }, 0, clock, createSeededRandom(1));
  for (const pause of nominalPauses(20)) assert.equal(backOff.next(), pause);
});

test("pauses stay within the jitter around their nominal length, and end with the total time", () => {
  fc.assert(
    fc.property(fc.integer(), fc.integer({ min: 1, max: 200 }), (seed, longestS) => {
      const settings = { ...exponential, longestMs: longestS * 1000 };
      let now = 7;
      const clock = { ...createVirtualClock(), monotonic: () => now };
      const backOff = createBackOff(settings, now, clock, createSeededRandom(seed));
      for (const nominal of nominalPauses(2_000, settings)) {
        const pause = backOff.next();
        if (pause === undefined) {
          assert.ok(now - 7 + nominal * 1.5 > settings.totalMs - 1, "it gave up although the next pause fits");
          return;
        }
        assert.ok(pause >= nominal * 0.5 && pause <= nominal * 1.5 + 1e-5, `${pause} is not around ${nominal}`);
        now += pause;
        assert.ok(now - 7 <= settings.totalMs);
      }
      assert.fail("the total time did not end it");
    }),
  );
});

test("a longest pause below the first holds from the second on", () => {
  const clock = createVirtualClock();
  const backOff = createBackOff({ ...exponential, jitter: 0, longestMs: 100 }, 0, clock, createSeededRandom(1));
  assert.deepEqual([backOff.next(), backOff.next(), backOff.next()], [500, 100, 100]);
});

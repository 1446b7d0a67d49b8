import assert from "node:assert/strict";
import { test } from "node:test";
import { createVirtualClock } from "../kit/virtual-clock.ts";
import type { Log } from "../telemetry/ports.ts";
import { createLifecycle, type LifecyclePorts } from "./lifecycle.ts";

const settle = () => new Promise<void>((resolve) => setImmediate(resolve));

function world(change: Partial<LifecyclePorts> = {}) {
  const clock = createVirtualClock(0, { settle });
  const events: string[] = [];
  const note = (line: string): void => void events.push(line);
  const log: Log = { debug: note, info: note, warn: note, error: note, fatal: note, scope: () => log, level: "info" };
  const unhealthy = Promise.withResolvers<void>();
  const lifecycle = createLifecycle({
    clock,
    log,
    graceMs: 5000,
    blockMs: null,
    holdEvents: async () => note("events held"),
    appUnhealthy: () => unhealthy.promise,
    close: async () => note("closed"),
    ...change,
  });
  return { clock, lifecycle, unhealthy: () => unhealthy.resolve(), events: () => events.splice(0) };
}

test("it ends once, however often it is asked", async () => {
  const { lifecycle, events } = world();
  assert.deepEqual(await Promise.all([lifecycle.stop(), lifecycle.shutdown(), lifecycle.shutdown(3)]), [0, 0, 0]);
  assert.equal(await lifecycle.ended, 0);
  assert.deepEqual(events(), ["closed", "Daprd shutdown gracefully"]);
});

test("closing longer than the grace period, or a fault while closing, ends with 1", async () => {
  const slow = world({ close: () => new Promise(() => {}) });
  const stopped = slow.lifecycle.stop();
  await slow.clock.advance(5000);
  assert.equal(await stopped, 1);
  assert.match(slow.events()[0] ?? "", /^Graceful shutdown timeout exceeded, forcing shutdown: .* 5s$/);
  const faulty = world({ close: () => Promise.reject(new Error("disk full")) });
  assert.equal(await faulty.lifecycle.stop(), 1);
  assert.deepEqual(faulty.events(), ["error while shutting down: disk full"]);
});

test("a blocking period holds events and ends with time, with the app, or with the shutdown API", async () => {
  const start = "Blocking graceful shutdown for 3m0s or until app reports unhealthy...";
  const end = ["closed", "Daprd shutdown gracefully"];
  const timed = world({ blockMs: 180_000 });
  const stopped = timed.lifecycle.stop();
  await timed.clock.advance(179_000);
  assert.deepEqual(timed.events(), [start, "events held"]);
  await timed.clock.advance(1000);
  assert.equal(await stopped, 0);
  assert.deepEqual(timed.events(), ["Block shutdown period expired, entering shutdown...", ...end]);

  const sick = world({ blockMs: 180_000 });
  const ended = sick.lifecycle.stop();
  sick.unhealthy();
  assert.equal(await ended, 0);
  assert.deepEqual(sick.events(), [start, "events held", "App reported unhealthy, entering shutdown...", ...end]);

  const asked = world({ blockMs: 180_000 });
  const both = asked.lifecycle.stop();
  await settle();
  assert.equal(await asked.lifecycle.shutdown(), 0);
  assert.equal(await both, 0);
  assert.deepEqual(asked.events(), [start, "events held", ...end]);
});

test("a kill ends at once with its code, whatever still closes", async () => {
  const { lifecycle, events } = world({ close: () => new Promise(() => {}) });
  lifecycle.kill(1);
  assert.equal(await lifecycle.ended, 1);
  assert.deepEqual(events(), []);
});

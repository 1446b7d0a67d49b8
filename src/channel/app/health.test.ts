import assert from "node:assert/strict";
import { test } from "node:test";
import { createVirtualClock } from "../../kit/virtual-clock.ts";
import type { Log } from "../../telemetry/ports.ts";
import { createAppHealth } from "./health.ts";

function start(probe: (signal: AbortSignal) => Promise<true | string>) {
  const clock = createVirtualClock();
  const lines: string[] = [];
  const write = (message: string) => void lines.push(message);
  const log: Log = {
    debug: write,
    info: write,
    warn: write,
    error: write,
    fatal: write,
    scope: () => log,
    level: "debug",
  };
  const health = createAppHealth({ clock, log, intervalMs: 5000, timeoutMs: 500, threshold: 3, probe });
  const changes: boolean[] = [];
  health.onChange((isHealthy) => changes.push(isHealthy));
  return { clock, health, changes, lines };
}

test("an app is unhealthy until its first good probe, which is made at once", async () => {
  const { clock, health, changes } = start(async () => true);
  assert.equal(health.isHealthy, false);
  health.start();
  await clock.advance(0);
  assert.equal(health.isHealthy, true);
  assert.deepEqual(changes, [true]);
  await clock.advance(60_000);
  assert.deepEqual(changes, [true]);
  health.stop();
});

test("failures in a row make it unhealthy, one success healthy again", async () => {
  let answer: true | string = true;
  let probes = 0;
  const { clock, health, changes, lines } = start(async () => {
    probes++;
    return answer;
  });
  health.start();
  await clock.advance(0);
  answer = "it is down";
  await clock.advance(10_000);
  assert.equal(health.isHealthy, true);
  answer = true;
  await clock.advance(5000);
  answer = "it is down";
  await clock.advance(10_000);
  assert.equal(health.isHealthy, true, "failures that are not in a row do not add up");
  await clock.advance(5000);
  assert.equal(health.isHealthy, false);
  assert.ok(lines.includes("App entered un-healthy status: it is down"));
  answer = true;
  await clock.advance(5000);
  assert.deepEqual(changes, [true, false, true]);
  assert.equal(probes, 8);
  health.stop();
  await clock.advance(60_000);
  assert.equal(probes, 8);
});

test("a probe that takes too long, or cannot be made, has failed", async () => {
  let mode = "good";
  const { clock, health, lines } = start((signal) => {
    if (mode === "good") return Promise.resolve(true);
    if (mode === "broken") return Promise.reject(new Error("no socket"));
    return new Promise((resolve) => signal.addEventListener("abort", () => resolve(String(signal.reason.message))));
  });
  health.start();
  await clock.advance(0);
  mode = "slow";
  await clock.advance(5000);
  await clock.advance(500);
  mode = "broken";
  await clock.advance(4500);
  await clock.advance(5000);
  assert.equal(health.isHealthy, false);
  assert.ok(lines.includes("App health probe could not complete with error: no socket"));
  health.stop();
});

test("a report counts as a probe", async () => {
  const { clock, health } = start(async () => true);
  health.start();
  await clock.advance(0);
  for (let count = 0; count < 3; count++) health.report(false);
  assert.equal(health.isHealthy, false);
  health.report(true);
  assert.equal(health.isHealthy, true);
  health.stop();
});

test("a timeout beyond the interval is refused", () => {
  const clock = createVirtualClock();
  const log = { info() {} } as unknown as Log;
  const options = { clock, log, threshold: 1, probe: async () => true as const };
  assert.throws(() => createAppHealth({ ...options, intervalMs: 100, timeoutMs: 101 }), /timeouts must be smaller/);
  assert.throws(() => createAppHealth({ ...options, intervalMs: 0, timeoutMs: 0 }), /larger than 0/);
});

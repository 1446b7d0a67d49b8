import assert from "node:assert/strict";
import { test } from "node:test";
import type { BindingEvent } from "../../../src/driver/bindings.ts";
import { DriverError } from "../../../src/driver/errors.ts";
import { createVirtualClock } from "../../../src/kit/virtual-clock.ts";
import { bindingConformance } from "../../../test/conformance/bindings.ts";
import { driverContext } from "../../../test/harness/driver-context.ts";
import { hostPlatform } from "../../../test/harness/host-platform.ts";
import driver from "./cron.ts";

const platform = await hostPlatform();
const start = Date.parse("2026-01-02T15:04:05.250Z");

function world(at = start) {
  const clock = createVirtualClock(at);
  const open = (schedule: string) =>
    driver.open(new Map([["schedule", schedule]]), driverContext(platform, "tick", { clock }));
  return { clock, open };
}

const shared = world();
bindingConformance("cron", () => shared.open("@every 1s"), { bring: () => shared.clock.advance(1000) });

test("events have no data and tell their time", async () => {
  const { clock, open } = world();
  const binding = await open("TZ=UTC */10 * * * * *");
  const events: BindingEvent[] = [];
  const { signal } = new AbortController();
  await binding.read?.(async (event) => {
    events.push(event);
    return new Uint8Array();
  }, signal);
  await clock.advance(4749);
  assert.equal(events.length, 0);
  await clock.advance(1);
  await clock.advance(10_250);
  assert.deepEqual(
    events.map(({ data, metadata }) => [data.length, metadata]),
    [
      [0, { timeZone: "Local", readTimeUTC: "2026-01-02 15:04:10 +0000 UTC" }],
      [0, { timeZone: "Local", readTimeUTC: "2026-01-02 15:04:20 +0000 UTC" }],
    ],
  );
  await binding.close();
  assert.equal(clock.pending, 0);
});

test("a slow handler does not hold up the next firing, and intervals do not drift", async () => {
  const { clock, open } = world();
  const binding = await open("@every 1500ms");
  const hold = Promise.withResolvers<void>();
  const at: string[] = [];
  const reader = await binding.read?.(async ({ metadata }) => {
    at.push(metadata["readTimeUTC"] ?? "");
    await hold.promise;
    return new Uint8Array();
  }, new AbortController().signal);
  await clock.advance(4500);
  assert.deepEqual(at, [
    "2026-01-02 15:04:06.75 +0000 UTC",
    "2026-01-02 15:04:08.25 +0000 UTC",
    "2026-01-02 15:04:09.75 +0000 UTC",
  ]);
  hold.resolve();
  await reader?.close();
  await binding.close();
});

test("schedules that cannot be are refused", async () => {
  const { open } = world();
  const cases: readonly (readonly [string, string])[] = [
    ["", "schedule not set"],
    ["@sometimes", "invalid schedule format '@sometimes': unrecognized descriptor: @sometimes"],
  ];
  for (const [schedule, message] of cases)
    await assert.rejects(
      open(schedule),
      (error) => DriverError.is(error) && error.kind === "badMetadata" && error.message === message,
    );
});

import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { parseSchedule } from "./cron.ts";
import { expandSchedule } from "./cron-fields.ts";

async function times(text: string, from: string, count: number): Promise<string[]> {
  const schedule = await parseSchedule(text);
  const found: string[] = [];
  let at: number | undefined = Date.parse(from);
  while (found.length < count) {
    at = schedule.next(at);
    if (at === undefined) return [...found, "never"];
    found.push(new Date(at).toISOString().replace(".000Z", "Z"));
  }
  return found;
}

test("the next times of schedules", async () => {
  const cases: readonly (readonly [string, string, readonly string[]])[] = [
    ["TZ=UTC 30 9 * * *", "2026-01-01T09:30:00Z", ["2026-01-02T09:30:00Z"]],
    ["TZ=UTC 15 * * * * *", "2026-01-01T00:00:15Z", ["2026-01-01T00:01:15Z", "2026-01-01T00:02:15Z"]],
    ["TZ=UTC */20 * * * * *", "2026-01-01T00:00:05Z", ["2026-01-01T00:00:20Z", "2026-01-01T00:00:40Z"]],
    ["TZ=UTC @daily", "2026-01-01T00:00:00Z", ["2026-01-02T00:00:00Z"]],
    ["TZ=UTC @weekly", "2026-01-01T00:00:00Z", ["2026-01-04T00:00:00Z"]],
    ["CRON_TZ=Asia/Tokyo 0 9 * * *", "2026-01-01T00:00:00Z", ["2026-01-02T00:00:00Z"]],
    ["TZ=UTC 0 0 13 * FRI", "2026-02-01T00:00:00Z", ["2026-02-06T00:00:00Z", "2026-02-13T00:00:00Z"]],
    ["TZ=UTC 0 0 ? jan-mar mon", "2026-03-29T00:00:00Z", ["2026-03-30T00:00:00Z", "2027-01-04T00:00:00Z"]],
    ["TZ=UTC 0 0 29 2 *", "2026-01-01T00:00:00Z", ["2028-02-29T00:00:00Z"]],
    ["TZ=UTC 0 0 31 2 *", "2026-01-01T00:00:00Z", ["never"]],
    ["TZ=UTC 50/5 * * * *", "2026-01-01T00:00:00Z", ["2026-01-01T00:50:00Z", "2026-01-01T00:55:00Z"]],
    ["@every 90s", "2026-01-01T00:00:00Z", ["2026-01-01T00:01:30Z", "2026-01-01T00:03:00Z"]],
    ["TZ=UTC @every 1500ms", "2026-01-01T00:00:00Z", ["2026-01-01T00:00:01.500Z"]],
    // Clocks that go on leave 02:30 out, clocks that go back bring 01:30 twice.
    ["TZ=America/New_York 30 2 * * *", "2026-03-07T12:00:00Z", ["2026-03-09T06:30:00Z"]],
    ["TZ=America/New_York 30 1 * * *", "2026-10-31T12:00:00Z", ["2026-11-01T05:30:00Z", "2026-11-01T06:30:00Z"]],
  ];
  for (const [text, from, expected] of cases)
    assert.deepEqual(await times(text, from, expected.length), expected, text);
});

test("what is no schedule is refused with the reason", async () => {
  const cases: Readonly<Record<string, RegExp>> = {
    "": /empty spec string/,
    "* * * *": /expected 5 to 6 fields, found 4: \[\* \* \* \*\]/,
    "* * * * * * *": /found 7/,
    "60 * * * *": /end of range \(60\) above maximum \(59\): 60/,
    "0 * 0 * *": /beginning of range \(0\) below minimum \(1\): 0/,
    "* * * * 7": /end of range \(7\) above maximum \(6\): 7/,
    "5-3 * * * *": /beginning of range \(5\) beyond end of range \(3\): 5-3/,
    "1-2-3 * * * *": /too many hyphens: 1-2-3/,
    "*/2/3 * * * *": /too many slashes: \*\/2\/3/,
    "*/0 * * * *": /step of range should be a positive number/,
    "x * * * *": /failed to parse int from x/,
    "@sometimes": /unrecognized descriptor: @sometimes/,
    "@every soon": /failed to parse duration @every soon: time: invalid duration/,
    "@every -1s": /must be positive/,
    "TZ=Mars/Base * * * * *": /provided bad location Mars\/Base/,
    "L * * * *": /failed to parse int/,
  };
  for (const [text, message] of Object.entries(cases))
    await assert.rejects(parseSchedule(text), { message }, JSON.stringify(text));
});

test("a field with any list of minutes fires at those minutes and no others", async () => {
  const minutes = fc.uniqueArray(fc.integer({ min: 0, max: 59 }), { minLength: 1, maxLength: 8 });
  await fc.assert(
    fc.asyncProperty(minutes, async (list) => {
      assert.equal(
        expandSchedule(`${list.join(",")} * * * *`).split(" ")[1],
        [...list].sort((a, b) => a - b).join(","),
      );
      const schedule = await parseSchedule(`TZ=UTC ${list.join(",")} * * * *`);
      const seen: number[] = [];
      let at: number | undefined = Date.parse("2026-05-05T10:59:59Z");
      for (let count = 0; count < list.length && at !== undefined; count++) {
        at = schedule.next(at);
        if (at !== undefined) seen.push(new Date(at).getUTCMinutes());
      }
      assert.deepEqual(
        seen,
        [...list].sort((a, b) => a - b),
      );
    }),
    { numRuns: 50 },
  );
});

import assert from "node:assert/strict";
import { test } from "node:test";
import { Histogram } from "./histogram.ts";

test("quantiles stay within 0.4 % or 0.1 µs of the exact ones", () => {
  const histogram = new Histogram();
  const values: number[] = [];
  let seed = 7;
  for (let index = 0; index < 20_000; index++) {
    seed = (seed * 48_271) % 2_147_483_647;
    const nanoseconds = Math.floor(10 ** (2 + (seed / 2_147_483_647) * 8));
    values.push(nanoseconds);
    histogram.record(nanoseconds);
  }
  values.sort((a, b) => a - b);
  for (const share of [0.01, 0.25, 0.5, 0.9, 0.99, 0.999, 1]) {
    const exact = (values[Math.ceil(share * values.length) - 1] as number) / 1000;
    const found = histogram.quantile(share);
    assert.ok(Math.abs(found - exact) <= Math.max(0.1, exact * 0.004), `share ${share}: ${found} for ${exact}`);
  }
  assert.equal(histogram.summary().max, Math.round((values.at(-1) as number) / 100) / 10);
});

test("an empty histogram gives zeros", () => {
  assert.deepEqual(new Histogram().summary(), { p50: 0, p90: 0, p99: 0, p999: 0, mean: 0, max: 0 });
});

import assert from "node:assert/strict";
import { test } from "node:test";
import type { Figure, GeneratorState, Sample } from "./figure.ts";
import { judge, median } from "./verdict.ts";

const calm: GeneratorState = { cpu: 0.1, lagP50: 50, lagP99: 90, answers: 1000, errors: 0, outcomes: {}, mode: "open" };
const samples = (values: number[], generator: GeneratorState = calm): Sample[] =>
  values.map((value) => ({ value, generator }));
const figure = (parts: Partial<Figure>): Figure => ({ title: "t", unit: "µs", limits: [], ...parts });

test("the median takes the middle", () => {
  assert.equal(median([3, 1, 2]), 2);
  assert.equal(median([4, 1, 2, 3]), 2.5);
  assert.ok(Number.isNaN(median([])));
});

test("a ratio is the median of the rounds' ratios, not the ratio of the medians", () => {
  const row = judge(
    figure({ limits: [{ of: "echo", atMost: 1.5 }], echo: samples([10, 100, 50]), pillion: samples([30, 110, 60]) }),
  );
  assert.equal(row.pillionToEcho, 1.2);
  assert.equal(row.verdict, "holds");
});

test("every limit must hold; a limit against daprd waits for daprd", () => {
  const limits = [
    { of: "value", atMost: 60 },
    { of: "daprd", atLeast: 2 },
  ] as const;
  assert.equal(judge(figure({ limits, pillion: samples([50]), daprd: samples([20]) })).verdict, "holds");
  assert.equal(judge(figure({ limits, pillion: samples([50]), daprd: samples([30]) })).verdict, "missed");
  assert.equal(judge(figure({ limits, pillion: samples([61]), daprd: samples([20]) })).verdict, "missed");
  const alone = judge(figure({ limits, pillion: samples([50]) }));
  assert.equal(alone.verdict, "holds");
  assert.match(alone.reason, /DAPRD_PATH/);
  assert.equal(judge(figure({ limits, daprd: samples([20]) })).verdict, "not run");
});

test("a busy generator or a failed answer makes a row invalid, but not the echo's ceiling", () => {
  const limits = [{ of: "echo", atMost: 9 }] as const;
  const busy: GeneratorState = { ...calm, cpu: 0.71 };
  const verdict = (parts: Partial<Figure>) =>
    judge(figure({ limits, echo: samples([1]), pillion: samples([1]), daprd: samples([1]), ...parts })).verdict;
  assert.equal(verdict({}), "holds");
  assert.equal(verdict({ pillion: samples([1], busy) }), "invalid");
  assert.equal(verdict({ echo: samples([1], busy) }), "invalid");
  assert.equal(verdict({ echo: samples([1], { ...busy, mode: "closed" }) }), "holds");
  assert.equal(verdict({ pillion: samples([1], { ...calm, errors: 1 }) }), "invalid");
  assert.equal(verdict({ daprd: samples([1], { ...calm, errors: 10 }) }), "holds");
  assert.equal(verdict({ daprd: samples([1], { ...calm, errors: 11 }) }), "invalid");
});

import assert from "node:assert/strict";
import { test } from "node:test";
import { createSampler } from "./sampler.ts";

const rest =
  "remoteParentSampled:AlwaysOnSampler,remoteParentNotSampled:AlwaysOffSampler,localParentSampled:AlwaysOnSampler,localParentNotSampled:AlwaysOffSampler}";

test("rates are read and named as upstream does", () => {
  const named: Readonly<Record<string, string>> = {
    "1": "1",
    "5": "1",
    inf: "1",
    "0": "0",
    "-1": "0",
    "0.00001": "1e-05",
    "1e-7": "1e-07",
    "0.123456789": "0.123456789",
    ".5": "0.5",
    "0x1p-2": "0.25",
    "0x.8p0": "0.5",
    "": "0.0001",
    abc: "0.0001",
    " 1": "0.0001",
    "1e999": "0.0001",
    "0x1": "0.0001",
    "0xp1": "0.0001",
    "1_0": "0.0001",
  };
  for (const [text, name] of Object.entries(named)) {
    assert.equal(createSampler(text).description, `ParentBased{root:TraceIDRatioBased{${name}},${rest}`, text);
  }
});

test("only a rate of nought switches tracing off", () => {
  assert.deepEqual(
    ["0", "0.0", "-0", "0e5", "-1", "", "1e-300"].map((text) => createSampler(text).rate === 0),
    [true, true, true, true, false, false, false],
  );
});

test("the second half of a trace id decides", () => {
  const id = (half: string) => "f".repeat(16) + half;
  const quarter = createSampler("0.25");
  assert.equal(quarter.isSampled(id("3fffffff00000000")), true);
  assert.equal(quarter.isSampled(id("4000000000000000")), false);
  assert.equal(createSampler("1").isSampled(id("f".repeat(16))), true);
  assert.equal(createSampler("-1").isSampled(id("0".repeat(16))), false);
});

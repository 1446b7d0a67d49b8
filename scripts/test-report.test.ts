import assert from "node:assert/strict";
import { test } from "node:test";
import { countTests } from "./test-report.ts";

test("tests within suites are counted once, whatever came of them", () => {
  const report = `<testsuites>
    <testcase name="top" classname="a"/>
    <testcase name="off"><skipped type="skipped" message="why"/></testcase>
    <testsuite name="suite"><testcase name="in">
      <failure message="x > y">text</failure>
    </testcase></testsuite>
  </testsuites>`;
  assert.deepEqual(countTests(report), { passed: 1, failed: 1, skipped: 1 });
});

test("a listed holder is not counted, a test with a bracket in its name is", () => {
  const report = `<testcase name="suite"><failure message="1 step failed"/></testcase>
    <testcase name="suite &gt; deep"></testcase>
    <testcase name="suite &gt; deep &gt; x &gt; y"></testcase>
    <testcase name="suite &gt; bad"><failure message="m"/></testcase>
    <testcase name="a &gt; b"></testcase>`;
  assert.deepEqual(countTests(report), { passed: 2, failed: 1, skipped: 0 });
});

test("an empty report has no tests", () => {
  assert.deepEqual(countTests(""), { passed: 0, failed: 0, skipped: 0 });
});

import assert from "node:assert/strict";
import { test } from "node:test";
import { countTests, readFailures, readStrayErrors, tellFailures } from "./test-report.ts";

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

test("a failed test is read from what Bun writes", () => {
  const report = `<testsuite name="test/a.test.ts"><testcase name="it &lt;is&gt; &quot;so&quot;" classname="" file="test/a.test.ts" line="3" assertions="0">
    <failure type="AssertionError" message="2 !== 1">AssertionError: Expected:&#10;&#10;2 !== 1&#10;&#10;      at test/a.test.ts:3:54&#10;      at run (node:async_hooks:144:29)&#10;</failure>
  </testcase><testcase name="late" classname="" file="test/b.test.ts" line="9" assertions="0">
    <failure type="TimeoutError" message="test timed out" />
  </testcase><testcase name="good" file="test/b.test.ts" line="10"/></testsuite>`;
  assert.deepEqual(readFailures(report), [
    { where: "test/a.test.ts:3", name: 'it <is> "so"', error: ["AssertionError: Expected:", "2 !== 1"] },
    { where: "test/b.test.ts:9", name: "late", error: ["test timed out"] },
  ]);
});

test("a failed test is read from what Deno writes, the file of a step from its stack", () => {
  const report = `<testcase name="plain" classname="./test/a.test.ts" time="0.001" line="4" col="1">
    <failure message="Uncaught Error: one
two">Error: one
two
    at NodeTestContext.&lt;anonymous&gt; (file:///here/test/a.test.ts:4:29)</failure></testcase>
  <testcase name="outer" classname="./test/a.test.ts" line="5" col="1"><failure message="1 test step failed">1 test step failed.</failure></testcase>
  <testcase name="outer &gt; deep" classname="ext:deno_node/testing.ts" line="1" col="23191">
    <failure message="Uncaught AssertionError: why not">AssertionError: why not
    at NodeTestContext.&lt;anonymous&gt; (file:///here/test/a.test.ts:5:130)</failure></testcase>`;
  assert.deepEqual(readFailures(report), [
    { where: "./test/a.test.ts:4", name: "plain", error: ["Error: one", "two"] },
    { where: "///here/test/a.test.ts:5", name: "outer > deep", error: ["AssertionError: why not"] },
  ]);
});

test("a failed test is read from what Node writes, which leaves brackets in names", () => {
  const report = `<testcase name="a > b &amp;quot;c&amp;quot;" time="0.002541" classname="test" failure="2 !== 1">
  <failure type="testCodeFailure" message="2 !== 1">
[Error [ERR_TEST_FAILURE]: 2 !== 1] {
  code: 'ERR_TEST_FAILURE',
  failureType: 'testCodeFailure',
  cause: AssertionError [ERR_ASSERTION]: 2 !== 1
      at TestContext.&lt;anonymous> (file:///here/test/a.test.ts:3:54)
      at Test.start (node:internal/test_runner/test:944:17) {
    generatedMessage: true,
  }
}
  </failure></testcase><testcase name="good" time="1" classname="test"/>`;
  const error = ["AssertionError [ERR_ASSERTION]: 2 !== 1"];
  assert.deepEqual(readFailures(report), [{ where: "///here/test/a.test.ts:3", name: 'a > b "c"', error }]);
  assert.deepEqual(countTests(report), { passed: 1, failed: 1, skipped: 0 });
});

test("an error beside all tests is read from Bun's output", () => {
  const output = `bun test v1.4.5

b.test.ts:

# Unhandled error between tests
-------------------------------
2 | test("ok", () => {});
3 | throw new Error("at load");
              ^
error: at load
      at /here/test/b.test.ts:3:11
-------------------------------

 3 pass
`;
  const failure = { where: "/here/test/b.test.ts:3", name: "an error between tests", error: ["error: at load"] };
  assert.deepEqual(readStrayErrors(output), [failure]);
  assert.deepEqual(readStrayErrors(" 3 pass\n"), []);
});

test("failures are told by suite, file, name and error, in fewer lines the more there are", () => {
  const failure = { where: "test/a.test.ts:3", name: "it is so", error: ["2 !== 1", "second", "third"] };
  assert.deepEqual(tellFailures([{ suite: "node", failures: [failure, { ...failure, where: "" }] }]), [
    "FAILED node: test/a.test.ts:3: it is so",
    "  2 !== 1",
    "  second",
    "  third",
    "FAILED node: it is so",
    "  2 !== 1",
    "  second",
    "  third",
  ]);
  const many = tellFailures([{ suite: "node", failures: Array.from({ length: 12 }, () => failure) }], 24);
  assert.equal(many.length, 24);
  assert.deepEqual(tellFailures([{ suite: "node", failures: [] }]), []);
});

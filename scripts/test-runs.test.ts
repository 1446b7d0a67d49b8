import assert from "node:assert/strict";
import { test } from "node:test";
import { deathNote, isOwnFault } from "./test-runs.ts";

const finished = { code: 1, seconds: 245.6, isLate: false, output: "" };

test("a runner that was killed is told of with its signal and its last words", () => {
  const output = `${Array.from({ length: 500 }, (_, line) => `line ${line}`).join("\n")}\n\n`;
  const note = deathNote("deno", { ...finished, signal: "SIGKILL", output });
  assert.match(
    note,
    /^deno was killed by SIGKILL after 246 s, and its report names no failed test\. It wrote at last:\n/,
  );
  assert.ok(note.endsWith("line 498\nline 499\n"));
  assert.doesNotMatch(note, /line 100\n/);
});

test("a runner that ended by itself is told of with its exit code, and that it wrote nothing", () => {
  assert.equal(
    deathNote("node", { ...finished, code: 134 }),
    "node ended with exit code 134 after 246 s, and its report names no failed test. It wrote nothing.\n",
  );
});

test("a runner that took too long is told of so", () => {
  assert.match(
    deathNote("bun", { ...finished, signal: "SIGTERM", isLate: true, output: "x" }),
    /^bun was killed by SIGTERM after 246 s, because it took longer than \d+ s, .*\nx\n$/,
  );
});

test("only a crash of Deno itself is tried again: neither a failed test, nor a hang, nor another runtime", () => {
  assert.ok(isOwnFault("deno", { signal: "SIGSEGV", isLate: false }));
  assert.ok(!isOwnFault("deno", { isLate: false }));
  assert.ok(!isOwnFault("deno", { signal: "SIGTERM", isLate: true }));
  assert.ok(!isOwnFault("deno", { signal: "SIGKILL", isLate: false }));
  assert.ok(!isOwnFault("bun", { signal: "SIGSEGV", isLate: false }));
});

import assert from "node:assert/strict";
import { test } from "node:test";
import { decodeOutcomes, encodeOutcomes, plainReply, readPlainReply } from "./messages.ts";
import type { Outcome } from "./transaction.ts";

test("outcomes survive the way back", () => {
  const outcomes: Outcome[] = [
    { kind: "done", results: [] },
    { kind: "done", results: [3, [{ a: 1, b: null }], 0] },
    { kind: "unexpected", step: 2, changes: 0 },
    { kind: "error", error: "full", message: "cannot write" },
    { kind: "done", results: [1] },
  ];
  assert.deepEqual(decodeOutcomes(structuredClone(encodeOutcomes(outcomes))), outcomes);
});

test("a number answers transactions whose steps changed one row each, and no others", () => {
  const one: Outcome = { kind: "done", results: [1] };
  const two: Outcome = { kind: "done", results: [1, 1] };
  assert.deepEqual(readPlainReply(plainReply(1, [one])!), { file: 1, count: 1 });
  assert.deepEqual(readPlainReply(plainReply(70_000, [one, two, one])!), { file: 70_000, count: 3 });
  const others: Outcome[] = [
    { kind: "done", results: [0] },
    { kind: "done", results: [1, 2] },
    { kind: "done", results: [[{ a: 1 }]] },
    { kind: "unexpected", step: 0, changes: 1 },
    { kind: "error", error: "full", message: "cannot write" },
  ];
  for (const other of others) assert.equal(plainReply(1, [one, other, two]), undefined);
});

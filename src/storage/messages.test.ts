import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { BatchDecoder, BatchEncoder, decodeOutcomes, encodeOutcomes } from "./messages.ts";
import type { Step } from "./storage.ts";
import type { Outcome } from "./transaction.ts";
import { plainStep } from "./transaction.ts";

const value = fc.oneof(
  fc.string(),
  fc.double({ noNaN: true }),
  fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
  fc.uint8Array({ maxLength: 40 }),
  fc.constant(null),
);
const step: fc.Arbitrary<Step> = fc.record(
  {
    sql: fc.string({ maxLength: 3 }),
    params: fc.array(value, { maxLength: 5 }),
    expect: fc.oneof(fc.nat(9), fc.record({ min: fc.nat(9) })),
    returning: fc.boolean(),
  },
  { requiredKeys: ["sql", "params"] },
);

test("what is encoded is decoded, message after message", () => {
  fc.assert(
    fc.property(
      fc.array(fc.array(fc.array(step, { maxLength: 4 }), { maxLength: 5 }), { maxLength: 4 }),
      (messages) => {
        const encoder = new BatchEncoder();
        const decoder = new BatchDecoder();
        for (const transactions of messages) {
          for (const steps of transactions) encoder.add(steps);
          const { steps, blob, texts } = structuredClone(encoder.take());
          assert.deepEqual(
            decoder.decode(steps, blob, texts),
            transactions.map((each) => each.map(plainStep)),
          );
        }
      },
    ),
  );
});

test("a statement travels once, and beyond the limit each time", () => {
  const encoder = new BatchEncoder();
  const decoder = new BatchDecoder();
  for (let round = 0; round < 2; round++) {
    for (let index = 0; index < 600; index++) {
      encoder.add([{ sql: `SELECT ${index}`, params: [] }]);
      const { steps, blob, texts } = encoder.take();
      assert.equal(texts !== null, round === 0 && index < 500);
      assert.equal(decoder.decode(steps, blob, texts)[0]?.[0]?.sql, `SELECT ${index}`);
    }
  }
});

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

test("what SQL has no kind for is refused before it spoils the message", () => {
  const encoder = new BatchEncoder();
  for (const value of [undefined, true, {}, [], () => 0, Symbol("x")])
    assert.throws(() => encoder.add([{ sql: "SELECT ?", params: [value as unknown as null] }]), TypeError);
  encoder.add([{ sql: "SELECT ?", params: [1] }]);
  const { steps, blob, texts } = encoder.take();
  assert.deepEqual(new BatchDecoder().decode(steps, blob, texts)[0]?.[0]?.params, [1]);
});

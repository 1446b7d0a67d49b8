import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { Step } from "./storage.ts";
import { plainStep } from "./transaction.ts";
import { type Memory, TransactionDecoder, TransactionEncoder } from "./transaction-codec.ts";

const value = fc.oneof(
  fc.string({ unit: "grapheme" }),
  fc.integer(),
  fc.double({ noNaN: true }),
  fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
  fc.uint8Array({ maxLength: 40 }),
  fc.constant(null),
);
const step: fc.Arbitrary<Step> = fc.record(
  {
    sql: fc.string({ unit: "grapheme", maxLength: 3 }),
    params: fc.array(value, { maxLength: 5 }),
    expect: fc.oneof(fc.nat(9), fc.record({ min: fc.nat(9) })),
    returning: fc.boolean(),
  },
  { requiredKeys: ["sql", "params"] },
);

function memory(size: number): Memory {
  const bytes = new Uint8Array(new SharedArrayBuffer(size));
  return { bytes, view: new DataView(bytes.buffer) };
}

test("what is encoded is decoded, in no more bytes than were asked for", () => {
  fc.assert(
    fc.property(fc.array(fc.array(step, { maxLength: 4 }), { maxLength: 12 }), fc.nat(9), (transactions, start) => {
      const encoder = new TransactionEncoder();
      const decoder = new TransactionDecoder();
      for (const steps of transactions) {
        const bound = encoder.bound(steps);
        const place = memory(start + bound);
        assert.ok(encoder.encode(steps, place, start) <= bound);
        const plain = decoder.decode(place, start).map((each) => ({
          ...each,
          params: each.params.map((param) => (param instanceof Uint8Array ? param.slice() : param)),
        }));
        assert.deepEqual(plain, steps.map(plainStep));
      }
    }),
  );
});

test("lone surrogates become what SQLite would make of them, and spoil no text beside them", () => {
  const params = ["a\ud800", "b", "\udc00c", "\ud83d\ude00"];
  const encoder = new TransactionEncoder();
  const steps = [{ sql: "SELECT ?, ?, ?, ?", params }];
  const place = memory(encoder.bound(steps));
  encoder.encode(steps, place, 0);
  const [read] = new TransactionDecoder().decode(place, 0);
  assert.deepEqual(read?.params, ["a\ufffd", "b", "\ufffdc", "\ud83d\ude00"]);
});

test("a statement travels once, and beyond the limit each time", () => {
  const encoder = new TransactionEncoder();
  const decoder = new TransactionDecoder();
  const sizes: number[] = [];
  for (let round = 0; round < 2; round++) {
    for (let index = 0; index < 600; index++) {
      const steps = [{ sql: `SELECT ${index}`, params: [] }];
      const place = memory(encoder.bound(steps));
      sizes.push(encoder.encode(steps, place, 0));
      assert.equal(decoder.decode(place, 0)[0]?.sql, `SELECT ${index}`);
    }
  }
  assert.ok(sizes[600]! < sizes[0]!);
  assert.equal(sizes[600 + 599], sizes[599]);
});

test("what SQL has no kind for is refused", () => {
  const encoder = new TransactionEncoder();
  for (const value of [undefined, true, {}, [], () => 0, Symbol("x")])
    assert.throws(() => encoder.bound([{ sql: "SELECT ?", params: [value as unknown as null] }]), TypeError);
});

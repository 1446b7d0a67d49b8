import assert from "node:assert/strict";
import test from "node:test";
import fc from "fast-check";
import { ProtoFault, ProtoReader } from "./reader.ts";
import { ProtoWriter } from "./writer.ts";

/** A message in field 1 that has these bytes as its fields of number 2. */
function holding(values: readonly Uint8Array[]): Uint8Array {
  const writer = new ProtoWriter(16);
  const message = writer.open(1);
  for (const value of values) writer.bytes(2, value);
  writer.close(message);
  return writer.finish();
}

function read(bytes: Uint8Array, how: "message" | "texts"): string[] {
  const outer = new ProtoReader(bytes);
  assert.equal(outer.next(), 1);
  const inner = outer[how]();
  const found: string[] = [];
  while (inner.next() === 2) found.push(inner.string());
  assert.equal(outer.next(), 0);
  return found;
}

const anyBytes = fc.oneof(
  fc.string({ unit: "grapheme", maxLength: 300 }).map((text) => new TextEncoder().encode(text)),
  fc.string({ unit: "grapheme-ascii", maxLength: 300 }).map((text) => new TextEncoder().encode(text)),
  fc.uint8Array({ maxLength: 200 }),
);

test("texts read in one go are those read one by one, broken ones too", () => {
  fc.assert(
    fc.property(fc.array(anyBytes, { maxLength: 8 }), (values) => {
      const bytes = holding(values);
      const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
      const expected = values.map((value) => decoder.decode(value));
      assert.deepEqual(read(bytes, "message"), expected);
      assert.deepEqual(read(bytes, "texts"), expected);
    }),
    { numRuns: 500 },
  );
});

test("a message inside of texts is read as well", () => {
  const writer = new ProtoWriter(16);
  const outer = writer.open(1);
  const inner = writer.open(2);
  writer.string(1, "within");
  writer.close(inner);
  writer.string(3, "behind");
  writer.close(outer);
  const reader = new ProtoReader(writer.finish());
  reader.next();
  const texts = reader.texts();
  assert.equal(texts.next(), 2);
  const within = texts.message();
  within.next();
  assert.equal(within.string(), "within");
  texts.next();
  assert.equal(texts.string(), "behind");
});

test("a length beyond the end is a fault", () => {
  const bytes = Uint8Array.of(0x0a, 0x05, 0x12, 0x01);
  const reader = new ProtoReader(bytes);
  reader.next();
  assert.throws(() => reader.texts(), ProtoFault);
});

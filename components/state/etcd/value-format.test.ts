import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { encodeUtf8 } from "../../../src/kit/bytes.ts";
import { decodeMessage, encodeMessage } from "../../_shared/etcd-wire.ts";
import { envelopeFormat } from "./value-format.ts";

const hex = (bytes: Uint8Array): string => Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
const newYear = Date.UTC(2026, 0, 1);

test("the envelope is upstream's byte for byte, but for the time to live that is none", () => {
  const value = encodeUtf8('{"a":1}');
  assert.equal(hex(envelopeFormat.encode(value, newYear, 60)), "0a077b2261223a317d12060880f2d6ca061a02083c");
  assert.equal(hex(envelopeFormat.encode(value, newYear, undefined)), "0a077b2261223a317d12060880f2d6ca06");
  assert.equal(hex(envelopeFormat.encode(new Uint8Array(), newYear + 1.5, undefined)), "120a0880f2d6ca0610e0c65b");
  const { bytes, metadata } = envelopeFormat.decode(envelopeFormat.encode(value, newYear, 60));
  assert.deepEqual([...bytes], [...value]);
  assert.deepEqual(metadata, { ttlExpireTime: "2026-01-01T00:01:00Z" });
});

test("messages come back as they were written, other kinds of field are skipped", () => {
  const field = fc.tuple(
    fc.integer({ min: 1, max: 5000 }),
    fc.oneof(fc.maxSafeNat(), fc.bigInt({ min: 2n ** 53n, max: 2n ** 63n - 1n }), fc.uint8Array({ maxLength: 300 })),
  );
  fc.assert(
    fc.property(fc.array(field), (fields) => {
      const read = decodeMessage(encodeMessage(fields));
      assert.deepEqual(
        read.map(([number, value]) => [number, value instanceof Uint8Array ? [...value] : value]),
        fields.map(([number, value]) => [number, value instanceof Uint8Array ? [...value] : value]),
      );
    }),
  );
  assert.deepEqual(decodeMessage(encodeMessage([[1, -2n]])), [[1, -2n]]);
  const mixed = Uint8Array.from([0x09, 1, 2, 3, 4, 5, 6, 7, 8, 0x15, 1, 2, 3, 4, 0x18, 5]);
  assert.deepEqual(decodeMessage(mixed), [[3, 5]]);
});

test("broken messages are refused", () => {
  for (const bytes of [[0x08], [0x0a, 5, 1], [0x09, 1], [0x0b], [0x08, ...new Array(11).fill(255)]])
    assert.throws(() => decodeMessage(Uint8Array.from(bytes)), /^Error: proto: /);
});

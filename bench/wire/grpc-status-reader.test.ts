import assert from "node:assert/strict";
import { test } from "node:test";
import { codesOfLength, GrpcStatusReader } from "./grpc-status-reader.ts";
import { encodeHeaders } from "./hpack-encode.ts";

const read = (reader: GrpcStatusReader, ...bytes: number[]) => reader.read(new Uint8Array(bytes), 0, bytes.length);
const once = (...bytes: number[]) => read(new GrpcStatusReader(), ...bytes);
const packedName = [0x88, 0x9a, 0xca, 0xc8, 0xb2, 0x12, 0x34, 0xda, 0x8f];
const text = (value: string) => [value.length, ...new TextEncoder().encode(value)];

test("the code lengths form a complete code of 257 symbols", () => {
  assert.equal(
    codesOfLength.reduce((sum, codes) => sum + codes),
    257,
  );
  assert.equal(
    codesOfLength.reduce((sum, codes, length) => sum + codes / 2 ** length, 0),
    1,
  );
});

test("a status written as plain literal is found among other headers", () => {
  const block = encodeHeaders([
    [":status", "200"],
    ["content-type", "application/grpc"],
    ["x-long", "v".repeat(300)],
    ["grpc-status", "14"],
    ["grpc-message", "gone"],
  ]);
  assert.equal(new GrpcStatusReader().read(block, 0, block.length), 14);
});

test("a name and value in Huffman code are found, after a table size update and with any kind of indexing", () => {
  for (const kind of [0x00, 0x10, 0x40]) {
    assert.equal(once(0x20, kind, ...packedName, 0x81, 0x07), 0);
    assert.equal(once(0x20, kind, ...packedName, 0x01, 0x30), 0);
    assert.equal(once(kind, ...packedName, 0x81, 0x0f), 99);
    assert.equal(once(kind, ...packedName, 0x02, 0x31, 0x33), 13);
  }
});

test("entries of the dynamic table are followed through additions, names by index, evictions and size updates", () => {
  const reader = new GrpcStatusReader();
  assert.equal(read(reader, 0x40, ...packedName, 0x81, 0x07), 0);
  assert.equal(read(reader, 0xbe), 0);
  assert.equal(read(reader, 0x40, ...text("x-other"), ...text("1")), -1);
  assert.equal(read(reader, 0xbe), -1);
  assert.equal(read(reader, 0xbf), 0);
  assert.equal(read(reader, 0x7f, 0x00, ...text("7")), 7, "name of entry 63, added anew");
  assert.equal(read(reader, 0xbe), 7);
  // 44 bytes for each status entry and 40 for the other: room for the newest alone.
  assert.equal(read(reader, 0x3f, 80 - 31, 0xbe), 7);
  assert.throws(() => read(reader, 0xbf), /no table entry 63/);
  // "date" by static name, 29 packed symbols of 5 to 8 bits: 4 + 29 + 32 bytes evict the status.
  const packedDate = [0x61, 0x96, 0xd0, 0x7a, 0xbe, 0x94, 0x10, 0x54, 0xd4, 0x44, 0xa8, 0x20, 0x05, 0x95];
  const packedRest = [0x04, 0x0b, 0x81, 0x66, 0xe0, 0x82, 0xa6, 0x2d, 0x1b, 0xff];
  assert.equal(read(reader, ...packedDate, ...packedRest), -1);
  assert.equal(read(reader, 0xbe), -1);
  assert.throws(() => read(reader, 0xbf), /no table entry 63/);
});

test("a block without a status says so", () => {
  assert.equal(once(0x88), -1);
});

import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { HeaderList } from "../types.ts";
import { Http2Fault } from "./frame.ts";
import { HpackDecoder } from "./hpack-decoder.ts";
import { type BlockTarget, HpackEncoder } from "./hpack-encoder.ts";
import { createHuffmanTable } from "./huffman.ts";

const huffman = createHuffmanTable();

function read(decoder: HpackDecoder, block: Buffer): [string, string][] {
  const seen: [string, string][] = [];
  decoder.decode(block, 0, block.length, (name, value) => seen.push([name, value]));
  return seen;
}

function write(encoder: HpackEncoder, list: HeaderList, defaults?: HeaderList): Buffer {
  const target: BlockTarget = {
    buffer: Buffer.alloc(64),
    length: 0,
    reserve(bytes) {
      if (target.length + bytes > target.buffer.length)
        target.buffer = Buffer.concat([target.buffer, Buffer.alloc(bytes + 64)]);
    },
  };
  encoder.encode(list, target, defaults);
  return target.buffer.subarray(0, target.length);
}

test("the requests of RFC 7541, C.4: packed text and a table that grows", () => {
  const decoder = new HpackDecoder(huffman);
  const base: [string, string][] = [
    [":method", "GET"],
    [":scheme", "http"],
    [":path", "/"],
    [":authority", "www.example.com"],
  ];
  assert.deepEqual(read(decoder, Buffer.from("828684418cf1e3c2e5f23a6ba0ab90f4ff", "hex")), base);
  assert.deepEqual(read(decoder, Buffer.from("828684be5886a8eb10649cbf", "hex")), [
    ...base,
    ["cache-control", "no-cache"],
  ]);
  assert.deepEqual(read(decoder, Buffer.from("828785bf408825a849e95ba97d7f8925a849e95bb8e8b4bf", "hex")), [
    [":method", "GET"],
    [":scheme", "https"],
    [":path", "/index.html"],
    [":authority", "www.example.com"],
    ["custom-key", "custom-value"],
  ]);
});

test("the responses of RFC 7541, C.6: a table of 256 bytes that evicts", () => {
  const decoder = new HpackDecoder(huffman, 256);
  const first = read(
    decoder,
    Buffer.from(
      "488264025885aec3771a4b6196d07abe941054d444a8200595040b8166e082a62d1bff6e919d29ad171863c78f0b97c8e9ae82ae43d3",
      "hex",
    ),
  );
  assert.deepEqual(first, [
    [":status", "302"],
    ["cache-control", "private"],
    ["date", "Mon, 21 Oct 2013 20:13:21 GMT"],
    ["location", "https://www.example.com"],
  ]);
  assert.equal(read(decoder, Buffer.from("4883640effc1c0bf", "hex"))[0]?.[1], "307");
});

for (const [what, hex] of [
  ["an index of nothing", "be"],
  ["index 0", "80"],
  ["a number without end", "ffffffffffff"],
  ["text beyond the block", "0005616263"],
  ["a table larger than offered", "3fe21f"],
  ["a resize after a header", "8220"],
  ["packed text with a code cut short", "0081fe00"],
  ["packed text with the end mark", "0084ffffffff00"],
  ["a block that ends in a number", "1f"],
] as const)
  test(`${what} is a fault of compression`, () => {
    assert.throws(
      () => read(new HpackDecoder(huffman), Buffer.from(hex, "hex")),
      (error) => error instanceof Http2Fault && error.code === 9,
    );
  });

const name = fc.oneof(
  fc.constantFrom(":path", ":status", "content-type", "te", "grpc-status", "user-agent", "authorization", "cookie"),
  fc.constantFrom("traceparent", "grpc-timeout", "dapr-app-id"),
  fc.stringMatching(/^[a-z0-9-]{1,12}$/),
);
const value = fc.oneof(
  fc.constantFrom("200", "trailers", "application/grpc", "/a.B/C"),
  fc.string({ unit: fc.integer({ min: 32, max: 255 }).map((code) => String.fromCharCode(code)), maxLength: 300 }),
);

test("what one side writes the other reads, over many blocks and changes of the table", () => {
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.array(fc.tuple(name, value), { maxLength: 8 }), fc.option(fc.nat({ max: 5000 }))), {
        maxLength: 30,
      }),
      (blocks) => {
        const encoder = new HpackEncoder();
        const decoder = new HpackDecoder(huffman);
        for (const [pairs, limit] of blocks) {
          if (limit !== null) encoder.limit(limit);
          const list: HeaderList = Object.fromEntries(
            pairs.filter(([one, text]) => one !== "connection" && (one !== "te" || text === "trailers")),
          );
          const read1 = Object.fromEntries(read(decoder, write(encoder, list)));
          assert.deepEqual({ ...read1 }, { ...list });
        }
      },
    ),
  );
});

test("random bytes are headers or a fault, never anything else", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 80 }), (bytes) => {
      try {
        read(new HpackDecoder(huffman), Buffer.from(bytes));
      } catch (error) {
        assert.ok(error instanceof Http2Fault, String(error));
      }
    }),
    { numRuns: 2000 },
  );
});

test("pseudo headers come first, defaults fill what is missing, a repeated request is a few bytes", () => {
  const encoder = new HpackEncoder();
  const decoder = new HpackDecoder(huffman);
  const list = { "content-type": "application/grpc", ":path": "/a.B/C", "x-a": ["1", "2"] };
  const first = write(encoder, list, { ":method": "POST", ":authority": "here", ":path": "/" });
  assert.deepEqual(read(decoder, first), [
    [":method", "POST"],
    [":authority", "here"],
    [":path", "/a.B/C"],
    ["content-type", "application/grpc"],
    ["x-a", "1"],
    ["x-a", "2"],
  ]);
  assert.ok(write(encoder, { ":path": "/a.B/C", "content-type": "application/grpc" }).length === 2);
});

test("of headers that are new with each call the name is written once", () => {
  const encoder = new HpackEncoder();
  const decoder = new HpackDecoder(huffman);
  const name = "traceparent";
  const sizes = ["00-first", "00-other", "00-third", "00-first"].map((value) => {
    const block = write(encoder, { [name]: value });
    assert.deepEqual(read(decoder, block), [[name, value]]);
    return block.length;
  });
  assert.deepEqual(sizes, [2 + name.length + 1 + 8, 2 + 1 + 8, 2 + 1 + 8, 1]);
});

const refused: readonly HeaderList[] = [
  { connection: "close" },
  { Upgrade: "x" },
  { te: "gzip" },
  { "a b": "c" },
  { "": "c" },
  { a: "b\r\nc: d" },
  { a: "b\0" },
  { a: "\u20ac" },
];
for (const list of refused)
  test(`${JSON.stringify(list)} is refused before a byte is written`, () => {
    const encoder = new HpackEncoder();
    assert.throws(() => write(encoder, { ":status": "200", "user-agent": "new", ...list }), TypeError);
    assert.equal(write(encoder, { ":status": "200" }).length, 1);
  });

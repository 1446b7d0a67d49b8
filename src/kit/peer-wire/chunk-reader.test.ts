import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { concatBytes } from "../bytes.ts";
import { encodeFrame, FrameReader, framePrefix } from "../grpc/frames.ts";
import { ProtoFault } from "../protobuf/reader.ts";
import { ProtoWriter } from "../protobuf/writer.ts";
import { ChunkReader } from "./chunk-reader.ts";
import { chunkStartBytes, decodeRequestChunk, type WireChunk, type WireRequest } from "./decode.ts";
import { encodeChunkStart } from "./encode.ts";

type Chunk = WireChunk<WireRequest>;
/** What a reader said, up to its fault. */
interface Outcome {
  readonly chunks: Chunk[];
  readonly fault: string | undefined;
}

const decode = (frame: Uint8Array): Chunk => decodeRequestChunk(frame.subarray(framePrefix));

/** The frames of the bytes, cut into pieces of these sizes. */
function read(
  bytes: Uint8Array,
  cuts: readonly number[],
  startBytes: number | undefined,
  take: (piece: Uint8Array) => Chunk | undefined,
): Outcome {
  const reader = new FrameReader(100_000, startBytes);
  const chunks: Chunk[] = [];
  let at = 0;
  try {
    for (const size of [...cuts, bytes.length]) {
      if (at < bytes.length)
        reader.push(bytes.subarray(at, at + size), (piece) => {
          const chunk = take(piece);
          if (chunk !== undefined) chunks.push(chunk);
        });
      at += size;
    }
    return { chunks, fault: undefined };
  } catch (error) {
    assert.ok(error instanceof ProtoFault, String(error));
    return { chunks, fault: error.message };
  }
}

/** Pieces of one chunk put together. */
function joined(chunks: readonly Chunk[]): Chunk[] {
  const all: Chunk[] = [];
  for (const chunk of chunks) {
    const last = all.at(-1);
    if (chunk.seq !== undefined || last === undefined) all.push(chunk);
    else
      all[all.length - 1] = {
        ...last,
        data: concatBytes([last.data ?? new Uint8Array(0), chunk.data ?? new Uint8Array(0)]),
      };
  }
  return all;
}

const data = fc.uint8Array({ minLength: 1, maxLength: 400 });
const seq = fc.oneof(fc.nat(300), fc.nat(Number.MAX_SAFE_INTEGER));
const ours = fc.tuple(data, seq).map(([bytes, number]) => concatBytes([encodeChunkStart(bytes, number), bytes]));
const written = (write: (writer: ProtoWriter) => void): Uint8Array => {
  const writer = new ProtoWriter(600, 0);
  write(writer);
  return encodeFrame(writer.finish());
};
/** Fields in another order, twice, or such as nobody knows. */
const others = fc.tuple(data, seq, fc.nat(5)).map(([bytes, number, kind]) =>
  written((writer) => {
    if (kind === 0) writer.varint(3, 7);
    const payload = writer.open(2);
    if (kind === 1) writer.bytes(1, bytes);
    if (kind === 2) writer.varint(9, 1);
    writer.bytes(1, bytes);
    if (number > 0) writer.varint(2, number);
    writer.close(payload);
    if (kind === 3) writer.bytes(9, bytes);
    if (kind === 4) writer.close(writer.open(2));
    if (kind === 5) {
      const head = writer.open(1);
      writer.bytes(9, bytes);
      writer.close(head);
    }
  }),
);
const noise = fc.uint8Array({ maxLength: 300 }).map((bytes) => encodeFrame(bytes));
/** A frame of ours of which some bytes are others. */
const damaged = fc
  .tuple(ours, fc.array(fc.tuple(fc.nat(30), fc.nat(255)), { minLength: 1, maxLength: 4 }))
  .map(([frame, changes]) => {
    const message = frame.slice(framePrefix);
    for (const [at, byte] of changes) if (at < message.length) message[at] = byte;
    return encodeFrame(message);
  });

test("what comes in pieces is what the whole messages say, however the bytes are cut", () => {
  const frames = fc.array(fc.oneof(ours, others, damaged, noise), { maxLength: 6 });
  const cuts = fc.array(fc.integer({ min: 1, max: 150 }), { maxLength: 40 });
  fc.assert(
    fc.property(frames, cuts, (sent, sizes) => {
      const bytes = concatBytes(sent);
      const reader = new ChunkReader(decode);
      const whole = read(bytes, [], undefined, decode);
      const seen = read(bytes, sizes, chunkStartBytes, (piece) => reader.take(piece));
      assert.equal(seen.fault, whole.fault);
      assert.deepEqual(joined(seen.chunks), whole.chunks);
    }),
    { numRuns: 3000 },
  );
});

test("the data of a chunk is handed over before the rest of it came, and is not copied", () => {
  const bytes = new Uint8Array(1000).fill(7);
  const frame = concatBytes([encodeChunkStart(bytes, 5), bytes]);
  const reader = new ChunkReader(decode);
  const first = reader.take(frame.subarray(0, 100));
  assert.equal(first?.seq, 5);
  assert.equal(first?.data?.buffer, frame.buffer);
  const rest = reader.take(frame.subarray(100));
  assert.equal(rest?.seq, undefined);
  assert.equal((first?.data?.length ?? 0) + (rest?.data?.length ?? 0), 1000);
  assert.equal(rest?.data?.buffer, frame.buffer);
});

test("a compressed frame and a message with a head are handed over whole", () => {
  const bytes = new Uint8Array(1000).fill(7);
  const chunk = concatBytes([encodeChunkStart(bytes, 1), bytes]);
  const compressed = chunk.slice();
  compressed[0] = 1;
  const headed = written((writer) => {
    const head = writer.open(1);
    writer.bytes(9, bytes);
    writer.close(head);
  });
  for (const frame of [compressed, headed]) {
    const seen: Uint8Array[] = [];
    const reader = new ChunkReader((whole) => {
      seen.push(whole);
      return decode(chunk);
    });
    assert.equal(reader.take(frame.subarray(0, 100)), undefined);
    assert.equal(reader.take(frame.subarray(100, 500)), undefined);
    assert.equal(reader.take(frame.subarray(500))?.seq, 1);
    assert.deepEqual(seen, [frame]);
  }
});

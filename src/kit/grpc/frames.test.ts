import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { encodeFrame, FrameReader, messageLength } from "./frames.ts";
import { WireFault } from "./wire-fault.ts";

describe("frames", () => {
  it("come out as they went in, however the bytes are cut", () => {
    const messages = fc.array(fc.uint8Array({ maxLength: 40 }), { maxLength: 12 });
    fc.assert(
      fc.property(messages, fc.array(fc.integer({ min: 1, max: 30 })), (sent, cuts) => {
        const bytes = Uint8Array.from(sent.flatMap((message) => [...encodeFrame(message)]));
        const reader = new FrameReader(40);
        const seen: number[][] = [];
        const take = (frame: Uint8Array) => seen.push([...frame.subarray(5)]);
        let at = 0;
        for (const size of [...cuts, bytes.length]) {
          if (at < bytes.length) reader.push(bytes.subarray(at, at + size), take);
          at += size;
        }
        assert.deepEqual(
          seen,
          sent.map((message) => [...message]),
        );
        assert.equal(reader.isMidFrame, false);
      }),
    );
  });

  it("come in pieces that span none of them, with so much at least of each in the first", () => {
    const messages = fc.array(fc.uint8Array({ maxLength: 60 }), { maxLength: 12 });
    fc.assert(
      fc.property(messages, fc.array(fc.integer({ min: 1, max: 40 })), (sent, cuts) => {
        const frames = sent.map((message) => encodeFrame(message));
        const bytes = Uint8Array.from(frames.flatMap((frame) => [...frame]));
        const reader = new FrameReader(60, 20);
        const seen: number[][] = [];
        let at = 0;
        for (const size of [...cuts, bytes.length]) {
          if (at < bytes.length)
            reader.push(bytes.subarray(at, at + size), (piece, isRest) => {
              if (isRest) (seen.at(-1) as number[]).push(...piece);
              else {
                assert.ok(piece.length >= Math.min(20, (frames[seen.length] as Uint8Array).length));
                seen.push([...piece]);
              }
            });
          at += size;
        }
        assert.deepEqual(
          seen,
          frames.map((frame) => [...frame]),
        );
        assert.equal(reader.isMidFrame, false);
        if (frames.length > 0) reader.push(bytes.subarray(0, (frames[0] as Uint8Array).length - 1), () => {});
        assert.equal(reader.isMidFrame, frames.length > 0);
      }),
    );
  });

  it("are refused by their announced length alone", () => {
    const reader = new FrameReader(10);
    reader.push(new Uint8Array([0, 0, 0]), () => assert.fail("there is no frame yet"));
    assert.equal(reader.isMidFrame, true);
    assert.throws(
      () => reader.push(new Uint8Array([1, 0]), () => {}),
      (error) =>
        error instanceof WireFault && error.code === 8 && /larger than max \(256 vs\. 10\)$/.test(error.message),
    );
  });

  it("announce lengths beyond 2 GiB", () => {
    assert.equal(messageLength(new Uint8Array([0, 255, 255, 255, 255]), 0), 0xffffffff);
  });
});

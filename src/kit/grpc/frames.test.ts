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

import assert from "node:assert/strict";
import { test } from "node:test";
import { createFrameReader, encodeFrame } from "./h2-frames.ts";
import { joinBytes } from "./join-bytes.ts";

test("frames come out whole however the bytes are split", () => {
  const bytes = joinBytes(
    encodeFrame(4, 1, 0, new Uint8Array(0)),
    encodeFrame(0, 1, 7, new Uint8Array([1, 2, 3])),
    encodeFrame(1, 5, 0x7fffffff, new Uint8Array(300).fill(9)),
  );
  for (const size of [1, 5, 9, 64, 1000]) {
    const seen: string[] = [];
    const read = createFrameReader((type, flags, stream, input, start, end) => {
      seen.push(`${type} ${flags} ${stream} ${input.subarray(start, end).join("").slice(0, 5)} ${end - start}`);
    });
    for (let at = 0; at < bytes.length; at += size) {
      const piece = bytes.slice(at, at + size);
      read(piece, piece.length);
    }
    assert.deepEqual(seen, ["4 1 0  0", "0 1 7 123 3", "1 5 2147483647 99999 300"]);
  }
});

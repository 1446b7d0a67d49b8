import assert from "node:assert/strict";
import { test } from "node:test";
import { createRecent } from "./recent.ts";

const row = { topic: 1, publishedAt: 0, expiresAt: null, key: null, metadata: "", contentType: "" };

test("the newest messages are kept up to a size, with bytes of their own", () => {
  const recent = createRecent(100);
  const bytes = new Uint8Array(10).fill(1);
  for (let seq = 1; seq <= 12; seq++) recent.put(seq, { ...row, data: bytes });
  bytes.fill(2);
  assert.deepEqual(
    [1, 2, 3, 12].map((seq) => recent.get(seq)?.data[0]),
    [undefined, undefined, 1, 1],
  );
  recent.put(13, { ...row, data: new Uint8Array(11) });
  assert.equal(recent.get(13), undefined);
});

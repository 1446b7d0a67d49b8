import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { decodeBase64, encodeBase64 } from "./base64.ts";
import { concatBytes, decodeUtf8, decodeUtf8Strict, encodeUtf8 } from "./bytes.ts";
import { goQuote } from "./go-quote.ts";
import { inParallel } from "./parallel.ts";

test("text goes to bytes and back, a byte order mark included", () => {
  fc.assert(
    fc.property(fc.string({ unit: "binary" }), (text) => {
      assert.equal(decodeUtf8(encodeUtf8(text)), text.toWellFormed());
    }),
  );
  assert.equal(decodeUtf8(encodeUtf8("\ufeffa")), "\ufeffa");
  assert.equal(decodeUtf8Strict(encodeUtf8("\ufeffä")), "\ufeffä");
  assert.equal(decodeUtf8Strict(new Uint8Array([0x61, 0xff])), undefined);
});

test("concatBytes keeps the order", () => {
  assert.deepEqual([...concatBytes([new Uint8Array([1]), new Uint8Array(), new Uint8Array([2, 3])])], [1, 2, 3]);
  assert.equal(concatBytes([]).length, 0);
});

test("base64 comes back, for any length", () => {
  fc.assert(fc.property(fc.uint8Array(), (bytes) => assert.deepEqual(decodeBase64(encodeBase64(bytes)), bytes)));
  const long = new Uint8Array(100_000).map((_, index) => index % 251);
  assert.deepEqual(decodeBase64(encodeBase64(long)), long);
  assert.equal(encodeBase64(new Uint8Array([251, 255])), "+/8=");
  assert.deepEqual([...decodeBase64("+/\r\n8=")], [251, 255]);
});

test("text that is no base64 is refused with the place", () => {
  for (const [text, at] of [
    ["a-bc", 1],
    ["YQ", 0],
    ["YQ=", 0],
    ["YQ==YQ==", 2],
    ["Y===", 1],
    ["====", 0],
  ] as const)
    assert.throws(() => decodeBase64(text), { message: `illegal base64 data at input byte ${at}` }, text);
});

test("goQuote", () => {
  const cases = [
    ["plain ä ✓", '"plain ä ✓"'],
    ['q"\\', '"q\\"\\\\"'],
    ["\u0007\b\f\n\r\t\u000b", '"\\a\\b\\f\\n\\r\\t\\v"'],
    ["\u0000\u007f\u00a0\u200b\u{E0001}", '"\\x00\\x7f\\u00a0\\u200b\\U000e0001"'],
  ] as const;
  for (const [text, quoted] of cases) assert.equal(goQuote(text), quoted);
});

test("inParallel keeps the order and the limit", async () => {
  for (const limit of [0, 1, 3, 100]) {
    let running = 0;
    let most = 0;
    const items = Array.from({ length: 20 }, (_, index) => index);
    const answers = await inParallel(items, limit, async (item) => {
      most = Math.max(most, ++running);
      for (let turn = 0; turn < item % 4; turn++) await Promise.resolve();
      running--;
      return item * 2;
    });
    assert.deepEqual(
      answers,
      items.map((item) => item * 2),
    );
    assert.ok(limit === 0 || most <= limit, `${most} at once`);
  }
  assert.deepEqual(await inParallel([], 2, async () => 1), []);
});

test("inParallel begins nothing more after a failure", async () => {
  const begun: number[] = [];
  const work = async (item: number): Promise<void> => {
    begun.push(item);
    if (item === 1) throw new Error("no");
  };
  await assert.rejects(inParallel([0, 1, 2, 3, 4], 1, work), { message: "no" });
  assert.deepEqual(begun, [0, 1]);
});

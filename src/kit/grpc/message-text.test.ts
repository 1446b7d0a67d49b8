import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { decodeMessageText, encodeMessageText } from "./message-text.ts";

describe("grpc-message", () => {
  it("keeps every text and is printable ASCII", () => {
    fc.assert(
      fc.property(fc.string({ unit: "grapheme" }), (text) => {
        const encoded = encodeMessageText(text);
        assert.match(encoded, /^[\x20-\x7e]*$/);
        assert.equal(decodeMessageText(encoded), text);
      }),
    );
  });

  it("leaves a stray percent sign alone", () => {
    assert.equal(decodeMessageText("100% of %zz %4"), "100% of %zz %4");
    assert.equal(decodeMessageText("%C3"), "\uFFFD");
  });
});

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { decodeTraceBin, encodeTraceBin } from "./trace-bin.ts";

const hex = (length: number) =>
  fc.string({ unit: fc.constantFrom(..."0123456789abcdef"), minLength: length, maxLength: length });

describe("grpc-trace-bin", () => {
  it("holds what a traceparent holds", () => {
    fc.assert(
      fc.property(hex(32), hex(16), hex(2), (traceId, spanId, flags) => {
        fc.pre(!/^0+$/.test(traceId) && !/^0+$/.test(spanId));
        const traceparent = `00-${traceId}-${spanId}-${flags}`;
        assert.equal(decodeTraceBin(encodeTraceBin(traceparent)), traceparent);
      }),
    );
  });

  it("is nothing when it is broken", () => {
    assert.equal(encodeTraceBin("nonsense"), "");
    for (const text of ["", "AAAA", "***", btoa("\x01".repeat(29))]) assert.equal(decodeTraceBin(text), "");
  });
});

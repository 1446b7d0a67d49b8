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

  it("is read with and without padding, whatever follows the flags", () => {
    const traceparent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    const bytes = atob(encodeTraceBin(traceparent));
    assert.equal(bytes.length, 29);
    for (const text of [btoa(bytes), btoa(`${bytes}more`)]) assert.equal(decodeTraceBin(text), traceparent);
    const noughts = "00-00000000000000000000000000000000-0000000000000000-00";
    assert.equal(atob(encodeTraceBin(noughts)).length, 29);
    assert.equal(decodeTraceBin(encodeTraceBin(noughts)), "");
  });

  it("is nothing when it is broken", () => {
    fc.assert(fc.property(fc.string(), (text) => assert.match(decodeTraceBin(text), /^$|^00-/)));
    assert.equal(encodeTraceBin("nonsense"), "");
    for (const text of ["", "AAAA", "***", btoa("\x01".repeat(29))]) assert.equal(decodeTraceBin(text), "");
  });
});

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { formatGrpcTimeout, parseGrpcTimeout } from "./timeout.ts";

describe("grpc-timeout", () => {
  it("reads every unit", () => {
    assert.deepEqual(
      ["1H", "2M", "3S", "4m", "5000u", "6000000n"].map(parseGrpcTimeout),
      [3_600_000, 120_000, 3000, 4, 5, 6],
    );
  });

  it("refuses what is not up to eight digits and a unit", () => {
    for (const text of ["", "1", "m", "123456789m", "-1m", "1.5S", "1x", " 1m"]) {
      assert.throws(() => parseGrpcTimeout(text), /^Error: transport: timeout/, text);
    }
  });

  it("writes values that are read as at least the same, and hardly more", () => {
    fc.assert(
      fc.property(fc.double({ min: 0.001, max: 1e12, noNaN: true }), (ms) => {
        const text = formatGrpcTimeout(ms);
        const read = parseGrpcTimeout(text);
        assert.ok(read >= ms * (1 - 1e-9) && read <= ms * 1.001 + 1e-6, `${ms} became ${text}`);
      }),
    );
    assert.equal(formatGrpcTimeout(-5), "0n");
    assert.equal(formatGrpcTimeout(250), "250000u");
  });
});

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { Code, ConnectError } from "@connectrpc/connect";
import { ErrorInfoSchema } from "../gen/google/rpc/error_details_pb.ts";
import { errorFromTrailers, statusTrailers } from "./grpc-status.ts";
import { httpStatusError } from "./http-status-error.ts";

describe("the trailers of an error", () => {
  it("keep code, text, details and metadata", () => {
    const info = { reason: "R", domain: "dapr.io", metadata: { k: "v" } };
    const error = new ConnectError("ä%", Code.Aborted, { "x-a": "1", "content-type": "no" }, [
      { desc: ErrorInfoSchema, value: info },
    ]);
    const trailers = statusTrailers(error);
    assert.equal(trailers["grpc-message"], "%C3%A4%25");
    assert.equal(trailers["content-type"], undefined);
    const read = errorFromTrailers(trailers);
    assert.ok(read !== undefined);
    assert.deepEqual([read.code, read.rawMessage, read.metadata.get("x-a")], [Code.Aborted, "ä%", "1"]);
    assert.equal(read.findDetails(ErrorInfoSchema)[0]?.reason, "R");
    const again = statusTrailers(read);
    assert.equal(again["grpc-status-details-bin"], trailers["grpc-status-details-bin"]);
    assert.equal(again["x-a"], undefined);
  });

  it("are no error when they say OK, and survive broken details", () => {
    assert.equal(errorFromTrailers({ "grpc-status": "0" }), undefined);
    assert.equal(errorFromTrailers({}), undefined);
    const read = errorFromTrailers({ "grpc-status": "5", "grpc-status-details-bin": "////" });
    assert.deepEqual([read?.code, read?.details], [Code.NotFound, []]);
  });
});

describe("an HTTP status as an error", () => {
  it("has Go's text and the detail cut to 63 bytes", () => {
    const error = httpStatusError(404, "é".repeat(40));
    assert.deepEqual([error.code, error.rawMessage], [Code.NotFound, "Not Found"]);
    const detail = error.details[0];
    assert.ok(detail !== undefined && "desc" in detail);
    assert.deepEqual(detail.value, {
      reason: "Not Found",
      domain: "dapr.io",
      metadata: { "http.code": "404", "http.error_message": "é".repeat(31) },
    });
    assert.equal(httpStatusError(418, "").code, Code.Unknown);
  });
});

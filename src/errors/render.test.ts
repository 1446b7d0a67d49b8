import assert from "node:assert/strict";
import { test } from "node:test";
import { Code, ConnectError } from "@connectrpc/connect";
import { fail } from "./error.ts";
import { grpcErrorCode, toConnectError } from "./grpc.ts";
import { describeHttp, renderHttp } from "./http.ts";
import { grpcCodeFromHttp, httpStatusFromGrpc } from "./http-status.ts";

test("a plain error over HTTP", async () => {
  const response = renderHttp(fail("badRequest", { reason: "<x> & y" }));
  assert.equal(response.status, 400);
  assert.equal(response.headers.get("content-type"), "application/json");
  assert.equal(
    await response.text(),
    '{"errorCode":"ERR_BAD_REQUEST","message":"invalid request: \\u003cx\\u003e \\u0026 y"}',
  );
});

test("anything else thrown is the unknown failure", () => {
  assert.deepEqual(describeHttp(new Error("boom")), {
    status: 500,
    body: '{"errorCode":"ERROR","message":"boom"}',
    metricCode: "ERROR",
    category: "",
  });
  const status = toConnectError(new Error("boom"));
  assert.equal(status.code, Code.Unknown);
  assert.equal(status.rawMessage, "boom");
  assert.equal(grpcErrorCode(new Error("boom")), undefined);
});

test("a plain error over gRPC", () => {
  const error = fail("healthNotReady", { targets: ["a", "b"] });
  const status = toConnectError(error);
  assert.equal(status.code, Code.Internal);
  assert.equal(status.rawMessage, "dapr is not ready: [a b]");
  assert.deepEqual(status.details, []);
  assert.deepEqual(grpcErrorCode(error), { code: "ERR_HEALTH_NOT_READY", category: "health" });
});

test("a status stays what it is", () => {
  const status = new ConnectError("x", Code.Aborted);
  assert.equal(toConnectError(status), status);
});

test("statuses of the two wires", () => {
  assert.equal(httpStatusFromGrpc(5), 404);
  assert.equal(httpStatusFromGrpc(99), 500);
  assert.equal(grpcCodeFromHttp(204), "OK");
  assert.equal(grpcCodeFromHttp(400), "Internal");
  assert.equal(grpcCodeFromHttp(418), "Unknown");
});

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

test("the status that a component asks for replaces the row on gRPC, and on HTTP its code or all of it", () => {
  const given = { http: 506, grpc: 15, message: "lost", tag: "the-tag", reason: "why", domain: "where" };
  const plain = fail("stateGet", { store: "s", key: "k", reason: "api error" });
  const part = plain.withStatus({ ...given, isWholeOnHttp: false });
  const whole = plain.withStatus({ ...given, isWholeOnHttp: true });
  for (const error of [part, whole]) {
    const status = toConnectError(error);
    assert.deepEqual([status.code, status.rawMessage], [Code.DataLoss, "lost"]);
    assert.deepEqual(status.details.length, 1);
    assert.deepEqual(grpcErrorCode(error), { code: "the-tag", category: "pluggable-component" });
  }
  assert.deepEqual(describeHttp(part), { ...describeHttp(plain), status: 506 });
  assert.deepEqual(describeHttp(whole), {
    status: 506,
    body: '{"errorCode":"the-tag","message":"lost","details":[{"@type":"type.googleapis.com/google.rpc.ErrorInfo","domain":"where","metadata":null,"reason":"why"}]}',
    metricCode: "the-tag",
    category: "pluggable-component",
  });
});

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { Code, ConnectError, createContextValues } from "@connectrpc/connect";
import { Dapr } from "../../gen/dapr/proto/runtime/v1/dapr_pb.ts";
import { ErrorInfoSchema } from "../../gen/google/rpc/error_details_pb.ts";
import { createVirtualClock } from "../../kit/virtual-clock.ts";
import type { Labels, Log, LogFields } from "../../telemetry/ports.ts";
import { createAllowList, createPathGuard } from "./allow-list.ts";
import { createApiLogging } from "./api-logging.ts";
import { createApiToken } from "./api-token.ts";
import { createCallMetrics } from "./call-metrics.ts";
import type { CallInfo } from "./interceptor.ts";

function describeCall(path: string, metadata: Record<string, string> = {}): CallInfo {
  return {
    path,
    metadata,
    remoteAddress: "127.0.0.1",
    call: { signal: new AbortController().signal, trace: { traceparent: "", tracestate: "", baggage: "" } },
    values: createContextValues(),
    responseHeader: new Headers(),
    responseTrailer: new Headers(),
    header: (key) => metadata[key],
    dropHeader(key) {
      delete metadata[key];
    },
    setTrace() {},
    onMessage: undefined,
    setAnswerHeader() {},
    setCaller() {},
  };
}

function refusal(run: () => unknown) {
  try {
    run();
  } catch (error) {
    assert.ok(error instanceof ConnectError);
    const detail = error.details[0];
    assert.ok(detail !== undefined && "desc" in detail && detail.desc === ErrorInfoSchema);
    return { code: error.code, message: error.rawMessage, info: detail.value };
  }
  throw new Error("nothing was refused");
}

const method = (name: string) => `/dapr.proto.runtime.v1.Dapr/${name}`;
const rule = (name: string, version: string, protocol = "grpc") => ({ name, version, protocol });

describe("the allow list", () => {
  const passes = (guard: ReturnType<typeof createPathGuard>, path: string) => {
    try {
      guard?.(path);
      return true;
    } catch {
      return false;
    }
  };

  it("is absent without rules of gRPC", () => {
    assert.equal(createPathGuard([rule("state", "v1.0", "http")], []), undefined);
    assert.equal(createPathGuard([rule("nothing", "v1")], []), undefined);
  });

  it("lets only allowed methods of the runtime pass", () => {
    const guard = createPathGuard([rule("state", "v1"), rule("workflows", "v1beta1")], []);
    assert.deepEqual(
      ["GetState", "DeleteBulkState", "RaiseEventWorkflowBeta1", "QueryStateAlpha1", "GetSecret", "Nope"].map((name) =>
        passes(guard, method(name)),
      ),
      [true, true, true, false, false, false],
    );
    assert.ok(passes(guard, "/my.Service/Call"));
    assert.ok(passes(guard, "/TaskHubSidecarService/Hello"));
  });

  it("refuses denied methods first", () => {
    const guard = createPathGuard([rule("state", "v1")], [rule("state", "v1")]);
    assert.ok(guard !== undefined);
    assert.deepEqual(
      refusal(() => createAllowList(guard)(describeCall(method("GetState")))),
      {
        code: Code.Unimplemented,
        message: "Not Implemented",
        info: {
          reason: "Not Implemented",
          domain: "dapr.io",
          metadata: { "http.code": "501", "http.error_message": "requested endpoint is not available" },
        },
      },
    );
    assert.ok(passes(createPathGuard([], [rule("state", "v1")]), method("GetSecret")));
  });

  it("names only methods that exist", () => {
    const versions = ["v1", "v1alpha1", "v1beta1", "v1alpha2"];
    const names =
      "invoke state publish bindings secrets actors metadata configuration lock unlock subtlecrypto crypto workflows jobs shutdown subscribe conversation";
    const all = names.split(" ").flatMap((name) => versions.map((version) => rule(name, version)));
    const guard = createPathGuard([], all);
    const open = Dapr.methods.filter(({ name }) => passes(guard, method(name))).map(({ name }) => name);
    assert.deepEqual(open, []);
  });
});

describe("the API token", () => {
  it("must match, and does not reach the handler", () => {
    const check = createApiToken("secret");
    const call = describeCall("/x/Y", { "dapr-api-token": "secret" });
    check(call);
    assert.deepEqual(call.metadata, {});
    const wrong = (token: string) => refusal(() => check(describeCall("/x/Y", { "dapr-api-token": token })));
    for (const token of ["", "secre", "secrets", "Secret", "secretsecret"]) {
      const { code, message, info } = wrong(token);
      assert.deepEqual([code, message], [Code.Unauthenticated, "Unauthorized"]);
      assert.equal(
        (info as { metadata: Record<string, string> }).metadata["http.error_message"],
        "authentication error: api token mismatch",
      );
    }
    assert.deepEqual(refusal(() => check(describeCall("/x/Y"))).info, {
      reason: "Unauthorized",
      domain: "dapr.io",
      metadata: { "http.code": "401", "http.error_message": "missing api token in request metadata" },
    });
  });
});

describe("API logging", () => {
  it("writes a line when a call is over", async () => {
    const lines: { scope: string; message: string; fields: LogFields | undefined }[] = [];
    const logIn = (scope: string): Log => {
      const write = (message: string, fields?: LogFields) => void lines.push({ scope, message, fields });
      return { debug: write, info: write, warn: write, error: write, fatal: write, scope: logIn, level: "info" };
    };
    const clock = createVirtualClock();
    const start = createApiLogging({ log: logIn(""), clock });
    const end = start(describeCall("/x/Y", { "user-agent": "me" }));
    await clock.advance(12.7);
    end?.({ code: 5, requestBytes: 1, responseBytes: 1 });
    start(describeCall("/x/Z"))?.({ code: 0, requestBytes: 1, responseBytes: 1 });
    assert.deepEqual(lines, [
      {
        scope: "dapr.runtime.grpc.api-info",
        message: "gRPC API Called",
        fields: { method: "/x/Y", duration: 12, code: 5, useragent: "me" },
      },
      {
        scope: "dapr.runtime.grpc.api-info",
        message: "gRPC API Called",
        fields: { method: "/x/Z", duration: 0, code: 0 },
      },
    ]);
  });
});

describe("call metrics", () => {
  it("count unary calls with sizes, and other calls only when they are proxied", async () => {
    const seen: string[] = [];
    const note = (name: string) => (labels: Labels, value?: number) =>
      void seen.push([name, labels["grpc_server_status"] ?? "-", value ?? 1].join(" "));
    const clock = createVirtualClock();
    const errors: unknown[] = [];
    const start = createCallMetrics({
      metrics: {
        counter: (name) => ({ add: note(name), bind: (labels) => ({ add: (value) => note(name)(labels, value) }) }),
        gauge: (name) => ({ set: note(name) }),
        histogram: (name) => ({
          observe: note(name),
          bind: (labels) => ({ observe: (value) => note(name)(labels, value) }),
        }),
        plain: () => assert.fail("these metrics have the common labels"),
        expose: () => "",
        onCollect() {},
      },
      clock,
      appId: "app",
      latencyBuckets: [1, 2],
      isUnary: (path) => path === "/x/Unary",
      onError: (error) => errors.push(error),
    });
    const end = start(describeCall("/x/Unary"));
    await clock.advance(3.9);
    end?.({ code: 5, error: "why", requestBytes: 10, responseBytes: 0 });
    assert.deepEqual(seen.splice(0), [
      "grpc_io_server_completed_rpcs NotFound 1",
      "grpc_io_server_server_latency NotFound 3",
      "grpc_io_server_received_bytes_per_rpc - 10",
      "grpc_io_server_sent_bytes_per_rpc - 0",
    ]);
    assert.deepEqual(errors, ["why"]);
    assert.equal(start(describeCall("/x/Stream")), undefined);
    start(describeCall("/y/Proxied", { "dapr-app-id": "b" }))?.({ code: 0, requestBytes: 1, responseBytes: 1 });
    assert.deepEqual(seen, ["grpc_io_server_completed_rpcs OK 1", "grpc_io_server_server_latency OK 0"]);
  });
});

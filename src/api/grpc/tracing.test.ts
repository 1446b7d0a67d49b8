import assert from "node:assert/strict";
import { test } from "node:test";
import { ConnectError, createContextValues } from "@connectrpc/connect";
import { type Trace, zeroTraceparent } from "../../kit/call.ts";
import { decodeTraceBin, encodeTraceBin } from "../../kit/grpc/trace-bin.ts";
import { createSeededRandom } from "../../kit/seeded-random.ts";
import { createVirtualClock } from "../../kit/virtual-clock.ts";
import { createSpanRecorder, type SpanData } from "../../telemetry/span.ts";
import { createTracer } from "../../telemetry/trace.ts";
import type { CallEnd, CallInfo } from "./interceptor.ts";
import { createGrpcTracing } from "./tracing.ts";

const dapr = "/dapr.proto.runtime.v1.Dapr/";
const parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
const random = createSeededRandom(1);
const spans: SpanData[] = [];
const record = createSpanRecorder(createVirtualClock(), { add: (span) => void spans.push(span) });
const tracers = {
  span: createTracer({ samplingRate: "0.0000001", hasExporter: true, random, record }),
  pass: createTracer({ samplingRate: "", hasExporter: false, random }),
};

/** Lets a call through; what the interceptor did with it. */
function through(
  path: string,
  metadata: Record<string, string | string[]>,
  { tracer = "span" as keyof typeof tracers, message = {} as unknown, end = {} as Partial<CallEnd> } = {},
) {
  const answer: Record<string, string> = {};
  let trace: Trace | undefined;
  const info: CallInfo = {
    path,
    metadata,
    remoteAddress: "127.0.0.1",
    call: { signal: new AbortController().signal, trace: { traceparent: "", tracestate: "", baggage: "" } },
    values: createContextValues(),
    responseHeader: new Headers(),
    responseTrailer: new Headers(),
    onMessage: undefined,
    header: (key) => [metadata[key]].flat()[0],
    setAnswerHeader(key, value) {
      answer[key] = String(value);
    },
    dropHeader() {},
    setTrace(given) {
      trace = given;
    },
    setCaller() {},
  };
  spans.length = 0;
  const over = createGrpcTracing({ tracer: tracers[tracer], appId: "me" })(info);
  info.onMessage?.(message);
  over?.({ code: 0, requestBytes: 0, responseBytes: 0, ...end });
  const [span] = spans;
  return { answer, trace, span, attributes: Object.fromEntries(span?.attributes ?? []) };
}

test("the step continues the caller's trace, and the answer tells it", () => {
  const { answer, trace, span } = through(`${dapr}GetMetadata`, { traceparent: parent, tracestate: "a=1" });
  assert.equal(span?.traceId, parent.slice(3, 35));
  assert.equal(span?.parentId, parent.slice(36, 52));
  assert.deepEqual([span?.kind, span?.name, span?.error], ["client", `${dapr}GetMetadata`, undefined]);
  assert.equal(trace?.traceparent, `00-${span?.traceId}-${span?.spanId}-01`);
  assert.equal(trace?.tracestate, "", "the state is lost on this wire");
  assert.deepEqual(Object.keys(answer), ["grpc-trace-bin"]);
  assert.equal(decodeTraceBin(answer["grpc-trace-bin"] ?? ""), trace?.traceparent);
});

test("the binary context wins over the text", () => {
  const other = parent.replace("4bf9", "aaaa");
  const both = through(`${dapr}GetMetadata`, { traceparent: parent, "grpc-trace-bin": encodeTraceBin(other) });
  assert.equal(both.span?.traceId, other.slice(3, 35));
  const broken = through(`${dapr}GetMetadata`, { traceparent: parent, "grpc-trace-bin": "AAAA" });
  assert.equal(broken.span?.traceId, parent.slice(3, 35));
});

test("without a context of the caller's nothing is recorded here, and the answer has one all the same", () => {
  const own = through(`${dapr}GetState`, {});
  assert.equal(own.span, undefined);
  assert.match(decodeTraceBin(own.answer["grpc-trace-bin"] ?? ""), /^00-[0-9a-f]{32}-[0-9a-f]{16}-00$/);
  const passed = through(`${dapr}InvokeService`, {}, { tracer: "pass" });
  assert.equal(passed.trace?.traceparent, zeroTraceparent);
  assert.deepEqual(passed.answer, {
    traceparent: zeroTraceparent,
    "grpc-trace-bin": encodeTraceBin(zeroTraceparent),
  });
  assert.equal(through(`${dapr}GetState`, { traceparent: parent }, { tracer: "pass" }).trace?.traceparent, parent);
});

test("RPCs are described by their requests as upstream does", () => {
  const describe = (rpc: string, message: unknown, metadata = {}) => {
    const { span, attributes } = through(dapr + rpc, { traceparent: parent, ...metadata }, { message });
    const { "dapr.protocol": protocol, "dapr.api": api, ...rest } = attributes;
    assert.deepEqual([protocol, api], ["grpc", dapr + rpc]);
    return { name: span?.name === dapr + rpc ? undefined : span?.name, rest };
  };
  const database = (rpc: string, system: string) => ({
    name: undefined,
    rest: {
      "rpc.service": "Dapr",
      "db.name": "store",
      "db.system": system,
      "db.statement": dapr + rpc,
      "db.connection_string": system,
    },
  });
  assert.deepEqual(describe("GetState", { storeName: "store" }), database("GetState", "state"));
  assert.deepEqual(describe("DeleteState", { storeName: "store" }), database("DeleteState", "state"));
  assert.deepEqual(describe("GetSecret", { storeName: "store" }), database("GetSecret", "secrets"));
  assert.deepEqual(describe("InvokeBinding", { name: "store" }), database("InvokeBinding", "bindings"));
  assert.deepEqual(describe("PublishEvent", { topic: "t" }).rest, {
    "rpc.service": "Dapr",
    "messaging.system": "pubsub",
    "messaging.destination.name": "t",
  });
  assert.deepEqual(describe("InvokeService", { id: "app", message: { method: "a/b" } }), {
    name: "CallLocal/app/a/b",
    rest: { "rpc.service": "ServiceInvocation", "net.peer.name": "app" },
  });
  assert.deepEqual(describe("InvokeService", { id: "", message: undefined }).name, "CallLocal//");
  assert.deepEqual(describe("ConverseAlpha1", { name: "llm" }).rest, { "rpc.system": "llm" });
  assert.deepEqual(describe("GetBulkState", { storeName: "store" }).rest, {});
  const named = { "dapr-foo": ["x", "y"], "dapr-data-bin": "AAAA", "dapr-api-token": "secret", other: "z" };
  assert.deepEqual(describe("GetMetadata", null, named).rest, { "dapr-foo": "x" });
});

test("failures are told in the words of the status", () => {
  const fail = (end: Partial<CallEnd>) => through(`${dapr}GetState`, { traceparent: parent }, { end }).span?.error;
  assert.equal(fail({ code: 5, error: new ConnectError("no such thing", 5) }), "no such thing");
  assert.equal(fail({ code: 13 }), "");
  assert.equal(fail({ code: 0 }), undefined);
});

test("proxied calls are steps too, whoever serves them", () => {
  const kind = (path: string, metadata: Record<string, string>) => {
    const { span, attributes, answer } = through(
      path,
      { traceparent: parent, ...metadata },
      { message: { storeName: "s" } },
    );
    assert.deepEqual(answer, {});
    return [span?.kind, attributes];
  };
  assert.deepEqual(kind("/my.Svc/GetState", { "dapr-app-id": "me" }), ["server", { "dapr-app-id": "me" }]);
  assert.deepEqual(kind("/my.Svc/Do", { "dapr-app-id": "other" }), ["client", { "dapr-app-id": "other" }]);
  assert.deepEqual(kind("/my.Svc/Do", {}), [undefined, {}]);
  assert.equal(through("/TaskHubSidecarService/GetWorkItems", { traceparent: parent }).span?.kind, "server");
});

test("baggage is checked and echoed", () => {
  const { answer, trace } = through(`${dapr}GetState`, { baggage: ["k=v;p , z=%20", "a=1"] });
  assert.equal(answer["baggage"], "k=v;p,z=%20,a=1");
  assert.equal(trace?.baggage, "k=v;p , z=%20,a=1");
  assert.throws(() => through(`${dapr}GetState`, { baggage: "bad" }), {
    rawMessage: 'invalid baggage header: invalid baggage list-member: "bad"',
    code: 3,
  });
  assert.equal(through(`${dapr}GetState`, { baggage: "" }).answer["baggage"], undefined);
});

import assert from "node:assert/strict";
import { test } from "node:test";
import { refusedGrpc, sendGrpc } from "../../../test/harness/grpc-exchange.ts";
import { sendHttp } from "../../../test/harness/http-exchange.ts";
import { type Binding, BindingError, type BindingRequest } from "../../driver/bindings.ts";
import { DriverError } from "../../driver/errors.ts";
import { grpcCode } from "../../errors/row.ts";
import type { InvokeBindingResponse } from "../../gen/dapr/proto/runtime/v1/binding_pb.ts";
import { decodeUtf8, encodeUtf8 } from "../../kit/bytes.ts";
import { zeroTraceparent } from "../../kit/call.ts";
import { createVirtualClock } from "../../kit/virtual-clock.ts";
import { createBindings } from "./bindings.ts";
import { bindingsGrpc } from "./grpc.ts";
import { bindingsHttp } from "./http.ts";
import type { OpenBinding } from "./ports.ts";

type Invoke = NonNullable<Binding["invoke"]>;

function open(invoke: Invoke) {
  const asked: BindingRequest[] = [];
  const measured: unknown[] = [];
  const binding: Binding = {
    operations: ["create", "get"],
    async invoke(request, signal) {
      asked.push(request);
      return invoke(request, signal);
    },
    async close() {},
  };
  const named = (name: string, isOutput: boolean): OpenBinding => ({
    name,
    binding,
    isInput: !isOutput,
    isOutput,
    isExplicitInput: false,
    route: name,
  });
  const all = [named("out", true), named("in", false)];
  const silent = () => {};
  const bindings = createBindings({
    bindings: { find: (name) => all.find((one) => one.name === name), list: () => all },
    app: () => undefined,
    inbound: () => (run, signal) => run(signal),
    probeTimeoutMs: 3000,
    clock: createVirtualClock(),
    log: { debug: silent, info: silent, warn: silent, error: silent },
    meter: { inputBinding: silent, outputBinding: (...counted) => measured.push(counted) },
  });
  return { asked, measured, routes: bindingsHttp(bindings), part: bindingsGrpc(bindings) };
}
/** What the gRPC exchange of the harness has no place for: headers of both ways. */
async function callGrpc(part: ReturnType<typeof bindingsGrpc>, request: object, headers: Record<string, string> = {}) {
  const responseHeader = new Headers();
  const handle = part.methods["invokeBinding"] as (request: object, context: object) => Promise<object>;
  const call = { signal: new AbortController().signal, trace: { traceparent: "", tracestate: "", baggage: "b=1" } };
  const given = { name: "", operation: "", data: new Uint8Array(), metadata: {}, ...request };
  const context = { call, signal: call.signal, requestHeader: new Headers(headers), responseHeader };
  const result = await handle(given, context).then(
    (answer) => ({ answer: answer as Partial<InvokeBindingResponse> }),
    (error: unknown) => ({ error }),
  );
  return { ...result, headers: Object.fromEntries(responseHeader) };
}

test("an operation over HTTP: data as JSON, metadata as headers", async () => {
  const { routes, asked, measured } = open(async () => ({ data: encodeUtf8("raw"), metadata: { statusCode: "201" } }));
  const body = '{"operation":"create","data":{"b":"<","a":1},"metadata":{"k":"v"}}';
  const answer = await sendHttp(routes, "POST", "/v1.0/bindings/out", { body });
  assert.deepEqual([answer.status, answer.text], [200, "raw"]);
  assert.equal(answer.headers.get("content-type"), "application/json");
  assert.equal(answer.headers.get("metadata.statuscode"), "201");
  assert.deepEqual(
    { ...asked[0], data: decodeUtf8(asked[0]!.data) },
    {
      operation: "create",
      data: '{"a":1,"b":"\\u003c"}',
      metadata: { k: "v" },
    },
  );
  assert.deepEqual(measured, [["out", "create", true, 0]]);
  for (const [data, expected] of [
    ['"text"', '"text"'],
    ["null", "null"],
  ] as const) {
    await sendHttp(routes, "PUT", "/v1.0/bindings/out", { body: `{"operation":"get","data":${data}}` });
    assert.equal(decodeUtf8(asked.at(-1)!.data), expected);
  }
  await sendHttp(routes, "PUT", "/v1.0/bindings/out", { body: '{"Operation":"get"}' });
  assert.equal(decodeUtf8(asked.at(-1)!.data), "null");
});

test("an operation without an answer", async () => {
  const { routes, part } = open(async () => null);
  const answer = await sendHttp(routes, "POST", "/v1.0/bindings/out", { body: '{"operation":"get"}' });
  assert.deepEqual([answer.status, answer.text], [204, ""]);
  const reply = (await sendGrpc(part, "invokeBinding", { name: "out", operation: "get" })) as InvokeBindingResponse;
  assert.deepEqual([reply.data.length, { ...reply.metadata }], [0, {}]);
});

test("an operation over gRPC: data as it is, the call's own metadata under the message's", async () => {
  const { part, asked } = open(async () => ({ data: encodeUtf8("x"), metadata: { statusCode: "200", odd: "é" } }));
  const request = { name: "out", operation: "create", data: encodeUtf8("<raw>"), metadata: { k: "own" } };
  const { answer, headers } = (await callGrpc(part, request, { k: "other", "grpc-x": "1", "user-agent": "me" })) as {
    answer: InvokeBindingResponse;
    headers: object;
  };
  assert.equal(decodeUtf8(asked[0]!.data), "<raw>");
  assert.deepEqual(asked[0]!.metadata, {
    traceparent: zeroTraceparent,
    k: "own",
    baggage: "b=1",
    "dapr-grpc-x": "1",
    "user-agent": "me",
  });
  assert.deepEqual({ ...answer.metadata }, { statusCode: "200", odd: "é" });
  assert.deepEqual(headers, { "metadata.statuscode": "200" });
  await callGrpc(part, { ...request, metadata: { traceparent: "old" } }, { traceparent: "new" });
  assert.equal(asked[1]!.metadata["traceparent"], "new");
});

test("every refusal, on both wires", async () => {
  const { routes, part, measured } = open(async () => {
    throw new DriverError("unavailable", "disk on fire");
  });
  const unsupported = "binding out does not support operation move. supported operations:create get";
  const cases = [
    ["out", "", "operation field is missing from request"],
    ["none", "get", "couldn't find output binding none"],
    ["in", "get", "couldn't find output binding in"],
    ["out", "move", unsupported],
    ["out", "get", "disk on fire"],
  ] as const;
  for (const [name, operation, reason] of cases) {
    const message = `error invoking output binding ${name}: ${reason}`;
    const body = JSON.stringify({ operation });
    const answer = await sendHttp(routes, "POST", `/v1.0/bindings/${name}`, { body });
    assert.deepEqual([answer.status, answer.json()], [500, { errorCode: "ERR_INVOKE_OUTPUT_BINDING", message }]);
    const refusal = await refusedGrpc(part, "invokeBinding", { name, operation });
    assert.deepEqual([refusal.code, refusal.message], [grpcCode.Internal, message]);
    assert.equal(refusal.details[0]?.["reason"], "ERR_INVOKE_OUTPUT_BINDING");
  }
  assert.deepEqual(measured.at(-1), ["out", "get", false, 0]);
});

test("a failure may bring metadata to the caller", async () => {
  const { routes, part } = open(async () => {
    throw new BindingError("received status code 404", { statusCode: "404" });
  });
  const answer = await sendHttp(routes, "POST", "/v1.0/bindings/out", { body: '{"operation":"get"}' });
  assert.deepEqual([answer.status, answer.headers.get("metadata.statuscode")], [500, "404"]);
  const reply = await callGrpc(part, { name: "out", operation: "get" });
  assert.ok("error" in reply);
  assert.equal(reply.headers["metadata.statuscode"], "404");
});

test("bodies that are no request are refused in the decoder's words", async () => {
  const { routes, asked } = open(async () => null);
  const cases = [
    ["", "EOF"],
    ["{", "unexpected EOF"],
    ["[1]", "json: cannot unmarshal array into Go value of type http.OutputBindingRequest"],
    [
      '{"operation":1}',
      "json: cannot unmarshal number into Go struct field OutputBindingRequest.operation of type string",
    ],
  ] as const;
  for (const [body, reason] of cases) {
    const answer = await sendHttp(routes, "POST", "/v1.0/bindings/out", { body });
    const message = `failed deserializing HTTP body: ${reason}`;
    assert.deepEqual([answer.status, answer.json()], [400, { errorCode: "ERR_MALFORMED_REQUEST", message }]);
  }
  const cut = await sendHttp(routes, "POST", "/v1.0/bindings/out", { bodyError: new Error("stream too large") });
  assert.equal(cut.status, 400);
  assert.deepEqual(asked, []);
});

import assert from "node:assert/strict";
import { test } from "node:test";
import { create, fromBinary, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import {
  BindingEventRequestSchema,
  BindingEventResponseSchema,
  ListInputBindingsResponseSchema,
} from "../../gen/dapr/proto/runtime/v1/appcallback_pb.ts";
import type { GrpcAppChannel } from "../../kit/app-channel.ts";
import { decodeUtf8, encodeUtf8 } from "../../kit/bytes.ts";
import type { HttpCall } from "../../kit/http-message.ts";
import { createGrpcBindingApp } from "./app-grpc.ts";
import { createHttpBindingApp } from "./app-http.ts";
import { EventError, type OpenBinding, type Policy, type TraceBelow } from "./ports.ts";

const { signal } = new AbortController();
const once: Policy = (run, limit) => run(limit);
const below: TraceBelow = (parent, name) => ({ ...parent, tracestate: name });
const open = (route = "tick"): OpenBinding => ({
  name: "tick",
  binding: { operations: [], async close() {} },
  isInput: true,
  isOutput: false,
  isExplicitInput: false,
  route,
});
const event = (metadata: Record<string, string> = {}, data = "{}") => ({ data: encodeUtf8(data), metadata });

/** Statuses that the app answers, one after the other; a text is a failure of the connection. */
function httpApp(...answers: (number | string)[]) {
  const calls: HttpCall[] = [];
  const channel = {
    async call(call: HttpCall) {
      calls.push(call);
      const answer = answers.shift() ?? 200;
      if (typeof answer === "string") throw new Error(answer);
      return { status: answer, headers: [], body: encodeUtf8(`body ${answer}`) };
    },
  };
  return { app: createHttpBindingApp({ channel, below }), calls };
}

test("HTTP: the probe takes 2xx and 405 for yes", async () => {
  const cases = [
    [200, true],
    [204, true],
    [405, true],
    [404, false],
    [500, false],
    [302, false],
  ] as const;
  for (const [status, expected] of cases) {
    const { app, calls } = httpApp(status);
    assert.equal(await app.wants(open("/in/here"), signal), expected, String(status));
    assert.deepEqual([calls[0]?.method, calls[0]?.path], ["OPTIONS", "/in/here"]);
  }
  await assert.rejects(httpApp("EOF").app.wants(open(), signal), {
    message: 'could not invoke OPTIONS method on input binding subscription endpoint "tick": EOF',
  });
});

test("HTTP: an event is a POST with its metadata as headers", async () => {
  const { app, calls } = httpApp(200);
  const metadata = { readTimeUTC: "now", "bad name": "x", "x-bad": "a\nb", "Content-Type": "no", traceparent: "00-p" };
  const answer = await app.deliver(open("in?a=1"), event(metadata, "data"), once, signal);
  assert.equal(decodeUtf8(answer.body), "body 200");
  const [call] = calls;
  assert.deepEqual([call?.method, call?.path, call?.query], ["POST", "/in", "a=1"]);
  assert.equal(decodeUtf8(call?.body as Uint8Array), "data");
  assert.deepEqual(call?.headers, [
    ["Content-Type", "application/json"],
    ["Readtimeutc", "now"],
    ["traceparent", "00-p"],
    ["tracestate", "bindings/tick"],
  ]);
});

test("HTTP: only 200 ends the attempts, and 2xx counts in the end", async () => {
  const twice: Policy = async (run, limit) => {
    try {
      return await run(limit);
    } catch (error) {
      assert.ok(error instanceof EventError);
      return run(limit);
    }
  };
  const retried = httpApp(500, 200);
  assert.equal(decodeUtf8((await retried.app.deliver(open(), event(), twice, signal)).body), "body 200");
  assert.equal(retried.calls.length, 2);
  const accepted = httpApp(202, 202);
  assert.equal(decodeUtf8((await accepted.app.deliver(open(), event(), twice, signal)).body), "body 202");
  await assert.rejects(httpApp(500).app.deliver(open(), event(), once, signal), {
    message: "fails to send binding event to http app channel, status code: 500 body: body 500",
    code: 500,
  });
  await assert.rejects(httpApp("EOF").app.deliver(open(), event(), once, signal), {
    message: "error invoking app: EOF",
  });
});

type Response = MessageInitShape<typeof BindingEventResponseSchema>;

function grpcApp(answer: Response | Error, listed: readonly string[] | Error = []) {
  const calls: { path: string; message: Uint8Array; metadata: object }[] = [];
  const channel: GrpcAppChannel = {
    async unary(path, message, metadata) {
      calls.push({ path, message, metadata });
      const isList = path.endsWith("/ListInputBindings");
      const given = isList ? listed : answer;
      if (given instanceof Error) throw given;
      const bytes = isList
        ? toBinary(
            ListInputBindingsResponseSchema,
            create(ListInputBindingsResponseSchema, { bindings: [...(listed as string[])] }),
          )
        : toBinary(BindingEventResponseSchema, create(BindingEventResponseSchema, answer as Response));
      return { message: bytes, header: {}, trailer: {} };
    },
  };
  return { app: createGrpcBindingApp({ channel, below }), calls };
}

test("gRPC: the app is asked once which bindings it takes", async () => {
  const { app, calls } = grpcApp({}, ["tick", "tock"]);
  assert.equal(await app.wants(open(), signal), true);
  assert.equal(await app.wants({ ...open(), name: "other" }, signal), false);
  assert.equal(calls.length, 1);
  const refusing = grpcApp({}, new ConnectError("no such method", Code.Unimplemented));
  assert.equal(await refusing.app.wants(open(), signal), false);
});

test("gRPC: an event and the answer to it", async () => {
  const { app, calls } = grpcApp({ data: encodeUtf8('{ "b": 1, "a": 2 }'), to: ["x", "y"], concurrency: 1 });
  const answer = await app.deliver(open(), event({ traceparent: "00-p" }, "data"), once, signal);
  const request = fromBinary(BindingEventRequestSchema, calls[0]!.message);
  assert.deepEqual(
    [request.name, decodeUtf8(request.data), { ...request.metadata }],
    ["tick", "data", { traceparent: "00-p" }],
  );
  assert.deepEqual(calls[0]?.metadata, { traceparent: "00-p", tracestate: "bindings/tick" });
  assert.equal(decodeUtf8(answer.body), '{ "b": 1, "a": 2 }');
  assert.deepEqual(
    { ...answer.forward, data: decodeUtf8(answer.forward!.data) },
    { to: ["x", "y"], isParallel: true, data: '{"a":2,"b":1}' },
  );
});

test("gRPC: data that is no JSON goes on as null, no names as nothing", async () => {
  for (const data of ["", "raw"]) {
    const { forward } = await grpcApp({ data: encodeUtf8(data), to: ["x"] }).app.deliver(open(), event(), once, signal);
    assert.deepEqual([decodeUtf8(forward!.data), forward?.isParallel], ["null", false]);
  }
  assert.equal((await grpcApp({}).app.deliver(open(), event(), once, signal)).forward, undefined);
});

test("gRPC: a refused event tells the code", async () => {
  const { app } = grpcApp(new ConnectError("busy", Code.Unavailable));
  await assert.rejects(app.deliver(open(), event(), once, signal), (error) => {
    assert.ok(error instanceof EventError);
    assert.deepEqual([error.code, error.message], [Code.Unavailable, "error invoking app: [unavailable] busy"]);
    return true;
  });
});

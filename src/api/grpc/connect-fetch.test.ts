import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { describeProbe, type ProbeMethods } from "../../../test/harness/probe-service.ts";
import { fail } from "../../errors/error.ts";
import { encodeFrame } from "../../kit/grpc/frames.ts";
import { createPathGuard } from "./allow-list.ts";
import { callOf } from "./call.ts";
import { type ConnectFetchOptions, createConnectFetch } from "./connect-fetch.ts";

const probe = describeProbe();
const limits = { maxReceiveBytes: 10_000, maxSendBytes: 10_000 };

function post(methods: ProbeMethods, options: Partial<ConnectFetchOptions> = {}) {
  const handle = createConnectFetch({ parts: [probe.part(methods)], limits, ...options });
  return async (
    name: string,
    body: string | Uint8Array,
    type = "application/json",
    call?: Parameters<typeof handle>[2],
  ) => {
    const path = name.startsWith("/") ? name : `/probe.v1.Probe/${name}`;
    const init = { method: "POST", headers: { "content-type": type }, body: body as BodyInit };
    const answer = await handle(new Request(`http://localhost${path}`, init), path, call);
    assert.ok(answer !== null);
    return answer;
  };
}

describe("RPCs on the HTTP port", () => {
  it("answer JSON to JSON", async () => {
    const send = post({
      unary({ n, text }, { responseHeader }) {
        responseHeader.set("x-head", "1");
        return { n: n + 1, text };
      },
    });
    const answer = await send("Unary", '{"n":1,"text":"hi"}');
    assert.equal(answer.status, 200);
    assert.equal(answer.headers.get("x-head"), "1");
    assert.deepEqual(await answer.json(), { n: 2, text: "hi" });
  });

  it("answer gRPC-web with trailers in the body", async () => {
    const send = post({ unary: ({ n }) => ({ n }) });
    const answer = await send("Unary", encodeFrame(new Uint8Array([0x10, 7])), "application/grpc-web+proto");
    const bytes = new Uint8Array(await answer.arrayBuffer());
    assert.deepEqual([...bytes.subarray(0, 7)], [0, 0, 0, 0, 2, 0x10, 7]);
    assert.equal(bytes[7], 0x80);
    assert.match(new TextDecoder().decode(bytes.subarray(12)), /grpc-status: ?0/);
  });

  it("stream", async () => {
    const send = post({
      async *serverStream({ n }) {
        for (let at = 0; at < n; at++) yield { n: at + 1 };
      },
    });
    const answer = await send(
      "ServerStream",
      encodeFrame(new TextEncoder().encode('{"n":3}')),
      "application/connect+json",
    );
    assert.match(await answer.text(), /\{"n":1\}.*\{"n":2\}.*\{"n":3\}/s);
  });

  it("render errors of the table, on streams too", async () => {
    const send = post({
      unary() {
        throw fail("badRequest", { reason: "no" });
      },
      // biome-ignore lint/correctness/useYield: it fails before its first answer
      async *serverStream() {
        throw fail("badRequest", { reason: "no" });
      },
    });
    const answer = await send("Unary", "{}");
    assert.equal(answer.status, 400);
    assert.deepEqual(await answer.json(), { code: "invalid_argument", message: "invalid request: no" });
    const stream = await send("ServerStream", encodeFrame(new TextEncoder().encode("{}")), "application/connect+json");
    assert.match(await stream.text(), /invalid_argument/);
  });

  it("obey allow list and limits", async () => {
    const guard = createPathGuard([], [{ name: "state", version: "v1", protocol: "grpc" }]);
    const send = post(
      { unary: () => ({}) },
      { guard: (path) => guard?.(path.replace("probe.v1.Probe/Unary", "dapr.proto.runtime.v1.Dapr/GetState")) },
    );
    assert.equal((await send("Unary", "{}")).status, 501);
    const limited = post({ unary: () => ({}) });
    assert.equal((await limited("Unary", JSON.stringify({ text: "x".repeat(20_000) }))).status, 429);
    assert.equal((await limited("Bidi", "{}")).status, 415);
    assert.equal((await limited("Unary", "{")).status, 400);
  });

  it("leave other paths alone and hand the listener's call on", async () => {
    const handle = createConnectFetch({ parts: [probe.part({})], limits });
    assert.equal(handle(new Request("http://localhost/v1.0/metadata"), "/v1.0/metadata"), null);
    const trace = { traceparent: "00-a-b-01", tracestate: "", baggage: "" };
    const call = { signal: new AbortController().signal, trace };
    let seen: unknown;
    const send = post({
      unary(_request, context) {
        seen = callOf(context);
        return {};
      },
    });
    await send("Unary", "{}", "application/json", call);
    assert.equal(seen, call);
    await send("Unary", "{}");
    assert.deepEqual((seen as typeof call).trace, { traceparent: "", tracestate: "", baggage: "" });
  });
});

import assert from "node:assert/strict";
import { test } from "node:test";
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import fc from "fast-check";
import {
  InternalInvokeRequestStreamSchema,
  InternalInvokeResponseStreamSchema,
} from "../../gen/dapr/proto/internals/v1/service_invocation_pb.ts";
import { concatBytes } from "../bytes.ts";
import { framePrefix, messageLength } from "../grpc/frames.ts";
import type { Invocation, InvocationReply } from "../invocation.ts";
import { ProtoFault } from "../protobuf/reader.ts";
import { decodeRequestChunk, decodeResponseChunk } from "./decode.ts";
import { encodeChunkStart, encodeRequestFrame, encodeResponseFrame } from "./encode.ts";

const noTrace = { traceparent: "", tracestate: "", baggage: "" };
const messageOf = (frame: Uint8Array): Uint8Array => {
  assert.equal(frame[0], 0);
  assert.equal(messageLength(frame, 0), frame.length - framePrefix);
  return frame.subarray(framePrefix);
};
const text = fc.string({ unit: "grapheme", maxLength: 200 });
const name = fc.stringMatching(/^x[a-z0-9-]{0,9}$/);
const lines = fc.array(fc.tuple(name, fc.string({ unit: "grapheme-ascii", maxLength: 200 })), { maxLength: 8 });
const bytes = fc.uint8Array({ minLength: 1, maxLength: 400 });

const grouped = (pairs: readonly (readonly [string, string])[]): Record<string, string[]> => {
  const map: Record<string, string[]> = {};
  for (const [key, value] of pairs) (map[key] ??= []).push(value);
  return map;
};

test("a request is the message that the generated code reads", () => {
  fc.assert(
    fc.property(text, text, text, lines, fc.option(bytes), (method, query, typeUrl, headers, data) => {
      const request: Invocation = {
        wire: "grpc",
        method,
        verb: "PATCH",
        query,
        contentType: "text/plain",
        typeUrl,
        headers,
        body: data,
      };
      const trace = { ...noTrace, traceparent: "00-1-2-01", baggage: "a=b" };
      const frame = encodeRequestFrame(request, trace, "callee", data ?? undefined);
      const message = fromBinary(InternalInvokeRequestStreamSchema, messageOf(frame));
      assert.equal(message.request?.ver, 1);
      assert.equal(message.request?.message?.method, method);
      assert.equal(message.request?.message?.contentType, "text/plain");
      assert.equal(message.request?.message?.data?.typeUrl, typeUrl);
      assert.equal(message.request?.message?.httpExtension?.verb, 9);
      assert.equal(message.request?.message?.httpExtension?.querystring, query);
      const wanted = grouped([
        ...headers,
        ["content-type", "application/grpc"],
        ["traceparent", "00-1-2-01"],
        ["baggage", "a=b"],
        ["destination-app-id", "callee"],
      ]);
      const seen = Object.entries(message.request?.metadata ?? {}).map(([key, { values }]) => [key, values]);
      assert.deepEqual(Object.fromEntries(seen), wanted);
      assert.deepEqual(message.payload?.data, data ?? undefined);
      const decoded = decodeRequestChunk(messageOf(frame));
      assert.deepEqual(grouped(decoded.head?.metadata ?? []), wanted);
      assert.equal(decoded.head?.verb, "PATCH");
      assert.equal(decoded.head?.method, method);
      assert.deepEqual(decoded.data, data ?? undefined);
    }),
  );
});

test("fields of HTTP have capital letters and a length on the wire, their values are UTF-8 there and bytes here", () => {
  const request: Invocation = {
    wire: "http",
    method: "m",
    verb: "POST",
    query: "",
    contentType: "application/json",
    typeUrl: "",
    headers: [
      ["x-forwarded-for", "10.0.0.1"],
      ["dapr-caller-app-id", "me"],
      ["x-latin", "\xc3\xa4"],
    ],
    body: new Uint8Array(3),
  };
  const frame = encodeRequestFrame(request, noTrace, "callee", new Uint8Array(3));
  assert.deepEqual(decodeRequestChunk(messageOf(frame)).head?.metadata, [
    ["X-Forwarded-For", "10.0.0.1"],
    ["dapr-caller-app-id", "me"],
    ["X-Latin", "\xc3\xa4"],
    ["Content-Type", "application/json"],
    ["Content-Length", "3"],
    ["destination-app-id", "callee"],
  ]);
  const { metadata } = fromBinary(InternalInvokeRequestStreamSchema, messageOf(frame)).request ?? {};
  assert.deepEqual(metadata?.["X-Latin"]?.values, ["ä"]);
});

test("an answer is the message that the generated code reads and writes", () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 0, max: 999 }),
      text,
      lines,
      lines,
      bytes,
      (code, message, headers, trailers, data) => {
        const reply: InvocationReply = {
          code,
          message,
          details: [{ typeUrl: "type.googleapis.com/a.B", value: data }],
          headers,
          trailers,
          contentType: "text/x",
          typeUrl: "t",
          body: data,
        };
        const frame = encodeResponseFrame(reply, data, data.length);
        const seen = fromBinary(InternalInvokeResponseStreamSchema, messageOf(frame));
        assert.equal(seen.response?.status?.code, code);
        assert.equal(seen.response?.status?.message, message);
        assert.deepEqual(seen.response?.status?.details[0]?.value, data);
        assert.equal(seen.response?.message?.contentType, "text/x");
        assert.deepEqual(seen.payload?.data, data);
        const again = decodeResponseChunk(toBinary(InternalInvokeResponseStreamSchema, seen));
        assert.equal(again.head?.code, code);
        assert.equal(again.head?.typeUrl, "t");
        assert.deepEqual(grouped(again.head?.trailers ?? []), grouped(trailers));
        assert.deepEqual(again.data, data);
      },
    ),
  );
});

test("chunks count up", () => {
  const chunk = new Uint8Array([1, 2]);
  const frame = concatBytes([encodeChunkStart(chunk, 300), chunk]);
  const message = fromBinary(InternalInvokeRequestStreamSchema, messageOf(frame));
  assert.deepEqual(
    message.payload,
    create(InternalInvokeRequestStreamSchema, { payload: { data: new Uint8Array([1, 2]), seq: 300n } }).payload,
  );
  assert.deepEqual(decodeRequestChunk(messageOf(frame)), { head: undefined, data: new Uint8Array([1, 2]), seq: 300 });
});

test("garbage is refused, never read beyond", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), (noise) => {
      for (const decode of [decodeRequestChunk, decodeResponseChunk]) {
        try {
          decode(noise);
        } catch (error) {
          assert.ok(error instanceof ProtoFault, String(error));
        }
      }
    }),
    { numRuns: 2000 },
  );
});

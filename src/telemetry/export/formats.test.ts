import assert from "node:assert/strict";
import { test } from "node:test";
import type { SpanData } from "../span.ts";
import { parseEndpoint } from "./endpoint.ts";
import { spanLine } from "./stdout.ts";
import { zipkinSpan } from "./zipkin.ts";

const span: SpanData = {
  name: "CallLocal/App/m",
  kind: "client",
  traceId: "4bf92f3577b34da6a3ce929d0e0e4736",
  spanId: "00f067aa0ba902b7",
  parentId: "",
  flags: 1,
  tracestate: "",
  startMs: 1_795_273_229_938.25,
  endMs: 1_795_273_229_938.25,
  attributes: new Map([
    ["db.name", "st"],
    ["net.peer.name", "other"],
  ]),
  dropped: 0,
  error: undefined,
};
const resource = new Map([
  ["service.name", "me"],
  ["x", "y"],
]);

test("a span as Zipkin reads it", () => {
  assert.deepEqual(zipkinSpan(span, resource), {
    timestamp: 1_795_273_229_938_250,
    duration: 1,
    traceId: span.traceId,
    id: span.spanId,
    name: "calllocal/app/m",
    kind: "CLIENT",
    localEndpoint: { serviceName: "me" },
    remoteEndpoint: { serviceName: "other" },
    tags: {
      "db.name": "st",
      "net.peer.name": "other",
      "service.name": "me",
      x: "y",
      "otel.scope.name": "dapr-diagnostics",
    },
  });
  const failed = zipkinSpan(
    { ...span, kind: "server", parentId: "a".repeat(16), error: "", endMs: span.endMs + 2 },
    new Map(),
  );
  assert.deepEqual(failed, {
    timestamp: 1_795_273_229_938_250,
    duration: 2000,
    traceId: span.traceId,
    id: span.spanId,
    parentId: "a".repeat(16),
    name: "calllocal/app/m",
    kind: "SERVER",
    localEndpoint: { serviceName: "" },
    tags: {
      "db.name": "st",
      "net.peer.name": "other",
      "otel.scope.name": "dapr-diagnostics",
      error: "",
      "otel.status_code": "ERROR",
    },
  });
});

test("a span as a line of the log", () => {
  assert.equal(
    spanLine(span),
    "[CallLocal/App/m] Trace: 4bf92f3577b34da6a3ce929d0e0e4736 Span: 0000000000000000/00f067aa0ba902b7 Time: [2026-11-21 15:00:29.93825 +0000 UTC ->  2026-11-21 15:00:29.93825 +0000 UTC] Annotations: []",
  );
  assert.match(
    spanLine({ ...span, parentId: "1".repeat(16), startMs: 0 }),
    /Span: 1{16}\/00f067aa0ba902b7 Time: \[1970-01-01 00:00:00 \+0000 UTC ->/,
  );
});

test("endpoints", () => {
  assert.deepEqual(parseEndpoint("collector:4317"), { host: "collector", port: 4317, path: "" });
  assert.deepEqual(parseEndpoint(" https://c.example/base/ "), { host: "c.example", port: undefined, path: "/base" });
  assert.deepEqual(parseEndpoint("[::1]:4318/v1/traces"), { host: "[::1]", port: 4318, path: "/v1/traces" });
  for (const text of ["", ":4317", "host:0", "host:99999", "host:port", "a b", "::1", "h:1?x"]) {
    assert.throws(() => parseEndpoint(text), { message: `the OTLP endpoint "${text}" is no address: write host:port` });
  }
});

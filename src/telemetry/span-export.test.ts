import assert from "node:assert/strict";
import { test } from "node:test";
import type { TracingConfiguration } from "../config/configuration.ts";
import { createSeededRandom } from "../kit/seeded-random.ts";
import { createVirtualClock } from "../kit/virtual-clock.ts";
import type { Log } from "./ports.ts";
import { createSpanRecorder } from "./span.ts";
import { createSpanExport } from "./span-export.ts";
import { spanResource } from "./span-resource.ts";

type Otel = TracingConfiguration["otel"];

function tracing(more: Partial<TracingConfiguration>, otel: Partial<Otel> = {}): TracingConfiguration {
  return {
    samplingRate: "1",
    stdout: false,
    zipkinEndpoint: "",
    batch: { delayMs: 5000, queue: 10, batch: 5, timeoutMs: 30_000 },
    resource: { serviceName: "", attributes: [], faults: [] },
    otel: { protocol: "", endpoint: "", secure: true, headers: [], timeoutMs: undefined, ...otel },
    ...more,
  };
}

function start(configuration: TracingConfiguration) {
  const lines: string[] = [];
  const clock = createVirtualClock(0, { settle: () => new Promise((resolve) => setTimeout(resolve, 5)) });
  const write = (level: string, scope: string) => (message: string) => void lines.push(`${level} ${scope}: ${message}`);
  const logOf = (scope: string): Log => ({
    level: "info",
    debug: write("debug", scope),
    info: write("info", scope),
    warn: write("warn", scope),
    error: write("error", scope),
    fatal: write("fatal", scope),
    scope: logOf,
  });
  const random = createSeededRandom(1);
  const spans = createSpanExport({ tracing: configuration, appId: "me", version: "1", clock, random, log: logOf("") });
  return { spans, clock, lines };
}

test("nothing is exported where nothing asks for it", () => {
  assert.equal(start(tracing({})).spans, undefined);
  const { spans, lines } = start(tracing({}, { endpoint: "collector:4317" }));
  assert.equal(spans, undefined, "without a protocol there is no exporter");
  assert.match(lines.join(), /no protocol/);
});

test("settings that cannot work stop the start", () => {
  assert.throws(
    () => start(tracing({}, { endpoint: "c:1", protocol: "udp" })),
    /invalid protocol udp provided for Otel endpoint/,
  );
  assert.throws(() => start(tracing({}, { endpoint: "c:1", protocol: "grpc" })), /cannot export traces over gRPC/);
  for (const zipkinEndpoint of ["zipkin:9411", "http://", "ftp://z/api", "http://z:port/"]) {
    assert.throws(() => start(tracing({ zipkinEndpoint })), /invalid collector URL/, zipkinEndpoint);
  }
});

test("spans come out at every place, and a place that fails does not touch the others", async () => {
  const { spans, clock, lines } = start(tracing({ stdout: true }, { endpoint: "a b", protocol: "http" }));
  assert.ok(spans !== undefined);
  const record = createSpanRecorder(clock, spans);
  const place = { traceId: "a".repeat(32), spanId: "b".repeat(16), parentId: "", flags: 1, tracestate: "" };
  const span = record("client", place);
  span.name = "first";
  span.end();
  await clock.advance(5000);
  record("client", place).end();
  await spans.close(3000);
  assert.deepEqual(lines.map((line) => line.replace(/ Time:.*/, "")).sort(), [
    `info dapr.runtime.trace: [] Trace: ${place.traceId} Span: ${"0".repeat(16)}/${place.spanId}`,
    `info dapr.runtime.trace: [first] Trace: ${place.traceId} Span: ${"0".repeat(16)}/${place.spanId}`,
    'warn dapr.runtime.trace: OTLP: exporting 1 spans failed: the OTLP endpoint "a b" is no address: write host:port',
    'warn dapr.runtime.trace: OTLP: exporting 1 spans failed: the OTLP endpoint "a b" is no address: write host:port',
  ]);
});

test("the service is the app, unless the environment names it", () => {
  const entries = (serviceName: string, ...attributes: [string, string][]) => [
    ...spanResource("app", { serviceName, attributes, faults: [] }),
  ];
  assert.deepEqual(entries(""), [["service.name", "app"]]);
  assert.deepEqual(entries("", ["z", "1"], ["service.name", "own"], ["a", "2"]), [
    ["a", "2"],
    ["service.name", "own"],
    ["z", "1"],
  ]);
  assert.deepEqual(entries("svc", ["service.name", "own"]), [["service.name", "svc"]]);
});

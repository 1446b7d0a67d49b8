import assert from "node:assert/strict";
import { test } from "node:test";
import { create, toBinary } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import { BindingEventResponseSchema } from "../../gen/dapr/proto/runtime/v1/appcallback_pb.ts";
import { decodeTraceBin } from "../../kit/grpc/trace-bin.ts";
import { createSeededRandom } from "../../kit/seeded-random.ts";
import { createVirtualClock } from "../../kit/virtual-clock.ts";
import { createSpanRecorder, type SpanData } from "../../telemetry/span.ts";
import { createTracer } from "../../telemetry/trace.ts";
import { createGrpcBindingApp } from "./app-grpc.ts";
import { createHttpBindingApp } from "./app-http.ts";
import type { OpenBinding, TraceBelow } from "./ports.ts";

const parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
const { signal } = new AbortController();
const binding: OpenBinding = {
  name: "tick",
  binding: { operations: [], async close() {} },
  isInput: true,
  isOutput: false,
  isExplicitInput: false,
  route: "in/here",
};
const event = { data: new Uint8Array(), metadata: { traceparent: parent } };

function tracing() {
  const spans: SpanData[] = [];
  const record = createSpanRecorder(createVirtualClock(), { add: (span) => void spans.push(span) });
  const tracer = createTracer({ samplingRate: "1", hasExporter: true, random: createSeededRandom(5), record });
  const below: TraceBelow = (trace, name) => {
    const begun = tracer.below("client", trace);
    if (begun.span !== undefined) begun.span.name = name;
    return begun;
  };
  return { spans, below };
}
const attributes = (url: string) => ({
  "db.name": "tick",
  "rpc.service": "Dapr",
  "db.system": "bindings",
  "db.connection_string": url,
});

test("an event for an HTTP app is a step with upstream's attributes, and its status ends it", async () => {
  const { spans, below } = tracing();
  let status = 200;
  let sent: string | undefined;
  const channel = {
    async call({ headers }: { readonly headers: readonly (readonly [string, string])[] }) {
      sent = headers.find(([name]) => name === "traceparent")?.[1];
      return { status, headers: [], body: null };
    },
  };
  const app = createHttpBindingApp({ channel, below });
  await app.deliver(binding, event, (run, limit) => run(limit), signal);
  status = 404;
  await assert.rejects(app.deliver(binding, event, (run, limit) => run(limit), signal));
  const [first, second] = spans;
  assert.deepEqual([first?.name, first?.parentId, first?.error], ["bindings/tick", parent.slice(36, 52), undefined]);
  assert.deepEqual(Object.fromEntries(first?.attributes ?? []), attributes("POST /tick"));
  assert.equal(second?.error, "Code(404): Not Found");
  assert.equal(sent, `00-${second?.traceId}-${second?.spanId}-01`);
});

test("an event for a gRPC app carries both forms of the context", async () => {
  const { spans, below } = tracing();
  let refusal: ConnectError | undefined;
  const sent: Readonly<Record<string, unknown>>[] = [];
  const app = createGrpcBindingApp({
    channel: {
      async unary(_, __, metadata) {
        sent.push(metadata);
        if (refusal !== undefined) throw refusal;
        const message = toBinary(BindingEventResponseSchema, create(BindingEventResponseSchema));
        return { message, header: {}, trailer: {} };
      },
    },
    below,
  });
  await app.deliver(binding, event, (run, limit) => run(limit), signal);
  const [span] = spans;
  const own = `00-${span?.traceId}-${span?.spanId}-01`;
  assert.deepEqual([sent[0]?.["traceparent"], decodeTraceBin(String(sent[0]?.["grpc-trace-bin"]))], [own, own]);
  const url = "/dapr.proto.runtime.v1.AppCallback/OnBindingEvent";
  assert.deepEqual(Object.fromEntries(span?.attributes ?? []), attributes(url));
  refusal = new ConnectError("not now", Code.Unavailable);
  await assert.rejects(app.deliver(binding, event, (run, limit) => run(limit), signal));
  assert.match(spans[1]?.error ?? "", /not now/);
});

import assert from "node:assert/strict";
import { test } from "node:test";
import { create, toBinary } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import { createPubSubWorld } from "../../../test/harness/pubsub-world.ts";
import {
  TopicEventBulkResponseSchema,
  TopicEventResponseSchema,
} from "../../gen/dapr/proto/runtime/v1/appcallback_pb.ts";
import { decodeUtf8, encodeUtf8 } from "../../kit/bytes.ts";
import { decodeTraceBin } from "../../kit/grpc/trace-bin.ts";
import { createSeededRandom } from "../../kit/seeded-random.ts";
import { createVirtualClock } from "../../kit/virtual-clock.ts";
import { createSpanRecorder, type SpanData } from "../../telemetry/span.ts";
import { createTracer } from "../../telemetry/trace.ts";
import { createGrpcSubscriber } from "./deliver-grpc.ts";
import { createHttpSubscriber } from "./deliver-http.ts";

const parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
const traceId = parent.slice(3, 35);
const nothing = () => undefined;
const log = { debug: nothing, info: nothing, warn: nothing, error: nothing };
const signal = new AbortController().signal;

function tracing(samplingRate = "1") {
  const spans: SpanData[] = [];
  const record = createSpanRecorder(createVirtualClock(), { add: (span) => void spans.push(span) });
  return {
    spans,
    tracer: createTracer({ samplingRate, hasExporter: samplingRate !== "", random: createSeededRandom(3), record }),
  };
}

const topicEvent = (event: Record<string, unknown>) => ({
  event: { id: "1", topic: "t", ...event },
  body: new Uint8Array(),
  pubsubName: "bus",
  topic: "t",
  path: "/take",
  deliveryId: "d-1",
  isCommittable: false,
  metadata: {},
});
const bulkOf = (...events: (Record<string, unknown> | Uint8Array)[]) => ({
  id: "b",
  entries: events.map((event, index) => ({ entryId: String(index), event, contentType: "", metadata: {} })),
  pubsubName: "bus",
  topic: "t",
  path: "/take",
  deliveryId: "d-1",
  isCommittable: false,
  metadata: {},
});

/** Sends one event to an HTTP app that answers this status; what the app got as its trace, and the spans. */
async function toHttp(event: Record<string, unknown>, status = 200, samplingRate = "1") {
  const { spans, tracer } = tracing(samplingRate);
  let header: string | undefined;
  const app = createHttpSubscriber({
    appId: "app",
    channel: {
      async call({ headers }) {
        header = headers.find(([name]) => name === "traceparent")?.[1];
        if (status === 0) throw new Error("refused");
        return { status, headers: [], body: null };
      },
    },
    beginSpan: tracer.below,
    log,
  });
  await app.deliver(topicEvent(event), signal).catch(nothing);
  return { spans, header };
}

test("an event is a step below the trace that it carries", async () => {
  const { spans, header } = await toHttp({ traceparent: parent });
  const [span] = spans;
  assert.deepEqual(
    [span?.traceId, span?.parentId, span?.kind, span?.name],
    [traceId, parent.slice(36, 52), "client", "pubsub/t"],
  );
  assert.deepEqual(Object.fromEntries(span?.attributes ?? []), {
    "messaging.system": "pubsub",
    "messaging.destination.name": "t",
  });
  assert.equal(header, `00-${traceId}-${span?.spanId}-01`);
  assert.equal(span?.error, undefined);
  assert.equal((await toHttp({ traceid: parent })).spans[0]?.traceId, traceId);
});

test("answers and failures of the app end the step", async () => {
  const error = async (status: number) =>
    (await toHttp({ traceparent: parent }, status)).spans.map((span) => span.error);
  assert.deepEqual(await error(404), ["Code(404): Not Found"]);
  assert.deepEqual(await error(599), ["Code(599): Unknown"]);
  assert.deepEqual(await error(0), ["refused"]);
});

test("an empty trace is a new one, none at all is no step", async () => {
  assert.match((await toHttp({ traceid: "" })).header ?? "", /^00-[0-9a-f]{32}-[0-9a-f]{16}-01$/);
  assert.equal(
    (await toHttp({ traceparent: "" }, 200, "")).header,
    "00-00000000000000000000000000000000-0000000000000000-00",
  );
  assert.equal((await toHttp({ traceparent: parent }, 200, "")).header, parent);
  const none = await toHttp({});
  assert.deepEqual([none.header, none.spans], [undefined, []]);
  assert.equal((await toHttp({ traceparent: 5 })).header, undefined);
});

test("each event of a bulk is a step; the headers are those of the last", async () => {
  const { spans, tracer } = tracing();
  let header: string | undefined;
  const app = createHttpSubscriber({
    appId: "app",
    channel: {
      async call({ headers }) {
        header = headers.find(([name]) => name === "traceparent")?.[1];
        return { status: 200, headers: [], body: encodeUtf8('{"statuses":[]}') };
      },
    },
    beginSpan: tracer.below,
    log,
  });
  const other = parent.replace("4bf9", "aaaa");
  await app.deliverBulk(bulkOf({ traceparent: parent }, new Uint8Array(), { traceparent: other }, {}), signal);
  assert.deepEqual(
    spans.map((span) => span.traceId),
    [traceId, other.slice(3, 35)],
  );
  assert.equal(header, `00-${spans[1]?.traceId}-${spans[1]?.spanId}-01`);
});

test("a gRPC app gets both forms of the context, and its status fails the step", async () => {
  const { spans, tracer } = tracing();
  const sent: Readonly<Record<string, unknown>>[] = [];
  let refuse: ConnectError | undefined;
  const app = createGrpcSubscriber({
    channel: {
      async unary(path, _, metadata) {
        sent.push(metadata);
        if (refuse !== undefined) throw refuse;
        const isBulk = path.includes("Bulk");
        const message = isBulk
          ? toBinary(TopicEventBulkResponseSchema, create(TopicEventBulkResponseSchema))
          : toBinary(TopicEventResponseSchema, create(TopicEventResponseSchema));
        return { message, header: {}, trailer: {} };
      },
    },
    beginSpan: tracer.below,
    log,
  });
  await app.deliver(topicEvent({ traceparent: parent }), signal);
  const own = `00-${traceId}-${spans[0]?.spanId}-01`;
  assert.equal(sent[0]?.["traceparent"], own);
  assert.equal(decodeTraceBin(String(sent[0]?.["grpc-trace-bin"])), own);
  await app.deliverBulk(bulkOf({ traceparent: parent }), signal);
  assert.equal(sent[1]?.["traceparent"], `00-${traceId}-${spans[1]?.spanId}-01`);
  refuse = new ConnectError("not now", Code.Unavailable);
  await assert.rejects(app.deliver(topicEvent({ traceparent: parent }), signal));
  refuse = new ConnectError("never heard of", Code.Unimplemented);
  await app.deliverBulk(bulkOf({ traceparent: parent }), signal);
  assert.deepEqual(
    spans.map(({ error }) => error),
    [undefined, undefined, "not now", "never heard of"],
  );
});

test("publishing is the step of the request; each entry of a bulk has one of its own", async () => {
  const { spans, tracer } = tracing();
  const { driver, post } = createPubSubWorld({ tracer });
  await post("v1.0/publish/bus/a/b", "1", "application/json");
  const [published] = driver.published;
  const event = JSON.parse(decodeUtf8(published!.data)) as Record<string, string>;
  const [request] = spans.splice(0);
  assert.equal(event["traceparent"], `00-${request?.traceId}-${request?.spanId}-01`);
  const attributes = Object.fromEntries(request?.attributes ?? []);
  assert.deepEqual([attributes["messaging.system"], attributes["messaging.destination.name"]], ["pubsub", "a/b"]);
  const entries = ["1", "2"].map((entryId) => ({ entryId, event: "x", contentType: "text/plain" }));
  await post("v1.0-alpha1/publish/bulk/bus/t", JSON.stringify(entries), "application/json");
  const events = driver.published.slice(1).map(({ data }) => JSON.parse(decodeUtf8(data)) as Record<string, string>);
  const [first, second, whole] = spans.splice(0);
  assert.deepEqual(
    [first?.kind, first?.name, first?.parentId],
    ["producer", "/v1.0-alpha1/publish/bulk/bus/t", whole?.spanId],
  );
  assert.deepEqual(
    events.map((one) => one["traceparent"]),
    [first, second].map((span) => `00-${whole?.traceId}-${span?.spanId}-01`),
  );
  assert.deepEqual([first?.error, whole?.error], [undefined, undefined]);
  driver.fault = { error: new Error("full") };
  await post("v1.0-alpha1/publish/bulk/bus/t", JSON.stringify(entries), "application/json");
  assert.match(spans[0]?.error ?? "", /full/);
  assert.equal(spans[2]?.error, "Code(500): Internal Server Error");
});

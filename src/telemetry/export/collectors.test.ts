import assert from "node:assert/strict";
import { createServer, type IncomingHttpHeaders } from "node:http";
import { createServer as createServer2, type ServerHttp2Stream } from "node:http2";
import type { AddressInfo } from "node:net";
import { type TestContext, test } from "node:test";
import { BinaryWriter, WireType } from "@bufbuild/protobuf/wire";
import { hostPlatform } from "../../../test/harness/host-platform.ts";
import { encodeFrame } from "../../kit/grpc/frames.ts";
import type { SpanData } from "../span.ts";
import { ExportError } from "./exporter.ts";
import { encodeExport } from "./otlp-encode.ts";
import { createOtlpGrpcExporter } from "./otlp-grpc.ts";
import { createOtlpHttpExporter } from "./otlp-http.ts";
import { createZipkinExporter } from "./zipkin.ts";

interface Received {
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}
interface Answer {
  readonly status: number;
  readonly headers?: Record<string, string>;
  readonly body?: Uint8Array | string;
}

const platform = await hostPlatform();
const resource = new Map([["service.name", "me"]]);
const signal = new AbortController().signal;
const span: SpanData = {
  name: "n",
  kind: "client",
  traceId: "4bf92f3577b34da6a3ce929d0e0e4736",
  spanId: "00f067aa0ba902b7",
  parentId: "",
  flags: 1,
  tracestate: "",
  startMs: 1000,
  endMs: 1001,
  attributes: new Map([["k", "v".repeat(50_000)]]),
  dropped: 0,
  error: undefined,
};
const partial = new BinaryWriter()
  .uint32((1 << 3) | WireType.LengthDelimited)
  .bytes(
    new BinaryWriter()
      .uint32((1 << 3) | WireType.Varint)
      .int64(1)
      .finish(),
  )
  .finish();

/** An HTTP server that answers in turn, the last answer for ever. */
async function httpPlace(context: TestContext, ...answers: Answer[]) {
  const received: Received[] = [];
  const server = createServer((request, response) => {
    const parts: Buffer[] = [];
    request.on("data", (part: Buffer) => parts.push(part));
    request.on("end", () => {
      received.push({ path: request.url ?? "", headers: request.headers, body: Buffer.concat(parts) });
      const { status, headers, body } = answers.length > 1 ? answers.shift()! : answers[0]!;
      response.writeHead(status, headers).end(body);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  context.after(() => {
    server.closeAllConnections();
    server.close();
  });
  return { port: (server.address() as AddressInfo).port, received };
}

/** A gRPC server below any library: trailers in turn, the last ones for ever. */
async function grpcPlace(context: TestContext, ...answers: { trailers: Record<string, string>; body?: Uint8Array }[]) {
  const received: Received[] = [];
  const server = createServer2();
  server.on("stream", (stream: ServerHttp2Stream, headers: IncomingHttpHeaders) => {
    const parts: Buffer[] = [];
    stream.on("data", (part: Buffer) => parts.push(part));
    stream.on("error", () => {});
    stream.on("end", () => {
      received.push({
        path: String(headers[":path"]),
        headers,
        body: Buffer.concat(parts),
      });
      const { trailers, body } = answers.length > 1 ? answers.shift()! : answers[0]!;
      stream.respond({ ":status": 200, "content-type": "application/grpc" }, { waitForTrailers: true });
      stream.on("wantTrailers", () => stream.sendTrailers(trailers));
      stream.end(encodeFrame(body ?? new Uint8Array()));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  context.after(() => void server.close());
  return { port: (server.address() as AddressInfo).port, received };
}

function otlp(endpoint: string, notes: string[] = []) {
  return {
    endpoint,
    isSecure: false,
    headers: [
      ["X-Api-Key", "old"],
      ["x-api-key", "new"],
      ["X-Other", "a b"],
    ] as const,
    resource,
    userAgent: "Pillion/test",
    onPartial: (reason: string) => void notes.push(reason),
  };
}
const isTemporary = (wanted: boolean) => (error: unknown) =>
  error instanceof ExportError && error.isTemporary === wanted;

test("OTLP over HTTP", async (context) => {
  const notes: string[] = [];
  const { port, received } = await httpPlace(
    context,
    { status: 200 },
    { status: 200, body: partial, headers: { "content-type": "application/x-protobuf" } },
    { status: 503, headers: { "retry-after": "7" } },
    { status: 400, body: "bad spans", headers: { "content-type": "text/plain" } },
    { status: 302, headers: { location: "/elsewhere" } },
  );
  const exporter = createOtlpHttpExporter(otlp(`127.0.0.1:${port}`, notes));
  await exporter.send([span, span], signal);
  const [{ path, headers, body } = { path: "", headers: {}, body: Buffer.alloc(0) }] = received;
  assert.deepEqual(
    [path, headers["content-type"], headers["user-agent"], headers["x-api-key"], headers["x-other"]],
    ["/v1/traces", "application/x-protobuf", "Pillion/test", "new", "a b"],
  );
  assert.deepEqual(new Uint8Array(body), new Uint8Array(encodeExport(resource, [span, span])));
  await exporter.send([span], signal);
  assert.deepEqual(notes, ["no reason given (1 spans rejected)"]);
  await assert.rejects(exporter.send([span], signal), (error) => {
    assert.ok(error instanceof ExportError);
    assert.deepEqual([error.isTemporary, error.waitMs], [true, 7000]);
    return true;
  });
  await assert.rejects(exporter.send([span], signal), {
    message: `http://127.0.0.1:${port}/v1/traces answered 400: bad spans`,
    isTemporary: false,
  });
  await assert.rejects(exporter.send([span], signal), isTemporary(false));
  assert.equal(received.length, 5, "a redirect is not followed");
  const below = createOtlpHttpExporter(otlp(`127.0.0.1:${port}/base`));
  await below.send([span], signal).catch(() => {});
  assert.equal(received.at(-1)?.path, "/base/v1/traces");
});

test("OTLP over gRPC", async (context) => {
  const notes: string[] = [];
  const { port, received } = await grpcPlace(
    context,
    { trailers: { "grpc-status": "0" } },
    { trailers: { "grpc-status": "0" }, body: partial },
    { trailers: { "grpc-status": "14", "grpc-message": "come%20back" } },
    { trailers: { "grpc-status": "3", "grpc-message": "no" } },
  );
  const options = { connect: platform.connectHttp2!, timeoutMs: 10_000 };
  const exporter = createOtlpGrpcExporter({ ...otlp(`127.0.0.1:${port}`, notes), ...options });
  await exporter.send([span, span], signal);
  const [{ path, headers, body } = { path: "", headers: {}, body: Buffer.alloc(0) }] = received;
  assert.deepEqual(
    [
      path,
      headers["content-type"],
      headers["te"],
      /^\d{1,8}[mun]$/.test(String(headers["grpc-timeout"])),
      headers["x-api-key"],
      headers["x-other"],
    ],
    ["/opentelemetry.proto.collector.trace.v1.TraceService/Export", "application/grpc", "trailers", true, "new", "a b"],
  );
  assert.deepEqual(new Uint8Array(body), encodeFrame(encodeExport(resource, [span, span])));
  await exporter.send([span], signal);
  assert.deepEqual(notes, ["no reason given (1 spans rejected)"]);
  await assert.rejects(exporter.send([span], signal), {
    message: `127.0.0.1:${port} answered with gRPC code 14: come back`,
    isTemporary: true,
  });
  await assert.rejects(exporter.send([span], signal), isTemporary(false));
  await exporter.close();
});

test("a collector that is not there, and one that does not answer", async (context) => {
  const gone = await httpPlace(context, { status: 200 });
  const dead = "127.0.0.1:1";
  const options = { connect: platform.connectHttp2!, timeoutMs: 1000 };
  const exporters = [
    createOtlpHttpExporter(otlp(dead)),
    createOtlpGrpcExporter({ ...otlp(dead), ...options }),
    createZipkinExporter({ url: `http://${dead}/`, resource, userAgent: "" }),
  ];
  for (const exporter of exporters) {
    await assert.rejects(exporter.send([span], signal), (error) => !(error instanceof ExportError));
  }
  const mute = createServer(() => {});
  await new Promise<void>((resolve) => mute.listen(0, "127.0.0.1", resolve));
  context.after(() => {
    mute.closeAllConnections();
    mute.close();
  });
  const address = `127.0.0.1:${(mute.address() as AddressInfo).port}`;
  for (const send of [
    createOtlpHttpExporter(otlp(address)).send,
    createZipkinExporter({ url: `http://${address}/`, resource, userAgent: "" }).send,
  ]) {
    const controller = new AbortController();
    const sent = send([span], controller.signal);
    controller.abort(new Error("enough"));
    await assert.rejects(sent, /enough/);
  }
  assert.equal(gone.received.length, 0);
  for (const exporter of exporters) await exporter.close();
});

test("Zipkin", async (context) => {
  const { port, received } = await httpPlace(context, { status: 202 }, { status: 500 }, { status: 413 });
  const exporter = createZipkinExporter({
    url: `http://127.0.0.1:${port}/api/v2/spans`,
    resource,
    userAgent: "Pillion/test",
  });
  await exporter.send([span, span], signal);
  assert.deepEqual([received[0]?.path, received[0]?.headers["content-type"]], ["/api/v2/spans", "application/json"]);
  const spans = JSON.parse(String(received[0]?.body)) as { traceId: string }[];
  assert.deepEqual(
    spans.map(({ traceId }) => traceId),
    [span.traceId, span.traceId],
  );
  await assert.rejects(exporter.send([span], signal), isTemporary(true));
  await assert.rejects(exporter.send([span], signal), isTemporary(false));
});

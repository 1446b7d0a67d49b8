import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { Code, ConnectError } from "@connectrpc/connect";
import { describeProbe, type Probe, type ProbeMethods } from "../../../test/harness/probe-service.ts";
import { createStreamPair } from "../../../test/harness/stream-pair.ts";
import { createGrpcClient } from "../../channel/grpc/client.ts";
import { fail } from "../../errors/error.ts";
import { ErrorInfoSchema } from "../../gen/google/rpc/error_details_pb.ts";
import { encodeFrame } from "../../kit/grpc/frames.ts";
import { gzip } from "../../kit/grpc/gzip.ts";
import { createVirtualClock } from "../../kit/virtual-clock.ts";
import type { HeaderList } from "../../platform/types.ts";
import { answerWith, callOf, metadataLines } from "./call.ts";
import type { CallEnd, GrpcInterceptor } from "./interceptor.ts";
import { createGrpcServer, type GrpcServerOptions } from "./server.ts";

const probe = describeProbe();
const limit = 4 << 20;

function start(methods: ProbeMethods, extra: Partial<GrpcServerOptions> = {}) {
  const clock = createVirtualClock();
  const limits = { maxReceiveBytes: limit, maxSendBytes: limit };
  const handler = createGrpcServer({ parts: [probe.part(methods)], limits, clock, ...extra });
  const pair = createStreamPair(handler);
  const client = createGrpcClient({
    client: pair,
    clock,
    target: "tcp 127.0.0.1:1",
    maxReceiveBytes: limit * 4,
    maxSendBytes: limit * 4,
  });
  return { clock, pair, client };
}

/** Sends headers and chunks as they are and collects the answer. */
function exchange(
  pair: ReturnType<typeof createStreamPair>,
  headers: HeaderList,
  chunks: readonly Uint8Array[],
): Promise<{ headers: HeaderList; trailers: HeaderList; body: Uint8Array }> {
  return new Promise((resolve, reject) => {
    let received: HeaderList = {};
    const body: number[] = [];
    const stream = pair.request(
      { ":method": "POST", ":path": "/probe.v1.Probe/Unary", "content-type": "application/grpc", ...headers },
      {
        onHeaders: (list) => (received = list),
        onData: (chunk) => body.push(...chunk),
        onEnd: (trailers) => resolve({ headers: received, trailers, body: Uint8Array.from(body) }),
        onError: reject,
      },
    );
    for (const chunk of chunks) stream.write(chunk);
    stream.end();
  });
}

async function refused(call: Promise<unknown>): Promise<ConnectError> {
  try {
    await call;
  } catch (error) {
    assert.ok(error instanceof ConnectError, String(error));
    return error;
  }
  throw new Error("the call was not refused");
}

async function collect(messages: AsyncIterable<unknown>): Promise<Probe[]> {
  const all: Probe[] = [];
  for await (const message of messages) all.push(message as Probe);
  return all;
}

async function* numbers(count: number, size = 0) {
  for (let n = 0; n < count; n++) yield probe.init({ n, data: new Uint8Array(size) });
}

const echo: ProbeMethods = { unary: ({ data, n }) => ({ data, n }) };

describe("unary calls", () => {
  it("answer with message, headers and trailers", async () => {
    const { client } = start({
      async unary({ n }, { requestHeader, responseHeader, responseTrailer }) {
        responseHeader.set("x-head", requestHeader.get("x-in") ?? "");
        responseTrailer.set("x-tail-bin", "AAEC");
        return { n: n + 1 };
      },
    });
    const { message, header, trailer } = await client.unary(probe.unary, probe.init({ n: 1 }), {
      headers: { "x-in": "seen" },
    });
    assert.equal((message as Probe).n, 2);
    assert.equal(header["x-head"], "seen");
    assert.equal(header["content-type"], "application/grpc");
    assert.equal(trailer["x-tail-bin"], "AAEC");
    assert.equal(trailer["grpc-status"], "0");
  });

  it("take messages in pieces of any size", async () => {
    const { pair } = start(echo);
    const data = Uint8Array.from({ length: 300 }, (_, at) => at);
    const frame = encodeFrame(new Uint8Array([0x0a, 0xac, 0x02, ...data]));
    for (const size of [1, 4, 5, 6, 100, 307]) {
      const chunks: Uint8Array[] = [];
      for (let at = 0; at < frame.length; at += size) chunks.push(frame.subarray(at, at + size));
      const { body, trailers } = await exchange(pair, {}, chunks);
      assert.equal(trailers["grpc-status"], "0");
      assert.deepEqual(body, frame);
    }
  });

  it("carry errors with details, and percent-encode their text", async () => {
    const { client, pair } = start({
      unary({ fail: code }) {
        const info = { reason: "WHY", domain: "dapr.io", metadata: { a: "b" } };
        throw new ConnectError("50 % müde\n", code, { "x-more": "1" }, [{ desc: ErrorInfoSchema, value: info }]);
      },
    });
    const error = await refused(client.unary(probe.unary, probe.init({ fail: Code.Aborted })));
    assert.equal(error.code, Code.Aborted);
    assert.equal(error.rawMessage, "50 % müde\n");
    assert.equal(error.metadata.get("x-more"), "1");
    assert.deepEqual(error.findDetails(ErrorInfoSchema)[0]?.metadata, { a: "b" });
    const { headers } = await exchange(pair, {}, [encodeFrame(new Uint8Array([0x28, 10]))]);
    assert.equal(headers["grpc-message"], "50 %25 m%C3%BCde%0A");
  });

  it("render rows of the error table and plain errors", async () => {
    const { client } = start({
      unary({ n }) {
        if (n === 1) throw fail("badRequest", { reason: "no" });
        throw new Error("oops");
      },
    });
    const row = await refused(client.unary(probe.unary, probe.init({ n: 1 })));
    assert.deepEqual([row.code, row.rawMessage], [Code.InvalidArgument, "invalid request: no"]);
    const plain = await refused(client.unary(probe.unary, probe.init({ n: 2 })));
    assert.deepEqual([plain.code, plain.rawMessage], [Code.Unknown, "oops"]);
  });

  it("end at their deadline, and the handler learns of it", async () => {
    const reasons: unknown[] = [];
    const { client, clock, pair } = start({
      unary: (_request, context) =>
        new Promise((_resolve, reject) => {
          assert.equal(context.timeoutMs(), 250);
          context.signal.addEventListener("abort", () => {
            reasons.push(context.signal.reason);
            reject(context.signal.reason);
          });
        }),
    });
    const answer = exchange(pair, { "grpc-timeout": "250m" }, [encodeFrame(new Uint8Array())]);
    await clock.advance(249);
    assert.deepEqual(reasons, []);
    await clock.advance(1);
    const { headers } = await answer;
    assert.deepEqual([headers["grpc-status"], headers["grpc-message"]], ["4", "context deadline exceeded"]);
    assert.equal(ConnectError.from(reasons[0]).code, Code.DeadlineExceeded);
    const own = refused(client.unary(probe.unary, probe.init({}), { timeoutMs: 250 }));
    await clock.advance(250);
    assert.equal((await own).code, Code.DeadlineExceeded);
    assert.equal(clock.pending, 0);
  });

  it("abort the handler's signal when the client leaves", async () => {
    const { promise: aborted, resolve } = Promise.withResolvers<unknown>();
    const { promise: entered, resolve: enter } = Promise.withResolvers<void>();
    const { client, pair } = start({
      unary: (_request, context) =>
        new Promise(() => {
          context.signal.addEventListener("abort", () => resolve(context.signal.reason));
          enter();
        }),
    });
    const leave = new AbortController();
    const call = refused(client.unary(probe.unary, probe.init({}), { signal: leave.signal }));
    await entered;
    leave.abort();
    const error = await call;
    assert.deepEqual([error.code, error.rawMessage], [Code.Canceled, "context canceled"]);
    assert.ok((await aborted) instanceof ConnectError);
    assert.deepEqual(pair.resets, [8]);
  });

  it("refuse messages over the limits in upstream's words", async () => {
    const { client } = start(
      { unary: ({ size }) => ({ data: new Uint8Array(size) }) },
      { limits: { maxReceiveBytes: 1000, maxSendBytes: 2000 } },
    );
    const received = await refused(client.unary(probe.unary, probe.init({ data: new Uint8Array(1000) })));
    assert.equal(received.code, Code.ResourceExhausted);
    assert.equal(received.rawMessage, "grpc: received message larger than max (1003 vs. 1000)");
    const sent = await refused(client.unary(probe.unary, probe.init({ size: 3000 })));
    assert.equal(sent.rawMessage, "grpc: trying to send message larger than max (3003 vs. 2000)");
  });

  it("answer INTERNAL to broken framing and broken messages", async () => {
    const { pair } = start(echo);
    const statusOf = async (...chunks: Uint8Array[]) => {
      const { headers } = await exchange(pair, {}, chunks);
      return [headers["grpc-status"], headers["grpc-message"]];
    };
    assert.equal((await statusOf())[0], "13");
    assert.deepEqual(await statusOf(new Uint8Array([0, 0, 0, 0, 9, 1])), ["13", "unexpected EOF"]);
    assert.deepEqual(await statusOf(new Uint8Array([7, 0, 0, 0, 0])), [
      "13",
      "grpc: received unexpected payload format 7",
    ]);
    assert.deepEqual(await statusOf(new Uint8Array([1, 0, 0, 0, 0])), [
      "13",
      "grpc: compressed flag set with identity or empty encoding",
    ]);
    assert.match(String((await statusOf(encodeFrame(new Uint8Array([0x0a, 200]))))[1]), /^grpc: error unmarshalling/);
    const twice = encodeFrame(new Uint8Array());
    assert.match(String((await statusOf(twice, twice))[1]), /multiple request messages/);
  });

  it("read and write gzip", async () => {
    const { pair, client } = start(echo);
    const message = new Uint8Array([0x0a, 0xd0, 0x0f, ...new Uint8Array(2000)]);
    const packed = encodeFrame(await gzip(message), true);
    const answer = await exchange(pair, { "grpc-encoding": "gzip", "grpc-accept-encoding": "identity,gzip" }, [packed]);
    assert.equal(answer.headers["grpc-encoding"], "gzip");
    assert.equal(answer.body[0], 1);
    assert.ok(answer.body.length < 200);
    const plain = await exchange(pair, { "grpc-encoding": "gzip", "grpc-accept-encoding": "identity" }, [packed]);
    assert.equal(plain.headers["grpc-encoding"], undefined);
    assert.equal(plain.body.length, message.length + 5);
    const unknown = await exchange(pair, { "grpc-encoding": "br" }, [packed]);
    assert.deepEqual(
      [unknown.headers["grpc-status"], unknown.headers["grpc-message"]],
      ["12", 'grpc: Decompressor is not installed for grpc-encoding "br"'],
    );
    const broken = await exchange(pair, { "grpc-encoding": "gzip" }, [encodeFrame(message, true)]);
    assert.equal(broken.headers["grpc-status"], "13");
    const bomb = encodeFrame(await gzip(new Uint8Array(limit + 1)), true);
    const large = await exchange(pair, { "grpc-encoding": "gzip" }, [bomb]);
    assert.equal(large.headers["grpc-message"], `grpc: received message after decompression larger than max ${limit}`);
    assert.equal(((await client.unary(probe.unary, probe.init({ n: 5 }))).message as Probe).n, 5);
  });
});

describe("requests that are not calls", () => {
  it("get an HTTP status and a gRPC status", async () => {
    const { pair } = start(echo);
    const statusOf = async (headers: HeaderList) => {
      const answer = await exchange(pair, headers, []);
      return [answer.headers[":status"], answer.headers["grpc-status"]];
    };
    assert.deepEqual(await statusOf({ "content-type": "application/json" }), ["415", "3"]);
    assert.deepEqual(await statusOf({ "content-type": "application/grpc-web" }), ["415", "3"]);
    assert.deepEqual(await statusOf({ ":method": "GET" }), ["405", "13"]);
    assert.deepEqual(await statusOf({ "grpc-timeout": "12x" }), ["400", "13"]);
  });

  it("are UNIMPLEMENTED when nobody serves them", async () => {
    const { pair } = start({});
    const textOf = async (path: string) => {
      const { headers } = await exchange(pair, { ":path": path }, []);
      assert.equal(headers["grpc-status"], "12");
      return headers["grpc-message"];
    };
    assert.equal(await textOf("/probe.v1.Probe/Unary"), "method Unary not implemented");
    assert.equal(await textOf("/probe.v1.Probe/Nope"), "unknown method Nope for service probe.v1.Probe");
    assert.equal(await textOf("/other.Service/Nope"), "unknown service other.Service");
    assert.equal(await textOf("/nothing"), 'malformed method name: "/nothing"');
  });
});

describe("calls that name an app", () => {
  const path = "/probe.v1.Probe/Unary";
  const other = "/probe.v1.Probe/Other";
  const statusOf = async (extra: Partial<GrpcServerOptions>, headers: HeaderList) =>
    (await exchange(start({}, extra).pair, headers, [])).headers["grpc-status"];
  const proxied: Partial<GrpcServerOptions> = {
    unknown: async () => {
      throw new ConnectError("for the app", Code.Aborted);
    },
  };

  for (const name of ["dapr-app-id", "dapr-callee-app-id"]) {
    it(`${name}: go to it when nobody here serves them`, async () => {
      const named = { [name]: "a" };
      const yielding = new Set(["probe.v1.Probe"]);
      assert.equal(await statusOf(proxied, { ":path": other, ...named }), String(Code.Aborted));
      assert.equal(await statusOf(proxied, { ":path": other }), String(Code.Unimplemented));
      assert.equal(await statusOf({}, { ":path": other, ...named }), String(Code.Unimplemented));
      assert.equal(await statusOf(proxied, { ":path": path, ...named }), String(Code.Unimplemented));
      assert.equal(await statusOf({ ...proxied, yielding }, { ":path": path, ...named }), String(Code.Aborted));
      assert.equal(await statusOf({ ...proxied, yielding }, { ":path": path }), String(Code.Unimplemented));
    });
  }
});

describe("repeated metadata", () => {
  it("stays repeated both ways", async () => {
    let seen: unknown;
    const { client } = start({
      unary: async (_, context) => {
        seen = metadataLines(context).filter(([name]) => name.startsWith("x-"));
        answerWith(context, { "x-one": "1", "x-two": ["1", "2"], "content-type": "no" });
        return {};
      },
    });
    const { header } = await client.unary(probe.unary, {}, { headers: { "x-one": "1", "x-two": ["1", "2"] } });
    assert.deepEqual(seen, [
      ["x-one", "1"],
      ["x-two", "1"],
      ["x-two", "2"],
    ]);
    assert.deepEqual([header["x-one"], header["x-two"], header["content-type"]], ["1", ["1", "2"], "application/grpc"]);
  });
});

describe("streaming calls", () => {
  it("serve many answers to one request", async () => {
    const { client } = start({
      async *serverStream({ n }) {
        for (let at = 0; at < n; at++) yield { n: at };
      },
    });
    const answer = client.serverStream(probe.serverStream, probe.init({ n: 500 }));
    const all = await collect(answer.messages);
    assert.deepEqual(
      all.map(({ n }) => n),
      Array.from({ length: 500 }, (_, at) => at),
    );
    assert.equal((await answer.trailer)["grpc-status"], "0");
  });

  it("serve one answer to many requests, and none", async () => {
    const { client } = start({
      async clientStream(requests) {
        let n = 0;
        let size = 0;
        for await (const { data } of requests) {
          n++;
          size += data.length;
        }
        return { n, size };
      },
    });
    const { message } = await client.clientStream(probe.clientStream, numbers(300, 1000));
    assert.deepEqual([(message as Probe).n, (message as Probe).size], [300, 300_000]);
    assert.equal(((await client.clientStream(probe.clientStream, numbers(0))).message as Probe).n, 0);
  });

  it("go both ways at once", async () => {
    const { client } = start({
      async *bidi(requests) {
        for await (const { n } of requests) yield { n: n * 2 };
      },
    });
    const sent: { push(n: number): void; end(): void; messages: AsyncIterable<Record<string, unknown>> } = (() => {
      const { readable, writable } = new TransformStream<Probe, Probe>();
      const writer = writable.getWriter();
      return {
        push: (n) => void writer.write(probe.init({ n }) as Probe),
        end: () => void writer.close(),
        messages: readable as unknown as AsyncIterable<Record<string, unknown>>,
      };
    })();
    sent.push(1);
    const seen: number[] = [];
    for await (const message of client.bidi(probe.bidi, sent.messages).messages) {
      const { n } = message as Probe;
      seen.push(n);
      if (n < 100) sent.push(n);
      else sent.end();
    }
    assert.deepEqual(seen, [2, 4, 8, 16, 32, 64, 128]);
  });

  it("deliver what came before an error", async () => {
    const { client } = start({
      async *serverStream() {
        yield { n: 1 };
        throw new ConnectError("no more", Code.FailedPrecondition);
      },
    });
    const seen: number[] = [];
    const answer = client.serverStream(probe.serverStream, probe.init({}));
    const error = await refused(
      (async () => {
        for await (const message of answer.messages) seen.push((message as Probe).n);
      })(),
    );
    assert.deepEqual(seen, [1]);
    assert.deepEqual([error.code, error.rawMessage], [Code.FailedPrecondition, "no more"]);
  });

  it("do not run ahead of a slow reader", async () => {
    let made = 0;
    const { client } = start({
      async *serverStream() {
        for (; made < 1000; made++) yield { data: new Uint8Array(10_000) };
      },
    });
    const iterator = client.serverStream(probe.serverStream, probe.init({})).messages[Symbol.asyncIterator]();
    await iterator.next();
    for (let turn = 0; turn < 2000; turn++) await undefined;
    assert.ok(made < 50, `${made} were made`);
    let seen = 1;
    while (!(await iterator.next()).done) seen++;
    assert.equal(seen, 1000);
  });

  it("do not take more than a slow handler reads", async () => {
    let sent = 0;
    const { promise: go, resolve: open } = Promise.withResolvers<void>();
    const { client } = start({
      async clientStream(requests) {
        let n = 0;
        for await (const _ of requests) if (n++ === 0) await go;
        return { n };
      },
    });
    const source = async function* () {
      for (; sent < 1000; sent++) yield probe.init({ data: new Uint8Array(10_000) });
    };
    const call = client.clientStream(probe.clientStream, source());
    for (let turn = 0; turn < 5000; turn++) await undefined;
    assert.ok(sent < 50, `${sent} were sent`);
    open();
    assert.equal(((await call).message as Probe).n, 1000);
  });

  it("run the handler's clean-up when the client leaves", async () => {
    const { promise: cleaned, resolve: clean } = Promise.withResolvers<boolean>();
    const { client } = start({
      async *serverStream(_request, { signal }) {
        try {
          for (let n = 0; ; n++) yield { n };
        } finally {
          clean(signal.aborted);
        }
      },
    });
    for await (const message of client.serverStream(probe.serverStream, probe.init({})).messages) {
      if ((message as Probe).n === 3) break;
    }
    assert.equal(await cleaned, true);
  });

  it("fail the handler's loop when the client leaves", async () => {
    const { promise: failed, resolve } = Promise.withResolvers<unknown>();
    const { client } = start({
      async *bidi(requests) {
        yield { n: 1 };
        try {
          for await (const _ of requests) yield { n: 2 };
        } catch (error) {
          resolve(error);
          throw error;
        }
      },
    });
    const never = new TransformStream<Probe, Probe>();
    const leave = new AbortController();
    const silent = never.readable as unknown as AsyncIterable<Record<string, unknown>>;
    const answer = client.bidi(probe.bidi, silent, { signal: leave.signal });
    const call = refused(collect(answer.messages));
    await answer.header;
    leave.abort();
    assert.equal((await call).code, Code.Canceled);
    const reason = await failed;
    assert.ok(reason instanceof ConnectError && reason.code === Code.Canceled);
  });
});

describe("interceptors", () => {
  it("run in order, see the call and learn how it ended", async () => {
    const steps: string[] = [];
    const ends: CallEnd[] = [];
    const named = (name: string): GrpcInterceptor => {
      return (info) => {
        steps.push(`${name} ${info.path}`);
        return (end) => {
          steps.push(`${name} ended`);
          ends.push(end);
        };
      };
    };
    const { client } = start(echo, { interceptors: [named("a"), named("b")] });
    await client.unary(probe.unary, probe.init({ data: new Uint8Array(10) }));
    const path = "/probe.v1.Probe/Unary";
    assert.deepEqual(steps, [`a ${path}`, `b ${path}`, "b ended", "a ended"]);
    assert.deepEqual(ends[0], { code: 0, error: undefined, requestBytes: 12, responseBytes: 12 });
  });

  it("refuse before the handler and before later ones", async () => {
    const seen: string[] = [];
    const { client } = start(
      { unary: () => assert.fail("the handler ran") },
      {
        interceptors: [
          () => (end) => seen.push(`first ended with ${end.code}`),
          () => {
            throw new ConnectError("no", Code.PermissionDenied);
          },
          () => assert.fail("a later interceptor ran"),
        ],
      },
    );
    assert.equal((await refused(client.unary(probe.unary, probe.init({})))).code, Code.PermissionDenied);
    assert.deepEqual(seen, ["first ended with 7"]);
  });

  it("set trace, caller and headers of the handler", async () => {
    const trace = { traceparent: "00-1-2-01", tracestate: "", baggage: "" };
    const { client } = start(
      {
        unary(_request, context) {
          const call = callOf(context);
          assert.deepEqual(call.trace, trace);
          assert.deepEqual(call.caller, { appId: "a", namespace: "n" });
          assert.equal(context.requestHeader.get("secret"), null);
          return {};
        },
      },
      {
        interceptors: [
          (info) => {
            info.setTrace(trace);
            info.setCaller({ appId: "a", namespace: "n" });
            info.dropHeader("secret");
            info.responseHeader.set("x-from", "interceptor");
            return undefined;
          },
        ],
      },
    );
    const { header } = await client.unary(probe.unary, probe.init({}), { headers: { secret: "1" } });
    assert.equal(header["x-from"], "interceptor");
  });

  it("leave the trace of the request, where grpc-trace-bin wins", async () => {
    const traces: string[] = [];
    const { client } = start({
      unary(_request, context) {
        traces.push(callOf(context).trace.traceparent);
        return {};
      },
    });
    const traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    const binary = "AAAK92UZFs1D3YRI6yEcgDGcAbetbWFpIDMxAgA";
    await client.unary(probe.unary, probe.init({}), { headers: { traceparent } });
    await client.unary(probe.unary, probe.init({}), { headers: { traceparent, "grpc-trace-bin": "AAAA" } });
    await client.unary(probe.unary, probe.init({}), { headers: { traceparent, "grpc-trace-bin": binary } });
    assert.deepEqual(traces, [traceparent, traceparent, "00-0af7651916cd43dd8448eb211c80319c-b7ad6d6169203331-00"]);
  });
});

describe("the raw handler", () => {
  it("gets the calls of unknown services and passes frames on", async () => {
    const inner = start({
      async *bidi(requests, { responseTrailer }) {
        responseTrailer.set("x-tail", "1");
        for await (const { n } of requests) yield { n };
      },
      unary() {
        throw new ConnectError("told so", Code.NotFound);
      },
    });
    const { client } = start(
      {},
      {
        parts: [],
        async unknown(call) {
          const answer = inner.client.raw(call.path, call.frames, { signal: call.signal });
          call.respond(await answer.header);
          for await (const frame of answer.frames) await call.write(frame);
          call.end(await answer.trailer);
        },
      },
    );
    const answer = client.bidi(probe.bidi, numbers(200, 1000));
    assert.equal((await collect(answer.messages)).length, 200);
    assert.equal((await answer.trailer)["x-tail"], "1");
    const error = await refused(client.unary(probe.unary, probe.init({})));
    assert.deepEqual([error.code, error.rawMessage], [Code.NotFound, "told so"]);
  });

  it("is told that there is room as often as it asked", async () => {
    const { client } = start(
      {},
      {
        parts: [],
        async unknown(call) {
          let request: Uint8Array = new Uint8Array(0);
          for await (const frame of call.frames) request = frame;
          call.respond({ ":status": "200", "content-type": "application/grpc" });
          const waits = Array.from({ length: 40 }, () => call.write(request)).filter((wait) => wait !== undefined);
          assert.ok(waits.length > 1, "nobody had to wait");
          await Promise.all(waits);
          call.end({ "grpc-status": "0" });
        },
      },
    );
    const request = probe.init({ n: 1, data: new Uint8Array(100_000) });
    assert.equal((await collect(client.serverStream(probe.serverStream, request).messages)).length, 40);
  });

  it("answers INTERNAL when it leaves a call open, and the status of what it throws", async () => {
    const { client } = start(
      {},
      {
        parts: [],
        async unknown(call) {
          if (call.header("x-throw") !== undefined) throw new ConnectError("thrown", Code.Unavailable);
        },
      },
    );
    assert.equal((await refused(client.unary(probe.unary, probe.init({})))).code, Code.Internal);
    const thrown = await refused(client.unary(probe.unary, probe.init({}), { headers: { "x-throw": "1" } }));
    assert.deepEqual([thrown.code, thrown.rawMessage], [Code.Unavailable, "thrown"]);
  });
});

describe("parts", () => {
  it("may not claim one method twice or a method that does not exist", () => {
    const limits = { maxReceiveBytes: 1, maxSendBytes: 1 };
    const clock = createVirtualClock();
    const twice = { parts: [probe.part(echo), probe.part(echo)], limits, clock };
    assert.throws(() => createGrpcServer(twice), /"\/probe.v1.Probe\/Unary" failed: two parts claim it/);
    const wrong = { parts: [{ service: probe.service, methods: { nope: () => ({}) } }], limits, clock };
    assert.throws(() => createGrpcServer(wrong), /has no method "nope"/);
  });

  it("together serve one service", async () => {
    const other = probe.part({
      async *serverStream() {
        yield { n: 1 };
      },
    });
    const { client } = start({}, { parts: [probe.part(echo), other] });
    assert.equal(((await client.unary(probe.unary, probe.init({ n: 3 }))).message as Probe).n, 3);
    assert.equal((await collect(client.serverStream(probe.serverStream, probe.init({})).messages)).length, 1);
  });
});

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { Code, ConnectError } from "@connectrpc/connect";
import { describeProbe, type Probe } from "../../../test/harness/probe-service.ts";
import { createStreamPair } from "../../../test/harness/stream-pair.ts";
import { encodeFrame } from "../../kit/grpc/frames.ts";
import { gzip } from "../../kit/grpc/gzip.ts";
import { createVirtualClock } from "../../kit/virtual-clock.ts";
import type { HeaderList, Http2Client, StreamHandler } from "../../platform/types.ts";
import { wasSent } from "./call-error.ts";
import { createGrpcClient } from "./client.ts";

const probe = describeProbe();
const limits = { maxReceiveBytes: 10_000, maxSendBytes: 10_000 };
const grpcHeaders = { ":status": "200", "content-type": "application/grpc" } as const;

function connect(client: Http2Client, target = "tcp 127.0.0.1:1") {
  const clock = createVirtualClock();
  return { clock, client: createGrpcClient({ client, clock, target, headers: { "x-base": "1" }, ...limits }) };
}
const serve = (handler: StreamHandler) => connect(createStreamPair(handler));

/** A connection on which every request fails. */
function broken(error: Error, sent: boolean, http2Code?: number): Http2Client {
  return {
    openStreams: 0,
    connected: false,
    request(_headers, handlers) {
      queueMicrotask(() => handlers.onError(Object.assign(error, { sent, http2Code })));
      return { write: () => true, end() {}, reset() {}, pause() {}, resume() {} };
    },
    async close() {},
  };
}

async function refusal(call: Promise<unknown>) {
  try {
    await call;
  } catch (error) {
    assert.ok(error instanceof ConnectError, String(error));
    return { code: error.code, text: error.rawMessage, sent: wasSent(error) };
  }
  throw new Error("the call was not refused");
}
const unary = ({ client }: ReturnType<typeof connect>) => client.unary(probe.unary, probe.init({}));

describe("a request", () => {
  it("carries path, metadata and the deadline", async () => {
    let seen: HeaderList = {};
    const { client } = serve((stream) => {
      seen = stream.headers;
      stream.onEnd = () => {
        stream.respond(grpcHeaders);
        stream.write(encodeFrame(new Uint8Array()));
        stream.end({ "grpc-status": "0" });
      };
    });
    await client.unary(probe.unary, probe.init({}), { headers: { "x-own": ["a", "b"] }, timeoutMs: 1500 });
    assert.deepEqual(
      { ...seen },
      {
        ":method": "POST",
        ":scheme": "http",
        ":path": "/probe.v1.Probe/Unary",
        "content-type": "application/grpc",
        te: "trailers",
        "x-base": "1",
        "x-own": ["a", "b"],
        "grpc-accept-encoding": "gzip",
        "grpc-timeout": "1500000u",
      },
    );
  });

  it("is not sent when its signal is aborted or its message too large", async () => {
    const { client } = serve(() => assert.fail("something was sent"));
    const signal = AbortSignal.abort();
    assert.equal((await refusal(client.unary(probe.unary, probe.init({}), { signal }))).code, Code.Canceled);
    const data = new Uint8Array(limits.maxSendBytes);
    assert.deepEqual(await refusal(client.unary(probe.unary, probe.init({ data }))), {
      code: Code.ResourceExhausted,
      text: "trying to send message larger than max (10003 vs. 10000)",
      sent: false,
    });
  });

  it("fails with what its source of messages throws", async () => {
    const pair = createStreamPair(() => {});
    const { client } = connect(pair);
    const source = async function* () {
      yield probe.init({});
      throw new ConnectError("dry", Code.DataLoss);
    };
    const { code, text } = await refusal(client.clientStream(probe.clientStream, source()));
    assert.deepEqual([code, text], [Code.DataLoss, "dry"]);
    assert.deepEqual(pair.resets, [8]);
  });
});

describe("an answer", () => {
  const answering = (
    respond: Parameters<StreamHandler>[0]["respond"] extends (headers: infer H) => void ? H : never,
    trailers: HeaderList | undefined,
    ...chunks: Uint8Array[]
  ) =>
    serve((stream) => {
      stream.onEnd = () => {
        stream.respond(respond);
        for (const chunk of chunks) stream.write(chunk);
        stream.end(trailers);
      };
    });

  it("that is not gRPC gets the status that stands for it", async () => {
    const html = { "content-type": "text/html" };
    assert.deepEqual(await refusal(unary(answering({ ":status": "404", ...html }, undefined))), {
      code: Code.Unimplemented,
      text: 'unexpected HTTP status code received from server: 404 (Not Found); transport: received unexpected content-type "text/html"',
      sent: true,
    });
    assert.equal((await refusal(unary(answering({ ":status": "503", ...html }, undefined)))).code, Code.Unavailable);
    assert.equal((await refusal(unary(answering({ ":status": "200", ...html }, undefined)))).code, Code.Unknown);
    assert.match((await refusal(unary(answering({ ":status": "200" }, undefined)))).text, /missing HTTP content-type$/);
  });

  it("must have a status and one whole message", async () => {
    const ok = { "grpc-status": "0" };
    const frame = encodeFrame(new Uint8Array());
    const textOf = async (made: ReturnType<typeof answering>) => {
      const { code, text } = await refusal(unary(made));
      assert.equal(code, Code.Internal);
      return text;
    };
    assert.equal(
      await textOf(answering(grpcHeaders, undefined, frame)),
      "server closed the stream without sending trailers",
    );
    assert.match(await textOf(answering(grpcHeaders, ok)), /received no response message/);
    assert.match(await textOf(answering(grpcHeaders, ok, frame, frame)), /received another message/);
    assert.equal(await textOf(answering(grpcHeaders, ok, frame.subarray(0, 3))), "unexpected EOF");
    assert.match(
      await textOf(answering(grpcHeaders, ok, encodeFrame(new Uint8Array([0x0a, 9])))),
      /failed to unmarshal/,
    );
    const odd = await refusal(unary(answering(grpcHeaders, { "grpc-status": "x" })));
    assert.equal(odd.code, Code.Unknown);
    const large = await refusal(
      unary(answering(grpcHeaders, ok, encodeFrame(new Uint8Array(limits.maxReceiveBytes + 1)))),
    );
    assert.deepEqual([large.code, large.text], [8, "grpc: received message larger than max (10001 vs. 10000)"]);
  });

  it("may be compressed", async () => {
    const packed = encodeFrame(await gzip(new Uint8Array([0x10, 5])), true);
    const made = answering({ ...grpcHeaders, "grpc-encoding": "gzip" }, { "grpc-status": "0" }, packed);
    assert.equal(((await unary(made)).message as Probe).n, 5);
  });

  it("of raw frames has its status in the trailers", async () => {
    const { client } = answering({ ...grpcHeaders, "grpc-status": "5", "x-a": "1" }, undefined);
    const answer = client.raw("/a.B/C", (async function* () {})());
    assert.deepEqual(await answer.header, {});
    for await (const _ of answer.frames) assert.fail("there are no frames");
    const trailer = await answer.trailer;
    assert.deepEqual([trailer["grpc-status"], trailer["x-a"]], ["5", "1"]);
  });
});

describe("a failing connection", () => {
  const failing = (code: string, sent = false, target?: string) => {
    const cause = Object.assign(new Error(`connect ${code}`), { code });
    return refusal(unary(connect(broken(new Error("it failed", { cause }), sent), target)));
  };

  it("is told in upstream's words", async () => {
    const desc = (text: string) => `connection error: desc = "transport: Error while dialing: dial ${text}"`;
    assert.deepEqual(await failing("ECONNREFUSED"), {
      code: Code.Unavailable,
      text: desc("tcp 127.0.0.1:1: connect: connection refused"),
      sent: false,
    });
    assert.equal(
      (await failing("ENOENT", false, "unix /tmp/s")).text,
      desc("unix /tmp/s: connect: no such file or directory"),
    );
    assert.equal((await failing("ETIMEDOUT")).text, desc("tcp 127.0.0.1:1: i/o timeout"));
    assert.deepEqual(await failing("ECONNRESET", true), {
      code: Code.Unavailable,
      text: 'connection error: desc = "error reading from server: EOF"',
      sent: true,
    });
  });

  it("or a reset stream has the status of its code", async () => {
    const reset = (code: number) => refusal(unary(connect(broken(new Error("reset"), true, code))));
    assert.deepEqual(await reset(8), {
      code: Code.Canceled,
      text: "stream terminated by RST_STREAM with error code: CANCEL",
      sent: true,
    });
    assert.equal((await reset(7)).code, Code.Unavailable);
    assert.equal((await reset(2)).code, Code.Internal);
    assert.equal((await reset(11)).code, Code.ResourceExhausted);
  });

  it("fails all parts of a stream's answer, and only those that are read", async () => {
    const { client } = connect(broken(new Error("down"), false));
    const answer = client.serverStream(probe.serverStream, probe.init({}));
    await assert.rejects(answer.header, ConnectError);
    await assert.rejects(answer.messages[Symbol.asyncIterator]().next(), ConnectError);
  });
});

describe("a deadline", () => {
  it("resets the call and leaves no timer behind", async () => {
    const pair = createStreamPair(() => {});
    const { client, clock } = connect(pair);
    const call = refusal(client.unary(probe.unary, probe.init({}), { timeoutMs: 50 }));
    await clock.advance(50);
    assert.deepEqual(await call, { code: Code.DeadlineExceeded, text: "context deadline exceeded", sent: true });
    assert.deepEqual(pair.resets, [8]);
    assert.equal(clock.pending, 0);
  });
});

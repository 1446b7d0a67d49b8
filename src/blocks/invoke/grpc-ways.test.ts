import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { create, type Message } from "@bufbuild/protobuf";
import { Code, ConnectError, type HandlerContext } from "@connectrpc/connect";
import { hostPlatform } from "../../../test/harness/host-platform.ts";
import { type InvokeSidecar, startInvokeSidecar } from "../../../test/harness/invoke-sidecar.ts";
import { describeProbe, type Probe } from "../../../test/harness/probe-service.ts";
import { sendRaw } from "../../../test/harness/raw-http.ts";
import { grpcPart } from "../../api/grpc/part.ts";
import { createGrpcServer } from "../../api/grpc/server.ts";
import { createGrpcClient, type GrpcClient } from "../../channel/grpc/client.ts";
import { InvokeResponseSchema } from "../../gen/dapr/proto/common/v1/common_pb.ts";
import { AppCallback } from "../../gen/dapr/proto/runtime/v1/appcallback_pb.ts";
import { Dapr } from "../../gen/dapr/proto/runtime/v1/dapr_pb.ts";
import { ErrorInfoSchema } from "../../gen/google/rpc/error_details_pb.ts";
import { decodeUtf8, encodeUtf8 } from "../../kit/bytes.ts";
import type { HeaderList, Http2Client, Listener } from "../../platform/types.ts";

const platform = await hostPlatform();
const { clock } = platform;
const probe = describeProbe();
const limits = { maxReceiveBytes: 4 << 20, maxSendBytes: 4 << 20 };
const ways = ["own app", "same process", "two processes"] as const;
type Way = (typeof ways)[number];

let appServer: Listener;
let seen: Headers;
let arrived = 0;
let cancelled = 0;
const sidecars: InvokeSidecar[] = [];
const clients: Http2Client[] = [];
const clientOf: Partial<Record<Way, GrpcClient>> = {};
const httpPorts: Partial<Record<Way, number>> = {};

const note = (context: HandlerContext): void => {
  seen = context.requestHeader;
};

async function startApp(): Promise<Listener> {
  const part = probe.part({
    async unary(request, context) {
      note(context);
      context.responseHeader.set("x-answer", "header");
      context.responseTrailer.set("x-end", "trailer");
      if (request.fail > 0) {
        const detail = { desc: ErrorInfoSchema, value: { reason: "WHY", domain: "d" } };
        throw new ConnectError(request.text, request.fail, { "x-why": "because" }, [detail]);
      }
      if (request.text === "wait") {
        arrived++;
        await new Promise((resolve) => context.signal.addEventListener("abort", resolve));
        cancelled++;
      }
      return {
        text: `${request.text}!`,
        n: context.timeoutMs() === undefined ? 0 : 1,
        data: new Uint8Array(request.size),
      };
    },
    async *serverStream(request) {
      for (let n = 1; n <= request.n; n++) yield { n, data: new Uint8Array(request.size) };
    },
    async clientStream(requests) {
      let n = 0;
      for await (const request of requests) n += request.n;
      return { n };
    },
    async *bidi(requests) {
      for await (const request of requests) {
        if (request.fail > 0) throw new ConnectError("enough", request.fail);
        yield { n: request.n * 2 };
      }
    },
  });
  const callback = grpcPart(AppCallback, {
    onInvoke(request, context) {
      note(context);
      if (request.method === "fail")
        throw new ConnectError("no such thing", Code.NotFound, undefined, [
          { desc: ErrorInfoSchema, value: { reason: "GONE" } },
        ]);
      context.responseHeader.set("x-answer", "header");
      const extension = request.httpExtension;
      const text = `${request.method} ${extension?.verb} ${extension?.querystring} ${request.contentType} ${decodeUtf8(request.data?.value ?? new Uint8Array())}`;
      return create(InvokeResponseSchema, { contentType: "text/plain", data: { value: encodeUtf8(text) } });
    },
  });
  return platform.serveHttp2!(
    { host: "127.0.0.1", port: 0 },
    createGrpcServer({ parts: [part, callback], limits, clock }),
  );
}

before(async () => {
  appServer = await startApp();
  const app = { port: appServer.port, protocol: "grpc" } as const;
  const callee = await startInvokeSidecar({ platform, appId: "callee", app, appToken: "secret" });
  const near = await startInvokeSidecar({ platform, appId: "caller", neighbours: () => [callee] });
  const far = await startInvokeSidecar({
    platform,
    appId: "caller",
    peers: { callee: callee.peerAddress, dead: "127.0.0.1:1" },
  });
  sidecars.push(callee, near, far);
  for (const [way, sidecar] of [
    ["own app", callee],
    ["same process", near],
    ["two processes", far],
  ] as const) {
    const client = platform.connectHttp2!({ host: "127.0.0.1", port: sidecar.grpcPort });
    clients.push(client);
    clientOf[way] = createGrpcClient({ client, clock, target: "tcp test", ...limits });
    httpPorts[way] = sidecar.httpPort;
  }
});
after(async () => {
  await Promise.all(clients.map((client) => client.close()));
  await Promise.all(sidecars.map((sidecar) => sidecar.close()));
  await appServer.close(100);
});

const to: HeaderList = { "dapr-app-id": "callee" };
const list = (way: Way) =>
  way === "own app"
    ? []
    : [
        ["dapr-callee-app-id", "callee"],
        ["dapr-caller-app-id", "caller"],
      ];
const dapr = (headers: Headers) => [...headers].filter(([name]) => name.startsWith("dapr-")).sort();
const failure = async (work: Promise<unknown>): Promise<ConnectError> =>
  work.then(
    () => assert.fail("it did not fail"),
    (error: unknown) => error as ConnectError,
  );
const read = (message: Message): Probe => message as unknown as Probe;
async function* numbers(...all: number[]): AsyncGenerator<Partial<Probe>> {
  for (const n of all) yield { n };
}

for (const way of ways) {
  describe(`proxying, ${way}`, () => {
    const client = (): GrpcClient => clientOf[way]!;

    it("carries a unary call with its metadata both ways", async () => {
      const forged = { "dapr-caller-app-id": "forged", "dapr-caller-namespace": "forged", "dapr-api-token": "x" };
      const headers = {
        ...to,
        ...forged,
        "x-meta": ["1", "2"],
        "x-data-bin": "AAEC",
        traceparent: `00-${"1".repeat(32)}-${"2".repeat(16)}-01`,
      };
      const answer = await client().unary(probe.unary, { text: "hello" }, { headers });
      assert.equal(read(answer.message).text, "hello!");
      assert.equal(answer.header["x-answer"], "header");
      assert.equal(answer.trailer["x-end"], "trailer");
      assert.equal(seen.get("x-meta"), "1, 2");
      assert.equal(seen.get("x-data-bin"), "AAEC");
      assert.match(seen.get("traceparent") ?? "", /^00-1{32}-2{16}-01$/);
      const caller = way === "same process" ? [["dapr-caller-namespace", "default"]] : [];
      assert.deepEqual(dapr(seen), [["dapr-api-token", "secret"], ...list(way), ...caller].sort());
    });

    it("carries large messages", async () => {
      const data = new Uint8Array(1 << 20).fill(7);
      const answer = await client().unary(probe.unary, { text: "x", data, size: 1 << 20 }, { headers: to });
      assert.equal(read(answer.message).data.length, 1 << 20);
    });

    it("carries a status with details and trailers", async () => {
      const error = await failure(client().unary(probe.unary, { text: "nö", fail: Code.Aborted }, { headers: to }));
      assert.equal(error.code, Code.Aborted);
      assert.equal(error.rawMessage, "nö");
      assert.equal(error.metadata.get("x-why"), "because");
      assert.deepEqual(
        error.findDetails(ErrorInfoSchema).map(({ reason }) => reason),
        ["WHY"],
      );
    });

    it("carries streams of all kinds", async () => {
      const down: number[] = [];
      for await (const message of client().serverStream(probe.serverStream, { n: 50, size: 20_000 }, { headers: to })
        .messages)
        down.push(read(message).n);
      assert.deepEqual(
        down,
        Array.from({ length: 50 }, (_, index) => index + 1),
      );
      const up = await client().clientStream(probe.clientStream, numbers(1, 2, 3), { headers: to });
      assert.equal(read(up.message).n, 6);
      const both: number[] = [];
      for await (const message of client().bidi(probe.bidi, numbers(1, 2, 3), { headers: to }).messages)
        both.push(read(message).n);
      assert.deepEqual(both, [2, 4, 6]);
    });

    it("answers message by message, and ends when the app does", async () => {
      const asks: ((ask: Partial<Probe>) => void)[] = [];
      async function* asked(): AsyncGenerator<Partial<Probe>> {
        for (;;) yield await new Promise<Partial<Probe>>((resolve) => asks.push(resolve));
      }
      const ask = async (message: Partial<Probe>) => {
        while (asks.length === 0) await clock.sleep(1);
        asks.shift()!(message);
      };
      const answers = client().bidi(probe.bidi, asked(), { headers: to }).messages[Symbol.asyncIterator]();
      for (const n of [1, 2, 3]) {
        const next = answers.next();
        await ask({ n });
        const { value } = await next;
        assert.equal(value === undefined ? 0 : read(value).n, n * 2);
      }
      const last = failure(answers.next());
      await ask({ fail: Code.OutOfRange });
      assert.equal((await last).code, Code.OutOfRange);
    });

    it("passes the deadline on", async () => {
      const answer = await client().unary(probe.unary, { text: "x" }, { headers: to, timeoutMs: 60_000 });
      assert.equal(read(answer.message).n, 1);
      const late = await failure(client().unary(probe.unary, { text: "wait" }, { headers: to, timeoutMs: 100 }));
      assert.equal(late.code, Code.DeadlineExceeded);
    });

    it("ends the app's call when the caller leaves", async () => {
      const before = cancelled;
      const waiting = arrived;
      const leaving = new AbortController();
      const pending = client().unary(probe.unary, { text: "wait" }, { headers: to, signal: leaving.signal });
      while (arrived === waiting) await clock.sleep(1);
      leaving.abort();
      assert.equal((await failure(pending)).code, Code.Canceled);
      while (cancelled === before) await clock.sleep(1);
    });
  });

  describe(`InvokeService and OnInvoke, ${way}`, () => {
    const invoke = (method: string, headers: HeaderList = {}) =>
      clientOf[way]!.unary(
        Dapr.method.invokeService,
        {
          id: "callee",
          message: {
            method,
            contentType: "text/x",
            data: { value: encodeUtf8("hi") },
            httpExtension: { verb: 4, querystring: "a=b" },
          },
        },
        { headers },
      );

    it("brings the message to the app and its answer back", async () => {
      const traceparent = `00-${"1".repeat(32)}-${"2".repeat(16)}-01`;
      const answer = await invoke("a/b", { "x-meta": "1", "dapr-caller-app-id": "forged", traceparent });
      assert.equal(decodeUtf8(answer.message.data?.value ?? new Uint8Array()), "a/b 4 a=b text/x hi");
      assert.equal(answer.message.contentType, "text/plain");
      assert.equal(answer.header["x-answer"], "header");
      assert.equal(answer.header["dapr-http-status"], undefined);
      // The trace of the call, in both forms.
      assert.match(String(answer.trailer["traceparent"]), /^00-1{32}-2{16}-01$/);
      assert.equal(answer.trailer["grpc-trace-bin"], "AAARERERERERERERERERERERASIiIiIiIiIiAgE");
      assert.equal(seen.get("x-meta"), "1");
      const caller = way === "own app" ? [] : [["dapr-caller-namespace", "default"]];
      assert.deepEqual(dapr(seen), [["dapr-api-token", "secret"], ...list(way), ...caller].sort());
    });

    it("keeps the app's status", async () => {
      const error = await failure(invoke("fail"));
      assert.equal(error.code, Code.NotFound);
      assert.equal(error.rawMessage, "no such thing");
      assert.deepEqual(
        error.findDetails(ErrorInfoSchema).map(({ reason }) => reason),
        ["GONE"],
      );
    });

    it("serves callers that speak HTTP", async () => {
      const send = (method: string) =>
        sendRaw(
          httpPorts[way]!,
          `POST /v1.0/invoke/callee/method/${method}?q=1 HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-type: text/x\r\naccept: */*\r\nx-meta: 2\r\ncontent-length: 2\r\n\r\nhi`,
        );
      const good = await send("m");
      assert.equal(good.status, 200);
      assert.equal(good.body, "m 3 q=1 text/x hi");
      assert.equal(good.headers.find(([name]) => name === "content-type")?.[1], "text/plain");
      assert.equal(good.headers.find(([name]) => name === "x-answer")?.[1], "header");
      assert.equal(seen.get("x-meta"), "2");
      assert.equal(seen.get("dapr-accept"), "*/*");
      assert.equal(seen.get("dapr-content-type"), "text/x");
      assert.equal(seen.get("dapr-content-length"), "2");
      const bad = await send("fail");
      assert.equal(bad.status, 404);
      assert.match(bad.body, /\[\{"@type":"type\.googleapis\.com/, "as upstream, the type comes first");
      assert.deepEqual(JSON.parse(bad.body), {
        code: 5,
        message: "no such thing",
        details: [{ "@type": "type.googleapis.com/google.rpc.ErrorInfo", reason: "GONE" }],
      });
    });
  });
}

describe("proxying that finds nobody", () => {
  const refused = async (headers: HeaderList) =>
    failure(clientOf["two processes"]!.unary(probe.unary, { text: "x" }, { headers }));
  for (const [headers, code, message] of [
    [{}, Code.Unknown, "cannot proxy request: missing dapr-callee-app-id or dapr-app-id metadata"],
    [{ "dapr-app-id": "ghost" }, Code.Unknown, "couldn't find service: ghost"],
    [{ "dapr-app-id": "a.b.c" }, Code.Unknown, "invalid app id a.b.c"],
    [{ "dapr-app-id": "caller" }, Code.Unavailable, "the app does not speak gRPC"],
    [
      { "dapr-app-id": "dead" },
      Code.Unavailable,
      'connection error: desc = "transport: Error while dialing: dial tcp 127.0.0.1:1: connect: connection refused"',
    ],
  ] as const) {
    it(JSON.stringify(headers), async () => {
      const error = await refused(headers);
      assert.equal(error.rawMessage, message);
      assert.equal(error.code, code);
    });
  }
});

import assert from "node:assert/strict";
import { connect, type Socket } from "node:net";
import { after, before, beforeEach, describe, it } from "node:test";
import { create } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import { hostPlatform } from "../../../test/harness/host-platform.ts";
import { type InvokeSidecar, startInvokeSidecar } from "../../../test/harness/invoke-sidecar.ts";
import { type RawApp, startRawApp } from "../../../test/harness/raw-app.ts";
import { sendRaw } from "../../../test/harness/raw-http.ts";
import { resiliencyResource } from "../../../test/harness/resiliency.ts";
import { createGrpcClient } from "../../channel/grpc/client.ts";
import { HTTPExtension_Verb, InvokeRequestSchema } from "../../gen/dapr/proto/common/v1/common_pb.ts";
import { Dapr } from "../../gen/dapr/proto/runtime/v1/dapr_pb.ts";
import type { Http2Client } from "../../platform/types.ts";

const platform = await hostPlatform();
const resource = resiliencyResource("r", {
  timeouts: { short: "150ms" },
  retries: {
    some: { duration: "5ms", maxRetries: 3, matching: { httpStatusCodes: "500-503", gRPCStatusCodes: "" } },
  },
  circuitBreakers: { cb: { trip: "consecutiveFailures >= 2" } },
  apps: {
    retried: { retry: "some" },
    limited: { timeout: "short" },
    broken: { circuitBreaker: "cb" },
  },
});

let app: RawApp;
let client: Http2Client;
const callees: InvokeSidecar[] = [];
const callers: InvokeSidecar[] = [];
/** Bodies of the requests that the app has got whole. */
let bodies: string[] = [];
let closed = 0;

const status = (code: number, body = ""): string =>
  `HTTP/1.1 ${code} X\r\nx-try: ${bodies.length}\r\ncontent-type: text/plain\r\ncontent-length: ${body.length}\r\n\r\n${body}`;

function answer(socket: Socket, all: string): void {
  const cut = all.lastIndexOf("\r\n\r\n") < 0 ? -1 : all.indexOf("\r\n\r\n");
  if (cut < 0) return;
  const head = all.slice(0, cut);
  const rest = all.slice(cut + 4);
  const length = Number(/\r\ncontent-length: (\d+)/i.exec(head)?.[1] ?? 0);
  const isChunked = /\r\ntransfer-encoding: chunked/i.test(head);
  if (isChunked ? !rest.endsWith("0\r\n\r\n") : rest.length < length) return;
  bodies.push(rest);
  const [, path = ""] = head.split(" ");
  if (path === "/twice") socket.end(bodies.length < 3 ? status(503, "down") : status(200, "up"));
  else if (path === "/never") socket.on("close", () => closed++);
  else if (path === "/half") {
    socket.on("close", () => closed++);
    socket.write("HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ntransfer-encoding: chunked\r\n\r\n4\r\nhalf\r\n");
  } else socket.end(status(Number(path.slice(1)), "answer"));
}

before(async () => {
  app = await startRawApp(answer);
  for (const appId of ["retried", "limited", "broken"]) {
    callees.push(await startInvokeSidecar({ platform, appId, app: { port: app.port, protocol: "http" } }));
  }
  const common = { platform, appId: "caller", resiliencies: [resource] };
  const peers = Object.fromEntries(callees.map((callee) => [callee.appId, callee.peerAddress]));
  callers.push(await startInvokeSidecar({ ...common, neighbours: () => callees }));
  callers.push(await startInvokeSidecar({ ...common, peers }));
  client = platform.connectHttp2!({ host: "127.0.0.1", port: callers[1]!.grpcPort });
});
after(async () => {
  await client.close();
  await Promise.all([...callers, ...callees].map((sidecar) => sidecar.close()));
  await app.close();
});
beforeEach(() => {
  bodies = [];
  closed = 0;
});

async function until(condition: () => boolean): Promise<void> {
  for (let turns = 0; !condition(); turns++) {
    if (turns > 500) assert.fail("it did not happen");
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

for (const [at, way] of ["same process", "two processes"].entries()) {
  describe(`under a policy, ${way}`, () => {
    const send = (app: string, method: string, fields = "", body = "") =>
      sendRaw(
        callers[at]!.httpPort,
        `POST /v1.0/invoke/${app}/method/${method} HTTP/1.1\r\nhost: a\r\nconnection: close\r\n${fields}\r\n${body}`,
      );
    const sized = (app: string, method: string, body: string) =>
      send(app, method, `content-length: ${body.length}\r\n`, body);

    it("a failed answer is repeated with the same body", async () => {
      const got = await sized("retried", "twice", "question");
      assert.equal(got.status, 200);
      assert.equal(got.body, "up");
      assert.deepEqual(bodies, ["question", "question", "question"]);
    });

    it("a body too large to be read at once is repeated too", async () => {
      const body = "b".repeat(200_000);
      const got = await sized("retried", "twice", body);
      assert.equal(got.status, 200);
      assert.equal(bodies.length, 3);
      assert.ok(bodies.every((one) => one === body));
    });

    it("the last answer is the caller's, with its headers", async () => {
      const got = await sized("retried", "500", "q");
      assert.equal(got.status, 500);
      assert.equal(got.body, "answer");
      assert.deepEqual(
        got.headers.filter(([name]) => name === "x-try"),
        [["x-try", "4"]],
      );
    });

    it("a status that is not listed is not repeated", async () => {
      for (const code of [404, 504]) {
        bodies = [];
        assert.equal((await sized("retried", String(code), "q")).status, code);
        assert.equal(bodies.length, 1);
      }
    });

    it("a body of unknown length is sent once", async () => {
      const got = await send("retried", "500", "transfer-encoding: chunked\r\n", "4\r\nonce\r\n0\r\n\r\n");
      assert.equal(got.status, 500);
      assert.equal(got.body, "answer");
      assert.equal(bodies.length, 1);
    });

    it("an app that does not answer in time is left", async () => {
      const got = await sized("limited", "never", "q");
      assert.equal(got.status, 500);
      assert.deepEqual(JSON.parse(got.body), {
        errorCode: "ERR_DIRECT_INVOKE",
        message: "failed to invoke, id: limited, err: context deadline exceeded",
      });
      await until(() => closed === 1);
    });

    it("an answer that does not end in time breaks, at both ends", async () => {
      const socket = connect(callers[at]!.httpPort, "127.0.0.1");
      let all = "";
      socket.on("data", (data) => void (all += data.toString("latin1")));
      socket.on("error", () => {});
      const over = new Promise((resolve) => socket.on("close", resolve));
      socket.write("GET /v1.0/invoke/limited/method/half HTTP/1.1\r\nhost: a\r\n\r\n");
      await over;
      assert.match(all, /^HTTP\/1.1 200 [\s\S]*half/);
      assert.ok(!all.endsWith("0\r\n\r\n"), "the caller could take it for whole");
      await until(() => closed === 1);
    });

    it("a breaker opens after failures, for the method that fails", async () => {
      const method = `50${at}`;
      for (let calls = 0; calls < 2; calls++) assert.equal((await sized("broken", method, "q")).body, "answer");
      const got = await sized("broken", method, "q");
      assert.equal(got.status, 500);
      assert.match(got.body, /failed to invoke, id: broken, err: circuit breaker is open/);
      assert.equal(bodies.length, 2);
      assert.equal((await sized("broken", "201", "q")).status, 201);
    });
  });
}

describe("InvokeService under a policy", () => {
  const call = async (id: string, method: string) => {
    const grpc = createGrpcClient({
      client,
      clock: platform.clock,
      target: "tcp test",
      maxReceiveBytes: 4 << 20,
      maxSendBytes: 4 << 20,
    });
    const message = create(InvokeRequestSchema, { method, httpExtension: { verb: HTTPExtension_Verb.POST } });
    return grpc.unary(Dapr.method.invokeService, { id, message }).catch((error: unknown) => error as ConnectError);
  };

  it("repeats every failure, whatever its status", async () => {
    const error = await call("retried", "404");
    assert.ok(error instanceof ConnectError);
    assert.equal(error.code, Code.NotFound);
    assert.equal(bodies.length, 4);
  });

  it("tells of time and breaker with Go's codes", async () => {
    const late = await call("limited", "never");
    assert.ok(late instanceof ConnectError);
    assert.deepEqual([late.code, late.rawMessage], [Code.DeadlineExceeded, "context deadline exceeded"]);
    await call("broken", "599");
    await call("broken", "599");
    const refused = await call("broken", "599");
    assert.ok(refused instanceof ConnectError);
    assert.deepEqual([refused.code, refused.rawMessage], [Code.Unknown, "circuit breaker is open"]);
  });
});

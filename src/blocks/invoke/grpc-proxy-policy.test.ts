import assert from "node:assert/strict";
import { after, before, beforeEach, describe, it } from "node:test";
import type { Message } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import { hostPlatform } from "../../../test/harness/host-platform.ts";
import { type InvokeSidecar, startInvokeSidecar } from "../../../test/harness/invoke-sidecar.ts";
import { describeProbe, type Probe } from "../../../test/harness/probe-service.ts";
import { resiliencyResource } from "../../../test/harness/resiliency.ts";
import { createGrpcServer } from "../../api/grpc/server.ts";
import { createGrpcClient, type GrpcClient } from "../../channel/grpc/client.ts";
import type { Http2Client, Listener } from "../../platform/types.ts";

const platform = await hostPlatform();
const { clock } = platform;
const probe = describeProbe();
const limits = { maxReceiveBytes: 4 << 20, maxSendBytes: 4 << 20 };
const dead = "127.0.0.1:1";
const resource = resiliencyResource("r", {
  timeouts: { short: "200ms" },
  retries: { some: { duration: "5ms", maxRetries: 3, matching: { httpStatusCodes: "", gRPCStatusCodes: "8-10" } } },
  circuitBreakers: { cb: { trip: "consecutiveFailures >= 2" } },
  apps: { retried: { retry: "some" }, limited: { timeout: "short" }, broken: { circuitBreaker: "cb" } },
});

let server: Listener;
let calls = 0;
/** How many addresses are dead before the living one is found. */
let deadFirst = 0;
const sidecars: InvokeSidecar[] = [];
const clients: Http2Client[] = [];
const clientOf: GrpcClient[] = [];

const service = probe.part({
  async unary(request) {
    calls++;
    if (request.text === "third" && calls === 3) return { text: "at last" };
    if (request.text === "never") return new Promise(() => undefined);
    if (request.fail > 0) throw new ConnectError(`try ${calls}`, request.fail, { "x-why": "because" });
    return { text: request.text };
  },
  async *serverStream(request) {
    calls++;
    yield { n: 1 };
    throw new ConnectError("broken off", request.fail);
  },
  async *bidi(requests) {
    calls++;
    for await (const request of requests) {
      if (request.fail > 0) throw new ConnectError("enough", request.fail);
      yield { n: request.n * 2 };
    }
  },
});

before(async () => {
  const place = { host: "127.0.0.1", port: 0 };
  server = await platform.serveHttp2!(place, createGrpcServer({ parts: [service], limits, clock }));
  const app = { port: server.port, protocol: "grpc" } as const;
  const ids = ["retried", "limited", "broken"];
  const callees = await Promise.all(ids.map((appId) => startInvokeSidecar({ platform, appId, app })));
  const common = { platform, appId: "caller", resiliencies: [resource] };
  const near = await startInvokeSidecar({ ...common, neighbours: () => callees });
  const far = await startInvokeSidecar({
    ...common,
    resolver: {
      async resolve({ appId }) {
        if (deadFirst-- > 0) return dead;
        return callees.find((callee) => callee.appId === appId)?.peerAddress ?? dead;
      },
      forget() {},
    },
  });
  sidecars.push(...callees, near, far);
  for (const { grpcPort } of [near, far]) {
    const client = platform.connectHttp2!({ host: "127.0.0.1", port: grpcPort });
    clients.push(client);
    clientOf.push(createGrpcClient({ client, clock, target: "tcp test", ...limits }));
  }
});
after(async () => {
  await Promise.all(clients.map((client) => client.close()));
  await Promise.all(sidecars.map((sidecar) => sidecar.close()));
  await server.close(100);
});
beforeEach(() => {
  calls = 0;
  deadFirst = 0;
});

const read = (message: Message): Probe => message as unknown as Probe;
const failure = async (work: Promise<unknown>): Promise<ConnectError> =>
  work.then(
    () => assert.fail("it did not fail"),
    (error: unknown) => error as ConnectError,
  );
async function* numbers(...all: number[]): AsyncGenerator<Partial<Probe>> {
  for (const n of all) yield { n };
}
async function collect(messages: AsyncIterable<Message>): Promise<number[]> {
  const all: number[] = [];
  for await (const message of messages) all.push(read(message).n);
  return all;
}
const to = (id: string, more: Record<string, string> = {}) => ({ headers: { "dapr-app-id": id, ...more } });

for (const [at, way] of ["same process", "two processes"].entries()) {
  describe(`proxying under a policy, ${way}`, () => {
    const client = (): GrpcClient => clientOf[at]!;

    it("a listed status is repeated until the call succeeds", async () => {
      const answer = await client().unary(probe.unary, { text: "third", fail: Code.Aborted }, to("retried"));
      assert.equal(read(answer.message).text, "at last");
      assert.equal(calls, 3);
    });

    it("the last status is the caller's, with message and trailers", async () => {
      const error = await failure(client().unary(probe.unary, { fail: Code.Aborted }, to("retried")));
      assert.deepEqual([error.code, error.rawMessage], [Code.Aborted, "try 4"]);
      assert.equal(error.metadata.get("x-why"), "because");
    });

    it("another status is not repeated", async () => {
      const error = await failure(client().unary(probe.unary, { fail: Code.NotFound }, to("retried")));
      assert.deepEqual([error.code, calls], [Code.NotFound, 1]);
    });

    it("an answer that has begun is not begun again", async () => {
      const { messages } = client().serverStream(probe.serverStream, { fail: Code.Aborted }, to("retried"));
      const got: number[] = [];
      const error = await failure(
        (async () => {
          for await (const message of messages) got.push(read(message).n);
        })(),
      );
      assert.deepEqual([error.code, got, calls], [Code.Aborted, [1], 1]);
    });

    it("a second message ends a call that may be repeated", async () => {
      const error = await failure(collect(client().bidi(probe.bidi, numbers(1, 2), to("retried")).messages));
      assert.equal(error.code, Code.FailedPrecondition);
      assert.equal(error.rawMessage, "cannot use resiliency policies with retries on streaming RPCs");
    });

    it("with dapr-stream the policy covers the beginning alone", async () => {
      for (const id of ["retried", "limited", "broken"]) {
        const streamed = to(id, { "dapr-stream": "true" });
        assert.deepEqual(await collect(client().bidi(probe.bidi, numbers(1, 2, 3), streamed).messages), [2, 4, 6]);
      }
      calls = 0;
      const streamed = to("retried", { "dapr-stream": "true" });
      const error = await failure(client().unary(probe.unary, { fail: Code.Aborted }, streamed));
      assert.deepEqual([error.code, calls], [Code.Aborted, 1]);
    });

    it("a call that takes too long ends", async () => {
      const error = await failure(client().unary(probe.unary, { text: "never" }, to("limited")));
      assert.deepEqual([error.code, error.rawMessage], [Code.DeadlineExceeded, "context deadline exceeded"]);
    });

    it("several messages pass under a policy without retries", async () => {
      assert.deepEqual(await collect(client().bidi(probe.bidi, numbers(1, 2), to("limited")).messages), [2, 4]);
    });

    it("a breaker opens", async () => {
      const broken = () => client().unary(probe.unary, { fail: Code.Internal }, to("broken"));
      for (let tries = 0; tries < 2; tries++) assert.equal((await failure(broken())).code, Code.Internal);
      const error = await failure(broken());
      assert.deepEqual([error.code, error.rawMessage, calls], [Code.Unknown, "circuit breaker is open", 2]);
    });
  });
}

describe("proxying to a peer that is not there", () => {
  it("is repeated whatever codes are listed", async () => {
    deadFirst = 2;
    const answer = await clientOf[1]!.unary(probe.unary, { text: "hi" }, to("retried"));
    assert.deepEqual([read(answer.message).text, calls], ["hi", 1]);
  });

  it("is repeated for streams too, and none of their messages is lost", async () => {
    deadFirst = 2;
    const streamed = to("retried", { "dapr-stream": "1" });
    assert.deepEqual(await collect(clientOf[1]!.bidi(probe.bidi, numbers(1, 2, 3), streamed).messages), [2, 4, 6]);
    assert.equal(calls, 1);
  });
});

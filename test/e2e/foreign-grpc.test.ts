import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import type { Client, ClientReadableStream, Metadata, Server, ServerWritableStream } from "@grpc/grpc-js";
import { createGrpcPool } from "../../src/channel/grpc/pool.ts";
import { type AppPair, pairWays, startPair } from "../harness/app-pair.ts";
import { type ForeignError, foreignProbe, grpc } from "../harness/grpc-js-probe.ts";
import { hostPlatform } from "../harness/host-platform.ts";
import { describeProbe, type Probe, type ProbeInit } from "../harness/probe-service.ts";

const service = foreignProbe();
const seen = { arrived: () => {}, cancelled: () => {}, deadline: 0, made: 0 };
const unlimited = { "grpc.max_receive_message_length": -1, "grpc.max_send_message_length": -1 };

/** The app, on the foreign library. */
async function startApp(): Promise<{ readonly server: Server; readonly port: number }> {
  const server = new grpc.Server(unlimited);
  const header = (from: Metadata): Metadata => {
    const metadata = new grpc.Metadata();
    for (const key of ["x-in", "x-in-bin"])
      for (const value of from.get(key)) metadata.add(key.replace("in", "head"), value);
    return metadata;
  };
  server.addService(service, {
    unary(
      call: { request: Probe; metadata: Metadata; getDeadline(): Date | number } & NodeJS.EventEmitter,
      reply: (error: object | null, answer?: ProbeInit, trailer?: Metadata) => void,
    ) {
      const { fail, n, size, data } = call.request;
      const trailer = new grpc.Metadata();
      trailer.set("x-tail", "t");
      trailer.set("x-tail-bin", Buffer.from([0, 255]));
      (call as unknown as { sendMetadata(metadata: Metadata): void }).sendMetadata(header(call.metadata));
      const deadline = call.getDeadline();
      seen.deadline = typeof deadline === "number" ? deadline : deadline.getTime();
      call.on("cancelled", () => seen.cancelled());
      seen.arrived();
      if (fail > 0) reply({ code: fail, details: "failed as asked: é %", metadata: trailer });
      else if (n > 0) setTimeout(() => reply(null, { data }, trailer), n);
      else reply(null, { data: size > 0 ? new Uint8Array(size) : data }, trailer);
    },
    serverStream(call: ServerWritableStream<Probe, ProbeInit>) {
      const { n, size } = call.request;
      let made = 0;
      let isOver = false;
      call.on("cancelled", () => {
        isOver = true;
        seen.cancelled();
      });
      call.sendMetadata(header(call.metadata));
      const data = new Uint8Array(size);
      const more = (): void => {
        while (made < n && !isOver) {
          seen.made = ++made;
          if (!call.write({ n: made, data })) return void call.once("drain", more);
        }
        if (!isOver) call.end();
      };
      more();
    },
    clientStream(
      call: NodeJS.ReadableStream,
      reply: (error: object | null, answer?: ProbeInit, trailer?: Metadata) => void,
    ) {
      let n = 0;
      let size = 0;
      call.on("data", (message: unknown) => {
        n++;
        size += (message as Probe).data.length;
      });
      call.on("end", () => reply(null, { n, size }));
    },
    bidi(call: NodeJS.ReadWriteStream) {
      call.on("data", (message: unknown) => call.write({ n: (message as Probe).n } as unknown as string));
      call.on("end", () => call.end());
    },
  } as never);
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync("127.0.0.1:0", grpc.ServerCredentials.createInsecure(), (error, bound) =>
      error === null ? resolve(bound) : reject(error),
    );
  });
  return { server, port };
}

/** Metadata of calls of the callee's app. */
function forCallee(more: Readonly<Record<string, string | Buffer>> = {}): Metadata {
  const metadata = new grpc.Metadata();
  metadata.set("dapr-app-id", "callee");
  for (const [key, value] of Object.entries(more)) metadata.set(key, value);
  return metadata;
}

for (const way of pairWays) {
  describe(`a foreign client and a foreign app: ${way}`, () => {
    let app: Awaited<ReturnType<typeof startApp>>;
    let pair: AppPair;
    let client: Client;
    before(async () => {
      app = await startApp();
      pair = await startPair(way, { appPort: app.port, appProtocol: "grpc", flags: { "max-body-size": "64Mi" } });
      client = new grpc.Client(`127.0.0.1:${pair.grpcPort}`, grpc.credentials.createInsecure(), unlimited);
    });
    after(async () => {
      client?.close();
      app.server.forceShutdown();
      await pair?.stop();
    });

    const unary = (request: ProbeInit, metadata = forCallee(), options = {}) => {
      const { path, requestSerialize, responseDeserialize } = service.unary;
      const head = Promise.withResolvers<Metadata>();
      const tail = Promise.withResolvers<Metadata>();
      const { promise, resolve, reject } = Promise.withResolvers<Probe>();
      const call = client.makeUnaryRequest(
        path,
        requestSerialize,
        responseDeserialize,
        request,
        metadata,
        options,
        (error, answer) => (error === null ? resolve(answer as Probe) : reject(error)),
      );
      call.on("metadata", (metadata) => head.resolve(metadata));
      call.on("status", ({ metadata }) => tail.resolve(metadata));
      return { call, answer: promise, header: head.promise, trailer: tail.promise };
    };
    const serverStream = (request: ProbeInit, metadata = forCallee()): ClientReadableStream<Probe> => {
      const { path, requestSerialize, responseDeserialize } = service.serverStream;
      return client.makeServerStreamRequest(path, requestSerialize, responseDeserialize, request, metadata);
    };
    const fails = async (answer: Promise<unknown>): Promise<ForeignError> => {
      const error = await answer.then(
        () => undefined,
        (reason: unknown) => reason,
      );
      assert.ok(error instanceof Error, "the call did not fail");
      return error as ForeignError;
    };

    test("unary: message, metadata, trailers, binary ones too", async () => {
      const binary = Buffer.from([0, 1, 254, 255]);
      const { answer, header, trailer } = unary(
        { data: Uint8Array.of(1, 2, 3) },
        forCallee({ "x-in": "v", "x-in-bin": binary }),
      );
      assert.deepEqual([...(await answer).data], [1, 2, 3]);
      assert.deepEqual((await header).get("x-head"), ["v"]);
      assert.deepEqual(Buffer.from((await header).get("x-head-bin")[0] as Buffer), binary);
      assert.deepEqual((await trailer).get("x-tail"), ["t"]);
      assert.deepEqual([...((await trailer).get("x-tail-bin")[0] as Buffer)], [0, 255]);
    });

    test("unary: the app's status", async () => {
      const error = await fails(unary({ fail: grpc.status.FAILED_PRECONDITION }).answer);
      assert.equal(error.code, grpc.status.FAILED_PRECONDITION);
      assert.equal(error.details, "failed as asked: é %");
      assert.deepEqual(error.metadata.get("x-tail"), ["t"]);
    });

    test("unary: large messages both ways", async () => {
      const data = new Uint8Array(20 << 20).fill(5);
      assert.equal((await unary({ data }).answer).data.length, data.length);
      assert.equal((await unary({ size: 20 << 20 }).answer).data.length, 20 << 20);
      const over = await fails(unary({ size: 65 << 20 }).answer);
      assert.equal(over.code, grpc.status.RESOURCE_EXHAUSTED);
    });

    test("server stream", async () => {
      const taken: number[] = [];
      for await (const { n } of serverStream({ n: 300, size: 1000 })) taken.push(n as number);
      assert.deepEqual(
        taken,
        Array.from({ length: 300 }, (_, at) => at + 1),
      );
    });

    test("client stream", async () => {
      const { path, requestSerialize, responseDeserialize } = service.clientStream;
      const { promise, resolve, reject } = Promise.withResolvers<Probe>();
      const call = client.makeClientStreamRequest(
        path,
        requestSerialize,
        responseDeserialize,
        forCallee(),
        (error, answer) => (error === null ? resolve(answer as Probe) : reject(error)),
      );
      for (let sent = 0; sent < 200; sent++) call.write({ data: new Uint8Array(5000) });
      call.end();
      const { n, size } = await promise;
      assert.deepEqual([n, size], [200, 1_000_000]);
    });

    test("both at once, message by message", async () => {
      const { path, requestSerialize, responseDeserialize } = service.bidi;
      const call = client.makeBidiStreamRequest(path, requestSerialize, responseDeserialize, forCallee());
      const answers = call[Symbol.asyncIterator]() as AsyncIterator<Probe>;
      for (let n = 1; n <= 50; n++) {
        call.write({ n });
        assert.equal((await answers.next()).value.n, n);
      }
      call.end();
      assert.equal((await answers.next()).done, true);
    });

    test("a deadline reaches the app, and ends the call", async () => {
      const deadline = Date.now() + 30_000;
      await unary({}, forCallee(), { deadline }).answer;
      assert.ok(Math.abs(seen.deadline - deadline) < 5000, `${seen.deadline - deadline} ms`);
      const error = await fails(unary({ n: 20_000 }, forCallee(), { deadline: Date.now() + 300 }).answer);
      assert.equal(error.code, grpc.status.DEADLINE_EXCEEDED);
    });

    test("the client's end is the app's", async () => {
      const cancelled = new Promise<void>((resolve) => {
        seen.cancelled = resolve;
      });
      const arrived = new Promise<void>((resolve) => {
        seen.arrived = resolve;
      });
      const { call, answer } = unary({ n: 20_000 });
      void arrived.then(() => call.cancel());
      assert.equal((await fails(answer)).code, grpc.status.CANCELLED);
      await cancelled;
      const stopped = new Promise<void>((resolve) => {
        seen.cancelled = resolve;
      });
      const stream = serverStream({ n: 1_000_000, size: 1000 });
      stream.on("error", () => {});
      await new Promise((resolve) => stream.once("data", resolve));
      stream.cancel();
      await stopped;
    });

    test("a stream that nobody reads waits, and stalls no other", async () => {
      // A reader of ours: the foreign library takes in what it does not read.
      const { connectHttp2, clock } = await hostPlatform();
      assert.ok(connectHttp2 !== undefined);
      const limits = { maxReceiveBytes: 1 << 20, maxSendBytes: 1 << 20 };
      const pool = createGrpcPool({ connect: connectHttp2, clock, ...limits });
      const probe = describeProbe();
      const { messages } = pool
        .get({ host: "127.0.0.1", port: pair.grpcPort })
        .serverStream(probe.serverStream, probe.init({ n: 5000, size: 32_768 }), {
          headers: { "dapr-app-id": "callee" },
        });
      const slow = messages[Symbol.asyncIterator]();
      await slow.next();
      for (let last = -1; last !== seen.made; await new Promise((resolve) => setTimeout(resolve, 300)))
        last = seen.made;
      assert.ok(seen.made < 5000, "the app wrote all of it although nobody reads");
      for (let call = 0; call < 20; call++) await unary({ data: new Uint8Array(1000) }).answer;
      let taken = 0;
      for await (const _ of serverStream({ n: 200, size: 32_768 })) taken++;
      assert.equal(taken, 200);
      assert.equal((await unary({ size: 5 << 20 }).answer).data.length, 5 << 20);
      let rest = 1;
      while (!(await slow.next()).done) rest++;
      assert.equal(rest, 5000);
      await pool.close();
    });
  });
}

import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { Code, ConnectError } from "@connectrpc/connect";
import type { Client, ClientReadableStream, Metadata } from "@grpc/grpc-js";
import { createGrpcServer } from "../../src/api/grpc/server.ts";
import { ErrorInfoSchema } from "../../src/gen/google/rpc/error_details_pb.ts";
import type { Listener } from "../../src/platform/types.ts";
import { type ForeignError, foreignProbe, grpc } from "../harness/grpc-js-probe.ts";
import { hostPlatform } from "../harness/host-platform.ts";
import { describeProbe, type Probe, type ProbeInit } from "../harness/probe-service.ts";

const max = 80 << 20;

/** Our server on a real socket, called by another implementation of gRPC. */
describe("a foreign client", () => {
  const service = foreignProbe();
  const seen = { arrived: 0, aborted: 0, cleaned: 0, made: 0, taken: 0 };
  let listener: Listener;
  let client: Client;
  let wakeSlowReader = () => {};

  before(async () => {
    const platform = await hostPlatform();
    const sleep = (ms: number) => platform.clock.sleep(ms);
    const part = describeProbe().part({
      async unary({ data, fail, n, size }, context) {
        seen.arrived++;
        context.signal.addEventListener("abort", () => seen.aborted++);
        if (fail > 0) {
          const info = { reason: "WHY", domain: "dapr.io", metadata: {} };
          const details = [{ desc: ErrorInfoSchema, value: info }];
          throw new ConnectError("failed as asked: é %", fail, { "x-meta": "v1" }, details);
        }
        if (n > 0) await sleep(n);
        context.responseHeader.set("x-head", context.requestHeader.get("x-in") ?? "none");
        context.responseHeader.set("x-head-bin", context.requestHeader.get("x-in-bin") ?? "");
        context.responseTrailer.set("x-tail", "2");
        return { data: size > 0 ? new Uint8Array(size) : data, n: context.timeoutMs() === undefined ? 0 : 1 };
      },
      async *serverStream({ n, size }, { signal }) {
        try {
          for (let made = 0; made < n; made++) {
            seen.made = made;
            yield { n: made, data: new Uint8Array(size) };
            if (made % 50 === 0) await sleep(0);
          }
        } finally {
          if (signal.aborted) seen.cleaned++;
        }
      },
      async clientStream(requests) {
        let n = 0;
        let size = 0;
        for await (const { data, text } of requests) {
          if (text === "wait") {
            await new Promise<void>((resolve) => {
              wakeSlowReader = resolve;
            });
          }
          n++;
          size += data.length;
          seen.taken = n;
        }
        return { n, size };
      },
      async *bidi(requests) {
        for await (const { n, data } of requests) yield { n, data };
      },
    });
    const limits = { maxReceiveBytes: max, maxSendBytes: max };
    const handler = createGrpcServer({ parts: [part], clock: platform.clock, limits });
    assert.ok(platform.serveHttp2 !== undefined);
    listener = await platform.serveHttp2({ host: "127.0.0.1", port: 0 }, handler);
    client = new grpc.Client(`127.0.0.1:${listener.port}`, grpc.credentials.createInsecure(), {
      "grpc.max_receive_message_length": -1,
      "grpc.max_send_message_length": -1,
    });
  });
  after(async () => {
    client.close();
    await listener.close(1000);
  });

  function unary(request: ProbeInit, options: { deadline?: number; metadata?: Metadata; compress?: boolean } = {}) {
    const { promise, resolve, reject } = Promise.withResolvers<{
      message: Probe;
      header: Metadata;
      trailer: Metadata;
    }>();
    const { path, requestSerialize, responseDeserialize } = service.unary;
    const metadata = options.metadata ?? new grpc.Metadata();
    let header = new grpc.Metadata();
    let message: Probe | undefined;
    const call = client.makeUnaryRequest(
      path,
      requestSerialize,
      responseDeserialize,
      request,
      metadata,
      options.deadline === undefined ? {} : { deadline: Date.now() + options.deadline },
      (error, value) => (error === null ? (message = value) : reject(error)),
    );
    call.on("metadata", (received: Metadata) => (header = received));
    call.on("status", ({ metadata: trailer }) => {
      // The answer's callback runs right before or right after.
      setImmediate(() => message !== undefined && resolve({ message, header, trailer }));
    });
    return Object.assign(promise, { cancel: () => call.cancel() });
  }
  function stream(request: ProbeInit): ClientReadableStream<Probe> {
    const { path, requestSerialize, responseDeserialize } = service.serverStream;
    return client.makeServerStreamRequest(path, requestSerialize, responseDeserialize, request);
  }
  async function refused(call: Promise<unknown>): Promise<ForeignError> {
    try {
      await call;
    } catch (error) {
      return error as ForeignError;
    }
    throw new Error("the call was not refused");
  }
  async function until(holds: () => boolean): Promise<void> {
    for (let turn = 0; turn < 1000 && !holds(); turn++) await new Promise((resolve) => setTimeout(resolve, 5));
    assert.ok(holds());
  }

  it("makes unary calls with metadata both ways", async () => {
    const metadata = new grpc.Metadata();
    metadata.set("x-in", "hello");
    metadata.set("x-in-bin", Buffer.from([0, 255, 7]));
    const data = new Uint8Array(1024).fill(7);
    const { message, header, trailer } = await unary({ data }, { metadata });
    assert.deepEqual(new Uint8Array(message.data), data);
    assert.deepEqual(header.get("x-head"), ["hello"]);
    assert.deepEqual(header.get("x-head-bin"), [Buffer.from([0, 255, 7])]);
    assert.deepEqual(trailer.get("x-tail"), ["2"]);
  });

  it("gets errors with text, metadata and details", async () => {
    const error = await refused(unary({ fail: Code.FailedPrecondition }));
    assert.deepEqual([error.code, error.details], [9, "failed as asked: é %"]);
    assert.deepEqual(error.metadata.get("x-meta"), ["v1"]);
    assert.match(String(error.metadata.get("grpc-status-details-bin")[0]), /google\.rpc\.ErrorInfo/);
  });

  it("is told of methods and services that do not exist", async () => {
    const call = (path: string) =>
      new Promise((resolve, reject) => {
        const { requestSerialize, responseDeserialize } = service.unary;
        client.makeUnaryRequest(path, requestSerialize, responseDeserialize, {}, (error, value) =>
          error === null ? resolve(value) : reject(error),
        );
      });
    const method = await refused(call("/probe.v1.Probe/Nope"));
    assert.deepEqual([method.code, method.details], [12, "unknown method Nope for service probe.v1.Probe"]);
    const other = await refused(call("/a.B/C"));
    assert.deepEqual([other.code, other.details], [12, "unknown service a.B"]);
  });

  it("streams in all directions", async () => {
    const down: number[] = [];
    for await (const { n } of stream({ n: 1000, size: 100 })) down.push(n);
    assert.equal(down.length, 1000);
    for await (const _ of stream({ n: 0 })) assert.fail("there is nothing to stream");

    const { path, requestSerialize, responseDeserialize } = service.clientStream;
    const up = await new Promise<Probe>((resolve, reject) => {
      const call = client.makeClientStreamRequest(path, requestSerialize, responseDeserialize, (error, value) =>
        error === null ? resolve(value as Probe) : reject(error),
      );
      for (let n = 0; n < 1000; n++) call.write({ data: new Uint8Array(100) });
      call.end();
    });
    assert.deepEqual([up.n, up.size], [1000, 100_000]);

    const { bidi } = service;
    const both = client.makeBidiStreamRequest(bidi.path, bidi.requestSerialize, bidi.responseDeserialize);
    both.write({ n: 1 });
    const seenBoth: number[] = [];
    for await (const { n } of both as AsyncIterable<Probe>) {
      seenBoth.push(n);
      if (n < 200) both.write({ n: n + 1 });
      else both.end();
    }
    assert.equal(seenBoth.length, 200);
  });

  it("keeps many calls open at once", async () => {
    const answers = await Promise.all(Array.from({ length: 300 }, () => unary({ n: 50, data: new Uint8Array(1024) })));
    assert.ok(answers.every(({ message }) => message.data.length === 1024));
  });

  it("sends and gets big messages", async () => {
    const { message } = await unary({ data: new Uint8Array(20 << 20) });
    assert.equal(message.data.length, 20 << 20);
    let size = 0;
    for await (const { data } of stream({ n: 24, size: 1 << 20 })) size += data.length;
    assert.equal(size, 24 << 20);
    const error = await refused(unary({ data: new Uint8Array(max) }));
    assert.equal(error.code, Code.ResourceExhausted);
    assert.match(error.details, /^grpc: received message larger than max \(\d+ vs\. 83886080\)$/);
  });

  it("compresses", async () => {
    const metadata = new grpc.Metadata();
    const packed = new grpc.Client(`127.0.0.1:${listener.port}`, grpc.credentials.createInsecure(), {
      "grpc.default_compression_algorithm": 2,
    });
    const { path, requestSerialize, responseDeserialize } = service.unary;
    const message = await new Promise<Probe>((resolve, reject) => {
      packed.makeUnaryRequest(
        path,
        requestSerialize,
        responseDeserialize,
        { data: new Uint8Array(100_000).fill(3) },
        metadata,
        (error, value) => (error === null ? resolve(value as Probe) : reject(error)),
      );
    });
    packed.close();
    assert.equal(message.data.length, 100_000);
    assert.equal(message.data[99_999], 3);
  });

  it("gives a deadline, which the handler knows", async () => {
    const error = await refused(unary({ n: 5000 }, { deadline: 150 }));
    assert.equal(error.code, Code.DeadlineExceeded);
    assert.equal((await unary({}, { deadline: 10_000 })).message.n, 1);
  });

  it("cancels, and the handler learns of it", async () => {
    const before = seen.aborted;
    const arrived = seen.arrived;
    const call = unary({ n: 3000 });
    const answer = refused(call);
    await until(() => seen.arrived > arrived);
    call.cancel();
    assert.equal((await answer).code, Code.Canceled);
    await until(() => seen.aborted > before);

    const cleaned = seen.cleaned;
    const reading = stream({ n: 1_000_000, size: 10 });
    await refused(
      (async () => {
        for await (const { n } of reading) if (n === 5) reading.cancel();
      })(),
    );
    await until(() => seen.cleaned > cleaned);
  });

  it("is not flooded when it reads slowly", async () => {
    const reading = stream({ n: 1000, size: 100_000 });
    await new Promise<void>((resolve) => reading.once("readable", resolve));
    await new Promise((resolve) => setTimeout(resolve, 300));
    assert.ok(seen.made < 300, `${seen.made} messages were made while nobody read`);
    let count = 0;
    for await (const _ of reading) count++;
    assert.equal(count, 1000);
  });

  it("is held back by a handler that reads slowly", async () => {
    const { path, requestSerialize, responseDeserialize } = service.clientStream;
    const { promise, resolve, reject } = Promise.withResolvers<Probe>();
    const call = client.makeClientStreamRequest(path, requestSerialize, responseDeserialize, (error, value) =>
      error === null ? resolve(value as Probe) : reject(error),
    );
    let sent = 0;
    const send = async () => {
      for (; sent < 1000; sent++) {
        const text = sent === 0 ? "wait" : "";
        if (!call.write({ text, data: new Uint8Array(100_000) })) {
          await new Promise<void>((next) => call.once("drain", next));
        }
      }
      call.end();
    };
    const sending = send();
    await new Promise((next) => setTimeout(next, 300));
    assert.ok(sent < 300, `${sent} messages were sent while nobody read`);
    wakeSlowReader();
    await sending;
    assert.equal((await promise).n, 1000);
  });
});

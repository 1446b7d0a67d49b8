import type { Message } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import { FrameQueue } from "../../kit/grpc/frame-queue.ts";
import { FrameReader, framePrefix } from "../../kit/grpc/frames.ts";
import type { ServerStream } from "../../platform/types.ts";
import { decodeRequest, encodeAnswer, type MessageLimits } from "./message-codec.ts";
import type { MethodEntry } from "./method-table.ts";
import type { ServerCall } from "./server-call.ts";
import { receiveOne } from "./unary.ts";

/**
 * The frames of a streaming request in order, with back-pressure towards the client; with `startBytes` as a `FrameReader` hands them over
 * then. Ends with the call's error when the call fails.
 */
export function receiveFrames(stream: ServerStream, call: ServerCall, max: number, startBytes?: number): FrameQueue {
  const queue = new FrameQueue(stream);
  const reader = new FrameReader(max, startBytes);
  const take = (frame: Uint8Array, isRest: boolean) => {
    call.requestBytes += isRest ? frame.length : frame.length - framePrefix;
    queue.push(frame);
  };
  stream.onData = (chunk) => {
    if (call.isClosed) return;
    try {
      reader.push(chunk, take);
    } catch (error) {
      call.fail(error);
    }
  };
  stream.onEnd = () => {
    call.isRequestOver = true;
    if (call.isClosed) return;
    if (reader.isMidFrame) call.fail(new ConnectError("unexpected EOF", Code.Internal));
    else queue.close();
  };
  stream.onReset = () => call.cancel();
  call.onClosed = (reason) => queue.close(reason);
  return queue;
}

/** Serves a call whose answer is one message to many. */
export function serveClientStream(
  stream: ServerStream,
  call: ServerCall,
  entry: MethodEntry,
  limits: MessageLimits,
): void {
  const messages = decodeAll(receiveFrames(stream, call, limits.maxReceiveBytes), call, entry, limits);
  const run = async () => {
    const answer = await entry.implement?.(messages, call);
    if (call.isClosed) return;
    const { method } = entry;
    call.write(await encodeAnswer(method.output, answer, limits.maxSendBytes, call.responseEncoding));
    call.finish();
  };
  run().catch((error: unknown) => call.fail(error));
}

/** Serves a call whose answer is many messages, to one. */
export function serveServerStream(
  stream: ServerStream,
  call: ServerCall,
  entry: MethodEntry,
  limits: MessageLimits,
): void {
  receiveOne(stream, call, limits.maxReceiveBytes, (frame) => {
    const run = async () => {
      const encoding = call.header("grpc-encoding");
      const message = await decodeRequest(entry.method.input, frame, encoding, limits.maxReceiveBytes);
      if (!call.isClosed)
        await sendAll(entry.implement?.(message, call) as AsyncIterable<unknown>, call, entry, limits);
    };
    run().catch((error: unknown) => call.fail(error));
  });
}

/** Serves a call of many messages both ways. */
export function serveBidi(stream: ServerStream, call: ServerCall, entry: MethodEntry, limits: MessageLimits): void {
  const messages = decodeAll(receiveFrames(stream, call, limits.maxReceiveBytes), call, entry, limits);
  const run = async () => {
    await sendAll(entry.implement?.(messages, call) as AsyncIterable<unknown>, call, entry, limits);
  };
  run().catch((error: unknown) => call.fail(error));
}

async function* decodeAll(
  frames: FrameQueue,
  call: ServerCall,
  entry: MethodEntry,
  limits: MessageLimits,
): AsyncGenerator<Message> {
  const encoding = call.header("grpc-encoding");
  for await (const frame of frames) yield decodeRequest(entry.method.input, frame, encoding, limits.maxReceiveBytes);
}

async function sendAll(
  answers: AsyncIterable<unknown>,
  call: ServerCall,
  entry: MethodEntry,
  limits: MessageLimits,
): Promise<void> {
  const iterator = answers[Symbol.asyncIterator]();
  const leave = () => {
    // The call is over: what the handler throws on its way out has no reader.
    Promise.resolve(iterator.return?.()).catch(() => {});
  };
  const before = call.onClosed;
  call.onClosed = (reason) => {
    before?.(reason);
    if (reason !== undefined) leave();
  };
  try {
    while (!call.isClosed) {
      const step = await iterator.next();
      if (step.done) break;
      if (call.isClosed) return;
      const frame = encodeAnswer(entry.method.output, step.value, limits.maxSendBytes, call.responseEncoding);
      if (!call.write(frame instanceof Promise ? await frame : frame)) await call.drained();
    }
    call.finish();
  } catch (error) {
    call.fail(error);
    leave();
  } finally {
    call.release();
  }
}

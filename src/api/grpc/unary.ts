import { Code, ConnectError } from "@connectrpc/connect";
import { FrameReader, framePrefix, messageLength } from "../../kit/grpc/frames.ts";
import type { ServerStream } from "../../platform/types.ts";
import { decodeRequest, encodeAnswer, type MessageLimits } from "./message-codec.ts";
import type { MethodEntry } from "./method-table.ts";
import type { ServerCall } from "./server-call.ts";

/** Reads the one frame of a call whose client sends one message, then hands it to `run`. */
export function receiveOne(
  stream: ServerStream,
  call: ServerCall,
  max: number,
  run: (frame: Uint8Array) => void,
): void {
  let frame: Uint8Array | undefined;
  let reader: FrameReader | undefined;
  const take = (whole: Uint8Array) => {
    if (frame !== undefined) {
      const text = "cardinality violation: received multiple request messages for non-client-streaming RPC";
      throw new ConnectError(text, Code.Internal);
    }
    frame = whole;
    call.requestBytes = whole.length - framePrefix;
  };
  stream.onData = (chunk) => {
    if (call.isClosed) return;
    if (
      reader === undefined &&
      frame === undefined &&
      chunk.length >= framePrefix &&
      chunk.length - framePrefix === messageLength(chunk, 0) &&
      chunk.length - framePrefix <= max
    ) {
      take(chunk);
      return;
    }
    try {
      reader ??= new FrameReader(max);
      reader.push(chunk, take);
    } catch (error) {
      call.fail(error);
    }
  };
  stream.onEnd = () => {
    call.isRequestOver = true;
    if (call.isClosed) return;
    if (reader?.isMidFrame) call.fail(new ConnectError("unexpected EOF", Code.Internal));
    else if (frame === undefined) {
      const text = "cardinality violation: received no request message from non-client-streaming RPC";
      call.fail(new ConnectError(text, Code.Internal));
    } else run(frame);
  };
  stream.onReset = () => call.cancel();
}

/** Serves one unary call; no promise is made when the handler answers at once and nothing is compressed. */
export function serveUnary(stream: ServerStream, call: ServerCall, entry: MethodEntry, limits: MessageLimits): void {
  receiveOne(stream, call, limits.maxReceiveBytes, (frame) => {
    const fail = (error: unknown) => call.fail(error);
    const send = (frame: Uint8Array) => {
      call.write(frame);
      call.finish();
    };
    const answer = (value: unknown) => {
      if (call.isClosed) return;
      try {
        const encoded = encodeAnswer(entry.method.output, value, limits.maxSendBytes, call.responseEncoding);
        if (encoded instanceof Promise) encoded.then(send).catch(fail);
        else send(encoded);
      } catch (error) {
        fail(error);
      }
    };
    const handle = (message: unknown) => {
      call.onMessage?.(message);
      const result = entry.implement?.(message, call);
      if (result instanceof Promise) result.then(answer, fail);
      else answer(result);
    };
    try {
      const encoding = frame[0] === 0 ? undefined : call.header("grpc-encoding");
      const message = decodeRequest(entry.method.input, frame, encoding, limits.maxReceiveBytes);
      if (message instanceof Promise) message.then(handle).catch(fail);
      else handle(message);
    } catch (error) {
      fail(error);
    }
  });
}

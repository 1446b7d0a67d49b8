import { create, type DescMessage, fromBinary, type Message, toBinary } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import { encodeFrame, framePrefix } from "../../kit/grpc/frames.ts";
import { gzip } from "../../kit/grpc/gzip.ts";
import { readPayload } from "../../kit/grpc/payload.ts";

/** Largest messages of a server, in bytes without framing. */
export interface MessageLimits {
  readonly maxReceiveBytes: number;
  readonly maxSendBytes: number;
}

/** Smaller answers are not worth the compression. */
const worthGzip = 512;

/** The message in a request frame. A promise only when the frame is compressed. */
export function decodeRequest(
  schema: DescMessage,
  frame: Uint8Array,
  encoding: string | undefined,
  max: number,
): Message | Promise<Message> {
  const payload = readPayload(frame, encoding, max);
  return payload instanceof Promise ? payload.then((bytes) => parse(schema, bytes)) : parse(schema, payload);
}

/** The frame of an answer, which may be a message or the initial values of one. A promise only when it gets compressed. */
export function encodeAnswer(
  schema: DescMessage,
  answer: unknown,
  max: number,
  encoding: "gzip" | undefined,
): Uint8Array | Promise<Uint8Array> {
  const bytes = toBinary(schema, create(schema, answer as Message));
  if (encoding !== undefined && bytes.length >= worthGzip) {
    return gzip(bytes).then((packed) => limit(encodeFrame(packed, true), max));
  }
  return limit(encodeFrame(bytes), max);
}

function parse(schema: DescMessage, bytes: Uint8Array): Message {
  try {
    return fromBinary(schema, bytes);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new ConnectError(`grpc: error unmarshalling request: proto: ${reason}`, Code.Internal);
  }
}

function limit(frame: Uint8Array, max: number): Uint8Array {
  const size = frame.length - framePrefix;
  if (size <= max) return frame;
  throw new ConnectError(`grpc: trying to send message larger than max (${size} vs. ${max})`, Code.ResourceExhausted);
}

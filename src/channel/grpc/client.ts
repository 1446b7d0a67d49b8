import {
  create,
  type DescMessage,
  type DescMethod,
  type DescMethodBiDiStreaming,
  type DescMethodClientStreaming,
  type DescMethodServerStreaming,
  type DescMethodUnary,
  fromBinary,
  type MessageInitShape,
  type MessageShape,
  toBinary,
} from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import { errorFromTrailers, fromWireFault } from "../../errors/grpc-status.ts";
import type { Clock } from "../../kit/clock.ts";
import { encodeFrame } from "../../kit/grpc/frames.ts";
import { firstValue } from "../../kit/grpc/metadata.ts";
import { readPayload } from "../../kit/grpc/payload.ts";
import type { HeaderList, Http2Client } from "../../platform/types.ts";
import { callError } from "./call-error.ts";
import { type CallOptions, type CallReceiver, type CallWire, type OpenCall, openCall } from "./open-call.ts";
import { pumpFrames, type RawAnswer, startRaw } from "./raw-answer.ts";

export interface GrpcClientOptions {
  readonly client: Http2Client;
  readonly clock: Clock;
  /** Network and address for error texts, such as `tcp 127.0.0.1:50001`. */
  readonly target: string;
  /** `http` or `https`. */
  readonly scheme?: string;
  /** Instead of the address the client connects to. */
  readonly authority?: string;
  /** Go with every call. */
  readonly headers?: HeaderList;
  readonly maxReceiveBytes: number;
  readonly maxSendBytes: number;
}

/** One message and what came around it. */
export interface UnaryAnswer<O> {
  readonly message: O;
  readonly header: HeaderList;
  readonly trailer: HeaderList;
}

/** A stream of messages. Leaving the loop early cancels the call; the loop throws the status when it is not OK. */
export interface StreamAnswer<O> {
  readonly messages: AsyncIterable<O>;
  /** Resolves with the response headers, empty when there are none; rejects when the call fails before. */
  readonly header: Promise<HeaderList>;
  /** Resolves after the last message, whatever the status. */
  readonly trailer: Promise<HeaderList>;
}

/** Calls of one peer. Every failure is a ConnectError; `wasSent` tells whether its request may have left. */
export interface GrpcClient {
  readonly http2: Http2Client;
  unary<I extends DescMessage, O extends DescMessage>(
    method: DescMethodUnary<I, O>,
    message: MessageInitShape<I>,
    options?: CallOptions,
  ): Promise<UnaryAnswer<MessageShape<O>>>;
  serverStream<I extends DescMessage, O extends DescMessage>(
    method: DescMethodServerStreaming<I, O>,
    message: MessageInitShape<I>,
    options?: CallOptions,
  ): StreamAnswer<MessageShape<O>>;
  clientStream<I extends DescMessage, O extends DescMessage>(
    method: DescMethodClientStreaming<I, O>,
    messages: AsyncIterable<MessageInitShape<I>>,
    options?: CallOptions,
  ): Promise<UnaryAnswer<MessageShape<O>>>;
  bidi<I extends DescMessage, O extends DescMessage>(
    method: DescMethodBiDiStreaming<I, O>,
    messages: AsyncIterable<MessageInitShape<I>>,
    options?: CallOptions,
  ): StreamAnswer<MessageShape<O>>;
  /** Any call as frames with their prefix. The status is in the trailers and is not thrown; `headers` replace `grpc-accept-encoding` and the content type too. */
  raw(path: string, frames: AsyncIterable<Uint8Array>, options?: CallOptions): RawAnswer;
  /** Any call on the level of callbacks, for callers that frame their messages themselves. */
  open(path: string, options: CallOptions, receiver: CallReceiver): OpenCall;
}

/** Makes the client of one peer over its HTTP/2 connection. */
export function createGrpcClient(options: GrpcClientOptions): GrpcClient {
  const { client, clock, target, maxReceiveBytes, maxSendBytes } = options;
  const base: HeaderList = {
    ":method": "POST",
    ":scheme": options.scheme ?? "http",
    ":path": "/",
    ...(options.authority === undefined ? {} : { ":authority": options.authority }),
    "content-type": "application/grpc",
    te: "trailers",
    ...options.headers,
  };
  const rawWire: CallWire = { client, clock, target, headers: base, maxReceiveBytes };
  const wire: CallWire = { ...rawWire, headers: { ...base, "grpc-accept-encoding": "gzip" } };

  const encode = <D extends DescMessage>(schema: D, message: MessageInitShape<D>): Uint8Array => {
    const bytes = toBinary(schema, create(schema, message));
    if (bytes.length <= maxSendBytes) return encodeFrame(bytes);
    const text = `trying to send message larger than max (${bytes.length} vs. ${maxSendBytes})`;
    throw callError(new ConnectError(text, Code.ResourceExhausted), false);
  };
  const decode = <D extends DescMessage>(
    schema: D,
    frame: Uint8Array,
    header: HeaderList,
  ): MessageShape<D> | Promise<MessageShape<D>> => {
    const payload = readPayload(frame, firstValue(header, "grpc-encoding"), maxReceiveBytes);
    return payload instanceof Promise ? payload.then((bytes) => parse(schema, bytes)) : parse(schema, payload);
  };
  const one = <O extends DescMessage>(
    method: DescMethod & { readonly output: O },
    options: CallOptions | undefined,
    send: (call: ReturnType<typeof openCall>) => void,
  ): Promise<UnaryAnswer<MessageShape<O>>> =>
    new Promise((resolve, reject) => {
      let frame: Uint8Array | undefined;
      const call = openCall(wire, pathOf(method), options ?? {}, {
        onFrame(received) {
          if (frame !== undefined) {
            const text = "expected <EOF> for non server-streaming RPCs, but received another message";
            throw new ConnectError(`cardinality violation: ${text}`, Code.Internal);
          }
          frame = received;
        },
        onDone(header, trailer) {
          const error = errorFromTrailers(trailer);
          if (error !== undefined) return reject(callError(error, true));
          try {
            if (frame === undefined) {
              const text = "cardinality violation: received no response message from non-server-streaming RPC";
              throw new ConnectError(text, Code.Internal);
            }
            const message = decode(method.output, frame, header);
            if (message instanceof Promise) {
              message.then((ready) => resolve({ message: ready, header, trailer })).catch(rejectFault);
            } else resolve({ message, header, trailer });
          } catch (error) {
            rejectFault(error);
          }
        },
        onError: reject,
      });
      const rejectFault = (error: unknown) => reject(callError(ConnectError.from(fromWireFault(error)), true));
      send(call);
    });
  const many = <I extends DescMessage, O extends DescMessage>(
    method: DescMethod & { readonly input: I; readonly output: O },
    messages: AsyncIterable<MessageInitShape<I>>,
    options: CallOptions | undefined,
  ): StreamAnswer<MessageShape<O>> => {
    const answer = startRaw(
      wire,
      pathOf(method),
      encodeAll(messages, (message) => encode(method.input, message)),
      options ?? {},
    );
    return { header: answer.header, trailer: answer.trailer, messages: read(method, answer) };
  };
  async function* read<O extends DescMessage>(
    method: DescMethod & { readonly output: O },
    answer: RawAnswer,
  ): AsyncGenerator<MessageShape<O>> {
    let header: HeaderList | undefined;
    for await (const frame of answer.frames) {
      header ??= await answer.header;
      let message: MessageShape<O>;
      try {
        message = await decode(method.output, frame, header);
      } catch (error) {
        throw callError(ConnectError.from(fromWireFault(error)), true);
      }
      yield message;
    }
    const error = errorFromTrailers(await answer.trailer);
    if (error !== undefined) throw callError(error, true);
  }

  return {
    http2: client,
    async unary(method, message, options) {
      const frame = encode(method.input, message);
      return one(method, options, (call) => call.end(frame));
    },
    serverStream: (method, message, options) => many(method, just(message), options),
    clientStream: (method, messages, options) =>
      one(method, options, (call) => {
        const frames = encodeAll(messages, (message) => encode(method.input, message));
        pumpFrames(frames, call);
      }),
    bidi: many,
    raw: (path, frames, options) => startRaw(rawWire, path, frames, options ?? {}),
    open: (path, options, receiver) => openCall(rawWire, path, options, receiver),
  };
}

function pathOf(method: DescMethod): string {
  return `/${method.parent.typeName}/${method.name}`;
}

function parse<D extends DescMessage>(schema: D, bytes: Uint8Array): MessageShape<D> {
  try {
    return fromBinary(schema, bytes);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new ConnectError(`grpc: failed to unmarshal the received message: proto: ${reason}`, Code.Internal);
  }
}

async function* just<T>(value: T): AsyncGenerator<T> {
  yield value;
}

async function* encodeAll<T>(
  messages: AsyncIterable<T>,
  encode: (message: T) => Uint8Array,
): AsyncGenerator<Uint8Array> {
  for await (const message of messages) yield encode(message);
}

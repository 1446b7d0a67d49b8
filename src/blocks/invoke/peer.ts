import { create } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import { callOf } from "../../api/grpc/call.ts";
import { type GrpcPart, grpcPart } from "../../api/grpc/part.ts";
import type { RawCall, RawHandler } from "../../api/grpc/raw.ts";
import {
  InternalInvokeResponseSchema,
  type ListStringValue,
  ServiceInvocation,
} from "../../gen/dapr/proto/internals/v1/service_invocation_pb.ts";
import type { Call, Trace } from "../../kit/call.ts";
import { readPayload } from "../../kit/grpc/payload.ts";
import { type HeaderLines, readBody } from "../../kit/http-message.ts";
import { InvocationFailure, type InvocationReply, type InvocationTarget, type Upgrade } from "../../kit/invocation.ts";
import { ChunkReader } from "../../kit/peer-wire/chunk-reader.ts";
import { chunkStartBytes, decodeRequestChunk, type WireRequest } from "../../kit/peer-wire/decode.ts";
import {
  callLocalStreamPath,
  chunkBytes,
  encodeChunkStart,
  encodeResponseFrame,
  responseMetadata,
  upgradeHeader,
  upgradePath,
} from "../../kit/peer-wire/encode.ts";
import { verbNames } from "../../kit/peer-wire/verb-names.ts";
import { ProtoFault } from "../../kit/protobuf/reader.ts";
import { chunkedBody, upgradedBody } from "./peer-body.ts";
import { peerInvocation, withPeerTrace } from "./peer-request.ts";

/** CallLocal: what other sidecars call when they do not stream. */
export function invokePeer(accept: InvocationTarget): GrpcPart {
  return grpcPart(ServiceInvocation, {
    async callLocal({ metadata, message }, context) {
      if (message === undefined) throw malformed("field Message is nil");
      const extension = message.httpExtension;
      const request: WireRequest = {
        metadata: linesOf(metadata),
        method: message.method,
        verb: extension === undefined ? undefined : (verbNames[extension.verb] ?? ""),
        query: extension?.querystring ?? "",
        contentType: message.contentType,
        typeUrl: message.data?.typeUrl ?? "",
        data: message.data?.value,
      };
      const body = request.data === undefined || request.data.length === 0 ? null : request.data;
      const reply = await run(accept, request, body, callOf(context));
      const value = await readBody(reply.body);
      return create(InternalInvokeResponseSchema, {
        status: { code: reply.code, message: reply.message, details: reply.details.map((detail) => ({ ...detail })) },
        headers: valuesByName(responseMetadata(reply, undefined)),
        trailers: valuesByName(reply.trailers),
        message: { contentType: reply.contentType, data: { typeUrl: reply.typeUrl, value } },
      });
    },
  });
}

/**
 * CallLocalStream, by its path, which other sidecars call first, and the RPC of ours for upgraded connections. `maxReceiveBytes`
 * bounds a message that comes compressed.
 */
export function invokePeerStream(accept: InvocationTarget, maxReceiveBytes: number): ReadonlyMap<string, RawHandler> {
  const serve = (isUpgrade: boolean): RawHandler =>
    Object.assign((call: RawCall) => serveStream(accept, call, maxReceiveBytes, isUpgrade), {
      startBytes: chunkStartBytes,
    });
  return new Map([
    [callLocalStreamPath, serve(false)],
    [upgradePath, serve(true)],
  ]);
}

async function serveStream(
  accept: InvocationTarget,
  rpc: RawCall,
  maxReceiveBytes: number,
  isUpgrade: boolean,
): Promise<void> {
  if (isUpgrade) rpc.setAnswerHeader(upgradeHeader, "websocket");
  const frames = rpc.frames[Symbol.asyncIterator]();
  const encoding = rpc.header("grpc-encoding");
  const chunks = new ChunkReader((frame) => {
    const message = readPayload(frame, encoding, maxReceiveBytes);
    return message instanceof Promise ? message.then(decode) : decode(message);
  });
  let leading: ReturnType<typeof chunks.take>;
  do {
    const first = await frames.next();
    if (first.done) throw new ConnectError("EOF", Code.Unknown);
    leading = chunks.take(first.value);
  } while (leading === undefined);
  // A small call is served without waiting for what is there: each wait costs as much as reading its message.
  const chunk = leading instanceof Promise ? await leading : leading;
  if (chunk.head === undefined || chunk.head.metadata.length === 0) {
    throw malformed("request does not contain the required fields in the leading chunk");
  }
  const upgrade: Upgrade | undefined = isUpgrade
    ? { protocol: "websocket", sends: () => upgradedBody(frames, chunks) }
    : undefined;
  const given = isUpgrade ? null : chunkedBody(chunk, chunk.head, frames, chunks);
  const body = given instanceof Promise ? await given : given;
  const reply = await run(accept, chunk.head, body, rpc.call, upgrade);
  const sending = sendReply(rpc, reply);
  if (sending !== undefined) await sending;
  rpc.end({ "grpc-status": "0" });
}

async function run(
  accept: InvocationTarget,
  request: WireRequest,
  body: Uint8Array | ReadableStream<Uint8Array> | null,
  call: Call,
  upgrade?: Upgrade,
): Promise<InvocationReply> {
  const { invocation, caller, trace } = peerInvocation(request, body, upgrade);
  try {
    return await accept.invoke(invocation, withCaller(call, withPeerTrace(call.trace, trace), caller));
  } catch (error) {
    if (body instanceof ReadableStream && !body.locked) await body.cancel();
    if (InvocationFailure.is(error)) throw new ConnectError(error.message, (error.code ?? Code.Internal) as Code);
    throw error;
  }
}

function withCaller(call: Call, trace: Trace, named: NonNullable<Call["caller"]> | undefined): Call {
  const caller = call.caller ?? named;
  return caller === undefined ? { signal: call.signal, trace } : { signal: call.signal, trace, caller };
}

function sendReply(rpc: RawCall, reply: InvocationReply): Promise<void> | undefined {
  const { body } = reply;
  if (body instanceof ReadableStream || (body !== null && body.length > chunkBytes)) return sendChunked(rpc, reply);
  return rpc.write(encodeResponseFrame(reply, body ?? undefined, body?.length ?? 0));
}

async function sendChunked(rpc: RawCall, reply: InvocationReply): Promise<void> {
  const send = async (frame: Uint8Array, behind?: Uint8Array) => {
    const taken = rpc.write(frame, behind);
    if (taken !== undefined) await taken;
  };
  let seq = 0;
  const sendChunks = async (bytes: Uint8Array) => {
    for (let at = 0; at < bytes.length; at += chunkBytes) {
      const chunk = bytes.subarray(at, at + chunkBytes);
      await send(encodeChunkStart(chunk, seq++), chunk);
    }
  };
  const { body } = reply;
  if (!(body instanceof ReadableStream)) {
    const whole = body ?? new Uint8Array(0);
    await send(encodeResponseFrame(reply, whole.subarray(0, chunkBytes), whole.length));
    seq = 1;
    await sendChunks(whole.subarray(chunkBytes));
    return;
  }
  await send(encodeResponseFrame(reply, undefined, undefined));
  for await (const part of body) await sendChunks(part);
}

function decode(message: Uint8Array) {
  try {
    return decodeRequestChunk(message);
  } catch (error) {
    if (!(error instanceof ProtoFault)) throw error;
    throw new ConnectError(`grpc: error unmarshalling request: proto: ${error.message}`, Code.Internal);
  }
}

function malformed(reason: string): ConnectError {
  return new ConnectError(`parsing InternalInvokeRequest error: ${reason}`, Code.InvalidArgument);
}

function linesOf(map: Readonly<Record<string, ListStringValue>>): HeaderLines {
  return Object.entries(map).flatMap(([name, { values }]) => values.map((value) => [name, value] as const));
}

function valuesByName(lines: HeaderLines): Record<string, { values: string[] }> {
  const map: Record<string, { values: string[] }> = {};
  for (const [name, value] of lines) (map[name] ??= { values: [] }).values.push(value);
  return map;
}

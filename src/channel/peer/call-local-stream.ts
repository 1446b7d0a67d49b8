import { Code, ConnectError } from "@connectrpc/connect";
import { errorFromTrailers } from "../../errors/grpc-status.ts";
import { concatBytes } from "../../kit/bytes.ts";
import type { Call } from "../../kit/call.ts";
import { framePrefix } from "../../kit/grpc/frames.ts";
import type { HeaderLines } from "../../kit/http-message.ts";
import type { Invocation, InvocationReply } from "../../kit/invocation.ts";
import { ChunkReader } from "../../kit/peer-wire/chunk-reader.ts";
import { chunkStartBytes, decodeResponseChunk, type WireChunk, type WireResponse } from "../../kit/peer-wire/decode.ts";
import { callLocalStreamPath, upgradeHeader, upgradePath } from "../../kit/peer-wire/encode.ts";
import type { HeaderList } from "../../platform/types.ts";
import type { GrpcClient } from "../grpc/client.ts";
import { ReplyStream } from "../reply-stream.ts";
import { sendRequest } from "./send-request.ts";
import { traceMetadata } from "./trace-metadata.ts";

/**
 * Calls over the streaming RPC. Resolves with the head of the answer: with its body when the first message has all of it, with a
 * stream otherwise. Rejects with a ConnectError.
 */
export function callLocalStream(
  client: GrpcClient,
  callee: string,
  request: Invocation,
  call: Call,
): Promise<InvocationReply> {
  return new Promise((resolve, reject) => {
    const parts: Uint8Array[] = [];
    let head: WireResponse | undefined;
    let stream: ReplyStream | undefined;
    let isHanded = false;
    let expected = 0;
    let stopBody: (() => void) | undefined;

    const hand = (answer: WireResponse, body: InvocationReply["body"]) => {
      isHanded = true;
      resolve(replyOf(answer, body));
    };
    const handStream = (answer: WireResponse) => {
      stream = new ReplyStream({
        pause: () => rpc.pause(),
        resume: () => rpc.resume(),
        abandoned: () => rpc.cancel(new ConnectError("context canceled", Code.Canceled)),
      });
      for (const part of parts) stream.push(part);
      hand(answer, stream.readable);
    };
    const fail = (error: Error) => {
      stopBody?.();
      if (stream !== undefined) stream.close(error);
      else reject(error);
    };
    const takeData = (data: Uint8Array, seq: number | undefined) => {
      if (seq !== undefined && seq !== expected++) {
        throw new ConnectError(`invalid sequence number received: ${seq} (expected: ${expected - 1})`, Code.Internal);
      }
      if (stream === undefined) parts.push(data);
      else stream.push(data);
    };

    const chunks = new ChunkReader(decode);
    const options = { headers: traceMetadata(call.trace), signal: call.signal };
    const isUpgrade = request.upgrade !== undefined;
    const rpc = client.open(isUpgrade ? upgradePath : callLocalStreamPath, options, {
      startBytes: chunkStartBytes,
      onFrame(piece) {
        const chunk = chunks.take(piece);
        if (chunk === undefined) return;
        if (head === undefined) {
          head = leading(chunk.head);
          if (head.data !== undefined) parts.push(head.data);
        } else if (chunk.head !== undefined && !isEmpty(chunk.head)) {
          throw new ConnectError("response metadata found in non-leading chunk", Code.Internal);
        }
        if (chunk.data !== undefined) takeData(chunk.data, chunk.seq);
        if (isHanded || isGrpcAnswer(head)) return;
        const [first] = parts;
        if (lengthOf(head) === (first?.length ?? 0)) hand(head, first ?? null);
        else handStream(head);
      },
      onDone(header, trailer) {
        const error = errorFromTrailers(trailer);
        if (error !== undefined) return fail(isUpgrade ? upgradeError(error, callee, [header, trailer]) : error);
        stopBody?.();
        if (stream !== undefined) stream.close();
        else if (head === undefined) reject(new ConnectError("EOF", Code.Unknown));
        else if (!isHanded) hand(head, parts.length === 0 ? null : concatBytes(parts));
      },
      onError: fail,
    });
    stopBody = sendRequest(rpc, request, call.trace, callee, (error) => {
      rpc.cancel(new ConnectError(error instanceof Error ? error.message : String(error), Code.Unknown));
    });
  });
}

function decode(frame: Uint8Array): WireChunk<WireResponse> {
  if (frame[0] !== 0) throw new ConnectError("a peer sent a compressed message", Code.Internal);
  return decodeResponseChunk(frame.subarray(framePrefix));
}

/** A peer that does not know the RPC of upgrades refuses it in its own words, without our header. */
function upgradeError(error: ConnectError, callee: string, answers: readonly HeaderList[]): ConnectError {
  const isKnown = answers.some((list) => list[upgradeHeader] !== undefined);
  if (isKnown || (error.code !== Code.Unimplemented && error.code !== Code.Unknown)) return error;
  const text = `the sidecar of "${callee}" carries no WebSockets: that takes Pillion at both ends`;
  return new ConnectError(text, Code.Unimplemented);
}

function leading(head: WireResponse | undefined): WireResponse {
  if (head !== undefined && head.code >= 0) return head;
  throw new ConnectError("response does not contain the required fields in the leading chunk", Code.Unknown);
}

/** Upstream's event streams put an empty response into every chunk. */
function isEmpty(head: WireResponse): boolean {
  return head.code < 0 && head.headers.length === 0 && head.data === undefined && head.contentType === "";
}

/** Answers of gRPC apps are whole: their status, not their length, ends them. */
function isGrpcAnswer({ code, headers }: WireResponse): boolean {
  return code < 100 && headers.some(([name, value]) => name === "content-type" && value.startsWith("application/grpc"));
}

/** What a peer of ours says of the body's length; upstream's do not. */
function lengthOf({ headers }: WireResponse): number | undefined {
  for (const [name, value] of headers) if (name === "Content-Length") return Number(value);
  return undefined;
}

/** The reply with names in lower case. */
function replyOf(head: WireResponse, body: InvocationReply["body"]): InvocationReply {
  const { code, message, details, contentType, typeUrl } = head;
  const headers = lower(head.headers);
  return { code, message, details, headers, trailers: lower(head.trailers), contentType, typeUrl, body };
}

function lower(lines: HeaderLines): HeaderLines {
  return lines.map(([name, value]) => [name.toLowerCase(), value] as const);
}

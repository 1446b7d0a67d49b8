import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { ConnectError } from "@connectrpc/connect";
import {
  HTTPExtension_Verb,
  InvokeRequestSchema,
  InvokeResponseSchema,
} from "../../gen/dapr/proto/common/v1/common_pb.ts";
import type { GrpcAppChannel } from "../../kit/app-channel.ts";
import type { Call } from "../../kit/call.ts";
import { encodeTraceBin } from "../../kit/grpc/trace-bin.ts";
import { type HeaderLines, readBody } from "../../kit/http-message.ts";
import {
  type Invocation,
  InvocationFailure,
  type InvocationReply,
  type InvocationTarget,
  type StatusDetail,
  unimplemented,
} from "../../kit/invocation.ts";
import { asMetadata, type Lines } from "./header-rules.ts";

const path = "/dapr.proto.runtime.v1.AppCallback/OnInvoke";
const none: HeaderLines = Object.freeze([]);

/** An app that speaks gRPC: calls arrive at its OnInvoke, whole. */
export function createGrpcTarget(channel: GrpcAppChannel): InvocationTarget {
  return {
    async invoke(request, call) {
      if (request.upgrade !== undefined)
        throw new InvocationFailure(unimplemented, "a WebSocket needs an app that speaks HTTP, this one speaks gRPC");
      const value = await readBody(request.body);
      const message = toBinary(InvokeRequestSchema, onInvoke(request, value));
      try {
        const reply = await channel.unary(path, message, metadataOf(request, call), call.signal);
        const { data, contentType } = fromBinary(InvokeResponseSchema, reply.message);
        const answer: InvocationReply = {
          code: 0,
          message: "",
          details: [],
          headers: linesOf(reply.header),
          trailers: linesOf(reply.trailer),
          contentType,
          typeUrl: data?.typeUrl ?? "",
          body: data === undefined || data.value.length === 0 ? null : data.value,
        };
        return answer;
      } catch (error) {
        if (!(error instanceof ConnectError)) throw error;
        return failed(error);
      }
    },
  };
}

function onInvoke(request: Invocation, value: Uint8Array) {
  const verb =
    request.verb === undefined ? undefined : HTTPExtension_Verb[request.verb as keyof typeof HTTPExtension_Verb];
  return create(InvokeRequestSchema, {
    method: request.method,
    data: { typeUrl: request.typeUrl, value },
    contentType: request.contentType,
    ...(request.verb === undefined
      ? {}
      : { httpExtension: { verb: verb ?? HTTPExtension_Verb.NONE, querystring: request.query } }),
  });
}

function metadataOf(request: Invocation, call: Call): Record<string, string | string[]> {
  const { wire, contentType } = request;
  const metadata = asMetadata(wire, request.headers);
  if (wire === "http") {
    if (contentType !== "") metadata["dapr-content-type"] = contentType;
    const length = request.body instanceof Uint8Array ? request.body.length : request.length;
    if (length !== undefined && length > 0) metadata["dapr-content-length"] = String(length);
  }
  const { traceparent, tracestate, baggage } = call.trace;
  if (traceparent !== "") {
    metadata["traceparent"] = traceparent;
    const binary = encodeTraceBin(traceparent);
    if (binary !== "") metadata["grpc-trace-bin"] = binary;
  }
  if (tracestate !== "") metadata["tracestate"] = tracestate;
  if (baggage !== "") metadata["baggage"] = baggage;
  return metadata;
}

/** The status with which the app answered, as a reply. */
function failed(error: ConnectError): InvocationReply {
  const details: StatusDetail[] = [];
  for (const detail of error.details) {
    if ("type" in detail) details.push({ typeUrl: `type.googleapis.com/${detail.type}`, value: detail.value });
  }
  const trailers: Lines = [];
  error.metadata.forEach((value, name) => trailers.push([name, value]));
  return {
    code: error.code,
    message: error.rawMessage,
    details,
    headers: none,
    trailers,
    contentType: "",
    typeUrl: "",
    body: null,
  };
}

function linesOf(list: Readonly<Record<string, string | readonly string[]>>): HeaderLines {
  const lines: Lines = [];
  for (const name in list) {
    if (name.charCodeAt(0) === 0x3a || name === "content-type" || isStatus(name)) continue;
    const value = list[name];
    if (typeof value === "string") lines.push([name, value]);
    else for (const one of value ?? []) lines.push([name, one]);
  }
  return lines;
}

function isStatus(name: string): boolean {
  return name === "grpc-status" || name === "grpc-message" || name === "grpc-status-details-bin";
}

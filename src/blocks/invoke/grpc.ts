import { create } from "@bufbuild/protobuf";
import { type Code, ConnectError, type HandlerContext } from "@connectrpc/connect";
import { answerWith, callOf, headerOf, metadataLines } from "../../api/grpc/call.ts";
import { type GrpcPart, grpcPart } from "../../api/grpc/part.ts";
import { toConnectError } from "../../errors/grpc.ts";
import { httpStatusError } from "../../errors/http-status-error.ts";
import {
  type InvokeRequest,
  type InvokeResponse,
  InvokeResponseSchema,
} from "../../gen/dapr/proto/common/v1/common_pb.ts";
import { Dapr } from "../../gen/dapr/proto/runtime/v1/dapr_pb.ts";
import { decodeUtf8 } from "../../kit/bytes.ts";
import type { Call } from "../../kit/call.ts";
import { encodeTraceBin } from "../../kit/grpc/trace-bin.ts";
import { readBody } from "../../kit/http-message.ts";
import type { Invocation, InvocationReply } from "../../kit/invocation.ts";
import { verbNames } from "../../kit/peer-wire/verb-names.ts";
import { PolicyError } from "../../kit/policy.ts";
import { invokeError } from "./failure.ts";
import { policyConnectError } from "./grpc-policy-error.ts";
import { asMetadata, isForApp, type Lines, nominated } from "./header-rules.ts";
import type { Invoke } from "./invoke.ts";

/** Invocation over gRPC: InvokeService. */
export function invokeGrpc(invoke: Invoke): GrpcPart {
  return grpcPart(Dapr, {
    async invokeService({ id, message }, context) {
      let reply: InvocationReply;
      let body: Uint8Array;
      try {
        reply = await invoke.invoke(id, readInvocation(message, context), withoutState(callOf(context)));
        body = await readBody(reply.body);
      } catch (error) {
        throw PolicyError.is(error) ? policyConnectError(error) : toConnectError(invokeError(id, error));
      }
      return answer(reply, body, context);
    },
  });
}

/** The message of a gRPC caller with its metadata. */
export function readInvocation(message: InvokeRequest | undefined, context: HandlerContext): Invocation {
  const extension = message?.httpExtension;
  const lines: Lines = [];
  const dropped = nominated(headerOf(context, "connection"));
  for (const line of metadataLines(context)) {
    const name = line[0];
    if (isForApp(name, dropped) && name !== "grpc-timeout") lines.push(line);
  }
  const value = message?.data?.value;
  return {
    wire: "grpc",
    method: message?.method ?? "",
    verb: extension === undefined ? undefined : (verbNames[extension.verb] ?? ""),
    query: extension?.querystring ?? "",
    contentType: message?.contentType ?? "",
    typeUrl: message?.data?.typeUrl ?? "",
    headers: lines,
    body: value === undefined || value.length === 0 ? null : value,
  };
}

function answer(reply: InvocationReply, body: Uint8Array, context: HandlerContext): InvokeResponse {
  const isHttp = reply.code >= 100;
  answerWith(context, asMetadata(isHttp ? "http" : "grpc", reply.headers));
  if (isHttp) {
    if (reply.contentType !== "") context.responseHeader.set("dapr-content-type", reply.contentType);
    context.responseHeader.set("dapr-http-status", String(reply.code));
    if (reply.code < 200 || reply.code > 299) throw httpStatusError(reply.code, decodeUtf8(body));
  } else {
    setAll(context.responseTrailer, asMetadata("grpc", reply.trailers));
    traceTrailers(context);
    if (reply.code !== 0) throw statusOf(reply);
  }
  return create(InvokeResponseSchema, {
    contentType: reply.contentType,
    data: { typeUrl: reply.typeUrl, value: body },
  });
}

/** compat: the answers of gRPC apps end with the trace of the call (pkg/messaging/v1/util.go). */
function traceTrailers(context: HandlerContext): void {
  const { traceparent } = callOf(context).trace;
  if (traceparent === "") return;
  context.responseTrailer.set("traceparent", traceparent);
  const binary = encodeTraceBin(traceparent);
  if (binary !== "") context.responseTrailer.set("grpc-trace-bin", binary);
}

function statusOf(reply: InvocationReply): ConnectError {
  const error = new ConnectError(reply.message, reply.code as Code);
  error.details = reply.details.map(({ typeUrl, value }) => ({
    type: typeUrl.slice(typeUrl.lastIndexOf("/") + 1),
    value,
  }));
  return error;
}

function setAll(headers: Headers, metadata: Record<string, string | string[]>): void {
  for (const name in metadata) {
    const value = metadata[name];
    if (typeof value === "string") headers.append(name, value);
    else for (const one of value ?? []) headers.append(name, one);
  }
}

/** compat: InvokeService loses the tracestate of its caller. */
function withoutState(call: Call): Call {
  const { signal, trace, caller } = call;
  if (trace.tracestate === "") return call;
  return caller === undefined
    ? { signal, trace: { ...trace, tracestate: "" } }
    : { signal, trace: { ...trace, tracestate: "" }, caller };
}

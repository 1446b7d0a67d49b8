import { create } from "@bufbuild/protobuf";
import { HTTPExtension_Verb, InvokeRequestSchema } from "../../gen/dapr/proto/common/v1/common_pb.ts";
import { APIVersion } from "../../gen/dapr/proto/internals/v1/apiversion_pb.ts";
import {
  InternalInvokeRequestSchema,
  type ListStringValue,
  ServiceInvocation,
} from "../../gen/dapr/proto/internals/v1/service_invocation_pb.ts";
import type { Call } from "../../kit/call.ts";
import { type HeaderLines, readBody } from "../../kit/http-message.ts";
import type { Invocation, InvocationReply } from "../../kit/invocation.ts";
import { requestMetadata } from "../../kit/peer-wire/encode.ts";
import type { GrpcClient } from "../grpc/client.ts";
import { traceMetadata } from "./trace-metadata.ts";

/** The unary form of the call, for peers that do not know the streaming one. */
export async function callLocal(
  client: GrpcClient,
  callee: string,
  request: Invocation,
  call: Call,
): Promise<InvocationReply> {
  const value = await readBody(request.body);
  const verb =
    request.verb === undefined ? undefined : HTTPExtension_Verb[request.verb as keyof typeof HTTPExtension_Verb];
  const message = create(InternalInvokeRequestSchema, {
    ver: APIVersion.V1,
    metadata: valuesByName(requestMetadata(request, call.trace, callee)),
    message: create(InvokeRequestSchema, {
      method: request.method,
      contentType: request.contentType,
      data: { typeUrl: request.typeUrl, value },
      ...(request.verb === undefined ? {} : { httpExtension: { verb: verb ?? 0, querystring: request.query } }),
    }),
  });
  const options = { headers: traceMetadata(call.trace), signal: call.signal };
  const answer = await client.unary(ServiceInvocation.method.callLocal, message, options);
  const { status, headers, trailers, message: body } = answer.message;
  const data = body?.data?.value;
  return {
    code: status?.code ?? 0,
    message: status?.message ?? "",
    details: (status?.details ?? []).map((detail) => ({ typeUrl: detail.typeUrl, value: detail.value })),
    headers: linesOf(headers),
    trailers: linesOf(trailers),
    contentType: body?.contentType ?? "",
    typeUrl: body?.data?.typeUrl ?? "",
    body: data === undefined || data.length === 0 ? null : data,
  };
}

function valuesByName(lines: HeaderLines): Record<string, { values: string[] }> {
  const map: Record<string, { values: string[] }> = {};
  for (const [name, value] of lines) (map[name] ??= { values: [] }).values.push(value);
  return map;
}

function linesOf(map: Readonly<Record<string, ListStringValue>>): HeaderLines {
  return Object.entries(map).flatMap(([name, { values }]) =>
    values.map((value) => [name.toLowerCase(), value] as const),
  );
}

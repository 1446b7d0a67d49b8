import type { HandlerContext } from "@connectrpc/connect";
import { callOf } from "../../api/grpc/call.ts";
import { type GrpcPart, grpcPart } from "../../api/grpc/part.ts";
import { Dapr } from "../../gen/dapr/proto/runtime/v1/dapr_pb.ts";
import { type Trace, zeroTraceparent } from "../../kit/call.ts";
import type { Bindings } from "./bindings.ts";

/** compat: what stands in the call's own metadata goes to the binding as well, under the message's (pkg/api/grpc/grpc.go). */
function metadataOf(
  given: Readonly<Record<string, string>>,
  trace: Trace,
  headers: Headers | undefined,
): Record<string, string> {
  const { traceparent, tracestate, baggage } = trace;
  const metadata: Record<string, string> = {
    traceparent: traceparent === "" ? zeroTraceparent : traceparent,
    ...(tracestate !== "" && { tracestate }),
    ...given,
  };
  if (baggage !== "") metadata["baggage"] = baggage;
  headers?.forEach((value, name) => {
    const key = name.startsWith("grpc-") ? `dapr-${name}` : name;
    const isTrace = name === "traceparent" || name === "tracestate";
    if (isTrace || !Object.hasOwn(metadata, key)) metadata[key] = value;
  });
  return metadata;
}

function tell(context: HandlerContext, metadata: Readonly<Record<string, string>>): void {
  for (const key in metadata) {
    // Values are printable ASCII on this wire; others would end the call.
    if (!/^[0-9A-Za-z_.-]+$/.test(key) || !/^[\x20-\x7e]*$/.test(metadata[key]!)) continue;
    context.responseHeader.set(`metadata.${key.toLowerCase()}`, metadata[key]!);
  }
}

/** The bindings method of the Dapr service. */
export function bindingsGrpc(bindings: Bindings): GrpcPart {
  return grpcPart(Dapr, {
    async invokeBinding({ name, data, metadata, operation }, context) {
      const call = callOf(context);
      const headers = "requestHeader" in context ? context.requestHeader : undefined;
      const request = { operation, data, metadata: metadataOf(metadata, call.trace, headers) };
      const outcome = await bindings.invoke(name, request, call);
      if ("error" in outcome) {
        tell(context, outcome.metadata);
        throw outcome.error;
      }
      if (outcome.answer === null) return {};
      tell(context, outcome.answer.metadata);
      return { data: outcome.answer.data, metadata: { ...outcome.answer.metadata } };
    },
  });
}

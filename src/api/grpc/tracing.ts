import { Code, ConnectError } from "@connectrpc/connect";
import { toConnectError } from "../../errors/grpc.ts";
import { fromWireFault } from "../../errors/grpc-status.ts";
import { type SpanKind, zeroTraceparent } from "../../kit/call.ts";
import { decodeTraceBin, encodeTraceBin } from "../../kit/grpc/trace-bin.ts";
import { baggageFault } from "../../telemetry/baggage.ts";
import type { Tracer } from "../../telemetry/trace.ts";
import type { CallInfo, GrpcInterceptor } from "./interceptor.ts";
import { describeMetadata, describeRpc } from "./rpc-span.ts";

export interface GrpcTracingOptions {
  readonly tracer: Tracer;
  /** Calls for this app end here; those for others go on. */
  readonly appId: string;
}

const binKey = "grpc-trace-bin";
const zeroBin = encodeTraceBin(zeroTraceparent);
const invokePath = "/dapr.proto.runtime.v1.Dapr/InvokeService";

/**
 * The trace of each call on the API: its parent from the metadata, its own context in the answer, its baggage checked and echoed.
 * Not for a tracer that is off. compat: pkg/diagnostics/grpc_tracing.go
 */
export function createGrpcTracing({ tracer, appId }: GrpcTracingOptions): GrpcInterceptor {
  return (info) => {
    const { path, metadata } = info;
    const isProxied = !path.startsWith("/dapr.proto.runtime.") && !path.startsWith("/TaskHubSidecarService");
    let kind: SpanKind = path.startsWith("/T") ? "server" : "client";
    if (isProxied) {
      const callee = info.header("dapr-callee-app-id") ?? info.header("dapr-app-id");
      // Standard services of our own, or a call that the proxy will refuse.
      if (callee === undefined) return undefined;
      kind = callee === appId ? "server" : "client";
    }
    const baggage = metadata["baggage"] === undefined ? "" : readBaggage(metadata["baggage"]);
    if (baggage !== "") info.setAnswerHeader("baggage", plainBaggage(baggage));
    const trace = tracer.begin(parentOf(info), null, kind, baggage);
    info.setTrace(trace);
    if (!isProxied) {
      const { traceparent } = trace;
      info.setAnswerHeader(binKey, traceparent === zeroTraceparent ? zeroBin : encodeTraceBin(traceparent));
      if (path === invokePath) info.setAnswerHeader("traceparent", traceparent);
    }
    const { span } = trace;
    if (span === undefined) return undefined;
    span.name = path;
    describeMetadata(span, metadata);
    if (!isProxied) {
      info.onMessage = (message) => describeRpc(span, path, message);
      span.set("dapr.protocol", "grpc");
      span.set("dapr.api", path);
    }
    return ({ code, error }) => {
      if (code !== 0) span.fail(error === undefined ? "" : toConnectError(fromWireFault(error)).rawMessage);
      span.end();
    };
  };
}

/** `grpc-trace-bin` wins over `traceparent`. */
function parentOf(info: CallInfo): string | null {
  const binary = info.header(binKey);
  const parent = binary === undefined ? "" : decodeTraceBin(binary);
  return parent === "" ? (info.header("traceparent") ?? null) : parent;
}

function readBaggage(values: string | readonly string[]): string {
  const baggage = typeof values === "string" ? values : values.join(",");
  const fault = baggage === "" ? undefined : baggageFault(baggage);
  if (fault !== undefined) throw new ConnectError(`invalid baggage header: ${fault}`, Code.InvalidArgument);
  return baggage;
}

/** Without the spaces around its members. */
function plainBaggage(baggage: string): string {
  return baggage
    .split(",")
    .map((member) => member.trim())
    .join(",");
}

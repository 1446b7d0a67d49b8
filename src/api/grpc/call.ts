import { type ContextKey, createContextKey, type HandlerContext } from "@connectrpc/connect";
import type { Call, Trace } from "../../kit/call.ts";
import { decodeTraceBin } from "../../kit/grpc/trace-bin.ts";

/** Where the HTTP listener leaves its Call for RPCs that come in over Connect and gRPC-web. */
export const callKey: ContextKey<Call | undefined> = createContextKey<Call | undefined>(undefined, {
  description: "call",
});

/** The Call of an RPC: signal, trace and caller, whichever way it came in. */
export function callOf(context: HandlerContext): Call {
  if ("call" in context) return context.call as Call;
  return (
    context.values.get(callKey) ?? {
      signal: context.signal,
      trace: traceOf((key) => context.requestHeader.get(key) ?? undefined),
    }
  );
}

/** One metadata value of an RPC, whichever way it came in. */
export function headerOf(context: HandlerContext, key: string): string | null {
  const own = context as { readonly header?: (key: string) => string | undefined };
  return own.header === undefined ? context.requestHeader.get(key) : (own.header(key) ?? null);
}

/** Trace headers of a request; `grpc-trace-bin` wins over `traceparent`. */
export function traceOf(header: (key: string) => string | undefined): Trace {
  const binary = header("grpc-trace-bin");
  const traceparent = binary === undefined ? "" : decodeTraceBin(binary);
  return {
    traceparent: traceparent === "" ? (header("traceparent") ?? "") : traceparent,
    tracestate: header("tracestate") ?? "",
    baggage: header("baggage") ?? "",
  };
}

import { type ContextKey, createContextKey, type HandlerContext } from "@connectrpc/connect";
import type { Call, Trace } from "../../kit/call.ts";
import { isProtocolKey, type MetadataList } from "../../kit/grpc/metadata.ts";
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

/** The metadata of an RPC with `:authority`, repeated keys repeated, whichever way it came in; over Connect and gRPC-web their values come joined, and there is no authority. */
export function metadataLines(context: HandlerContext): (readonly [name: string, value: string])[] {
  const lines: (readonly [string, string])[] = [];
  const own = context as { readonly metadata?: MetadataList };
  if (own.metadata === undefined) context.requestHeader.forEach((value, name) => lines.push([name, value]));
  else
    for (const name in own.metadata) {
      const value = own.metadata[name];
      if (value === undefined || (name.charCodeAt(0) === 0x3a && name !== ":authority")) continue;
      if (typeof value === "string") lines.push([name, value]);
      else for (const one of value) lines.push([name, one]);
    }
  return lines;
}

/** Answers with these headers, repeated ones repeated where the way to the caller can; keys of the protocol are left out. */
export function answerWith(context: HandlerContext, metadata: MetadataList): void {
  const own = context as { setAnswerHeader?: (key: string, value: string | readonly string[]) => void };
  for (const key in metadata) {
    const value = metadata[key];
    if (value === undefined || isProtocolKey(key)) continue;
    if (own.setAnswerHeader !== undefined) own.setAnswerHeader(key, value);
    else for (const one of typeof value === "string" ? [value] : value) context.responseHeader.append(key, one);
  }
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

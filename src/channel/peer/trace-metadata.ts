import type { Trace } from "../../kit/call.ts";
import { encodeTraceBin } from "../../kit/grpc/trace-bin.ts";
import type { HeaderList } from "../../platform/types.ts";

/** The trace of a call as metadata of an RPC. */
export function traceMetadata({ traceparent, tracestate, baggage }: Trace): HeaderList {
  const headers: Record<string, string> = {};
  if (traceparent !== "") {
    headers["traceparent"] = traceparent;
    const binary = encodeTraceBin(traceparent);
    if (binary !== "") headers["grpc-trace-bin"] = binary;
  }
  if (tracestate !== "") headers["tracestate"] = tracestate;
  if (baggage !== "") headers["baggage"] = baggage;
  return headers;
}

import { baggageFault } from "../../telemetry/baggage.ts";
import { type Tracer, zeroTraceparent } from "../../telemetry/trace.ts";
import type { ApiRequest } from "./request.ts";

/** Reads the caller's trace headers into the request; answers what is wrong with its baggage, if anything. */
export function beginTrace(request: ApiRequest, tracer: Tracer): string | undefined {
  const headers = request.raw.headers;
  const parent = headers.get("traceparent");
  const trace = tracer.begin(parent, parent === null ? null : headers.get("tracestate"));
  const baggage = headers.get("baggage");
  if (baggage === null || baggage === "") {
    request.trace = trace;
    return undefined;
  }
  request.trace = { ...trace, baggage };
  const fault = baggageFault(baggage);
  return fault === undefined ? undefined : `invalid baggage header: ${fault}`;
}

/** Tells the caller the trace of its request, unless the handler did so already. */
export function setTraceHeaders(headers: Headers, request: ApiRequest): void {
  const { traceparent, tracestate, baggage } = request.trace;
  if (!headers.has("traceparent")) {
    headers.set("traceparent", traceparent === "" ? zeroTraceparent : traceparent);
    if (tracestate !== "") headers.set("tracestate", tracestate);
  }
  if (baggage !== "" && !headers.has("baggage")) headers.set("baggage", baggage);
}

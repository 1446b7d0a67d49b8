import { zeroTraceparent } from "../../kit/call.ts";
import { baggageFault } from "../../telemetry/baggage.ts";
import type { Tracer } from "../../telemetry/trace.ts";
import type { ApiRequest } from "./request.ts";
import { unescapePath } from "./unescape.ts";
import type { HeaderEdits } from "./whole-answer.ts";

/** Reads the caller's trace headers into the request and begins its step; answers what is wrong with its baggage, if anything. */
export function beginTrace(request: ApiRequest, tracer: Tracer): string | undefined {
  const headers = request.raw.headers;
  const parent = headers.get("traceparent");
  const state = parent === null ? null : headers.get("tracestate");
  const baggage = headers.get("baggage");
  if (baggage === null || baggage === "") request.trace = tracer.begin(firstOf(parent), state);
  else {
    const fault = baggageFault(baggage);
    if (fault !== undefined) return `invalid baggage header: ${fault}`;
    request.trace = tracer.begin(firstOf(parent), state, "client", baggage);
  }
  const { span } = request.trace;
  if (span !== undefined) span.name = unescapePath(request.path);
  return undefined;
}

/** Tells the caller the trace of its request, unless the handler did so already. */
export function setTraceHeaders(headers: HeaderEdits, request: ApiRequest): void {
  const { traceparent, tracestate, baggage } = request.trace;
  if (!headers.has("traceparent")) {
    headers.set("traceparent", traceparent === "" ? zeroTraceparent : traceparent);
    if (tracestate !== "") headers.set("tracestate", tracestate);
  }
  if (baggage !== "" && !headers.has("baggage")) headers.set("baggage", baggage);
}

/** Of a header that came more than once the first counts. */
function firstOf(header: string | null): string | null {
  const comma = header === null ? -1 : header.indexOf(",");
  return comma < 0 ? header : (header as string).slice(0, comma);
}

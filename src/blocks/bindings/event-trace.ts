import type { BindingEvent } from "../../driver/bindings.ts";
import type { Trace } from "../../kit/call.ts";

/** The trace that came with an event, under the names of the W3C headers. */
export function traceOfEvent({ metadata }: BindingEvent): Trace {
  return { traceparent: metadata["traceparent"] ?? "", tracestate: metadata["tracestate"] ?? "", baggage: "" };
}

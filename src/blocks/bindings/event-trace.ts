import type { BindingEvent } from "../../driver/bindings.ts";
import type { Span, Trace } from "../../kit/call.ts";

/** The trace that came with an event, under the names of the W3C headers. */
export function traceOfEvent({ metadata }: BindingEvent): Trace {
  return { traceparent: metadata["traceparent"] ?? "", tracestate: metadata["tracestate"] ?? "", baggage: "" };
}

/** Adds what upstream says of the step that takes an event to the app; `url` is the method that the app is called with. */
export function describeEvent(span: Span, binding: string, url: string): void {
  span.set("db.name", binding);
  span.set("rpc.service", "Dapr");
  span.set("db.system", "bindings");
  span.set("db.connection_string", url);
}

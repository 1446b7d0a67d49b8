import type { BeginSpan, Span, Trace } from "../../kit/call.ts";
import type { BulkTopicEvent, CloudEvent } from "./model.ts";

/** Begins the app's step for an event below the trace that the event carries; undefined for an event that carries none, not even an empty one. */
export function beginEventSpan(begin: BeginSpan, event: CloudEvent, topic: string): Trace | undefined {
  const parent = event["traceparent"] ?? event["traceid"];
  if (typeof parent !== "string") return undefined;
  const state = event["tracestate"];
  const tracestate = typeof state === "string" ? state : "";
  const trace = begin("client", { traceparent: parent, tracestate, baggage: "" });
  const { span } = trace;
  if (span === undefined) return trace;
  span.name = `pubsub/${topic}`;
  span.set("messaging.system", "pubsub");
  span.set("messaging.destination.name", topic);
  return trace;
}

/** The same for the entries of a bulk that are events. */
export function beginBulkSpans(begin: BeginSpan, { entries, topic }: BulkTopicEvent): readonly Trace[] {
  const traces: Trace[] = [];
  for (const { event } of entries) {
    const trace = event instanceof Uint8Array ? undefined : beginEventSpan(begin, event, topic);
    if (trace !== undefined) traces.push(trace);
  }
  return traces;
}

/** Ends the steps of a delivery when `run` ends, with its failure if it fails. Where no step is recorded `run` is all that happens. */
export async function endEventSpans<T>(
  traces: readonly (Trace | undefined)[],
  run: (fail: (text: string) => void) => Promise<T>,
): Promise<T> {
  let spans: Span[] | undefined;
  for (const trace of traces) if (trace?.span !== undefined) (spans ??= []).push(trace.span);
  if (spans === undefined) return run(ignore);
  const fail = (text: string) => {
    for (const span of spans) span.fail(text);
  };
  try {
    return await run(fail);
  } catch (error) {
    fail(textOf(error));
    throw error;
  } finally {
    for (const span of spans) span.end();
  }
}

function ignore(): void {}

/** Of an error of a gRPC app its own words, without the code in front. */
function textOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return "rawMessage" in error && typeof error.rawMessage === "string" ? error.rawMessage : error.message;
}

/** Whose side of a call a span shows. */
export type SpanKind = "server" | "client" | "producer";

/** One step of a call that is being recorded for the exporters. Whoever began it ends it. */
export interface Span {
  /** Also of its children, where they have none of their own. */
  name: string;
  /** Empty values are left out. */
  set(key: string, value: string): void;
  /** The step has failed; the text says how. */
  fail(text: string): void;
  /** Hands the span to the exporters; what is done to it later has no effect. */
  end(): void;
}

/** W3C trace headers as they came in or as our span made them; empty strings when there is none. */
export interface Trace {
  readonly traceparent: string;
  readonly tracestate: string;
  readonly baggage: string;
  /** Absent: nobody wants to know what this call does. */
  readonly span?: Span | undefined;
}

/** The traceparent of calls that have no trace where headers are passed on all the same. */
export const zeroTraceparent = "00-00000000000000000000000000000000-0000000000000000-00";

/** Begins a step below `parent`, whose trace is that of another process or of the step above. */
export type BeginSpan = (kind: SpanKind, parent: Trace) => Trace;

/** What goes with every request through the layers: passed explicitly, never ambient. */
export interface Call {
  /** Aborts when the caller has gone or the deadline is over. */
  readonly signal: AbortSignal;
  readonly trace: Trace;
  /** The calling sidecar's app, when the request came from another sidecar; with a trust domain only where its name is proven. */
  readonly caller?: { readonly appId: string; readonly namespace: string; readonly trustDomain?: string | undefined };
}

/** W3C trace headers as they came in or as our span made them; empty strings when there is none. */
export interface Trace {
  readonly traceparent: string;
  readonly tracestate: string;
  readonly baggage: string;
}

/** What goes with every request through the layers: passed explicitly, never ambient. */
export interface Call {
  /** Aborts when the caller has gone or the deadline is over. */
  readonly signal: AbortSignal;
  readonly trace: Trace;
  /** App id of the calling sidecar's app, when the request came from another sidecar. */
  readonly caller?: { readonly appId: string; readonly namespace: string };
}

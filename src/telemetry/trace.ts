import { type BeginSpan, type SpanKind, type Trace, zeroTraceparent } from "../kit/call.ts";
import { hexBytes } from "../kit/hex-bytes.ts";
import type { Random } from "../kit/random.ts";
import { createSampler } from "./sampler.ts";
import type { SpanRecorder } from "./span.ts";

/**
 * What the sidecar does with W3C trace headers: `off` leaves them alone and answers none, `pass` hands an incoming context through
 * unchanged, `span` makes a span of its own for every call.
 */
export type TraceMode = "off" | "pass" | "span";

/** Decides about the trace of each incoming call. */
export interface Tracer {
  readonly mode: TraceMode;
  /** The sampler as upstream's logs name it. */
  readonly sampler: string;
  /** The context of a call that came with these headers; in mode `span` one with a new span id, recorded when it is sampled and somebody takes spans. */
  begin(traceparent: string | null, tracestate: string | null, kind?: SpanKind, baggage?: string): Trace;
  /** The same for a step whose parent is known as a trace. */
  readonly below: BeginSpan;
}

/** What Configuration `spec.tracing` says that matters here. */
export interface TracerOptions {
  /** Text of the rate; anything that is no number counts as 0.0001. */
  readonly samplingRate: string;
  /** A place to send spans to is configured. */
  readonly hasExporter: boolean;
  readonly random: Random;
  /** Absent: nothing is recorded, whatever is sampled. */
  readonly record?: SpanRecorder | undefined;
}

const noTrace: Trace = { traceparent: "", tracestate: "", baggage: "" };
const zeroTrace: Trace = { traceparent: zeroTraceparent, tracestate: "", baggage: "" };
const longestTracestate = 512;
const parentPattern = /^([0-9a-fA-F]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-fA-F]{2})((?:[0-9a-fA-F]{2})*)(-.*)?$/;
const memberPattern =
  /^(?:[a-z][a-z0-9_\-*/]{0,255}|[a-z0-9][a-z0-9_\-*/]{0,240}@[a-z][a-z0-9_\-*/]{0,13})=[\x20-\x2b\x2d-\x3c\x3e-\x7e]{0,255}[\x21-\x2b\x2d-\x3c\x3e-\x7e]$/;

/**
 * The parts of a traceparent header; undefined when it is not valid. Flags are two hexadecimal digits. compat: version and flags may
 * have capital letters, and what follows the first two digits of the flags is passed over.
 */
export function parseTraceparent(
  header: string,
): { readonly traceId: string; readonly spanId: string; readonly flags: string } | undefined {
  const match = parentPattern.exec(header);
  if (match === null) return undefined;
  const [, version = "", traceId = "", spanId = "", flags = "", , more] = match;
  if (version.toLowerCase() === "ff" || (version === "00" && more !== undefined)) return undefined;
  if (/^0+$/.test(traceId) || /^0+$/.test(spanId)) return undefined;
  return { traceId, spanId, flags: flags.toLowerCase() };
}

/** The tracestate header when it is well-formed and short enough to send on, else the empty text. */
export function validTracestate(header: string): string {
  if (header === "" || header.length > longestTracestate) return "";
  const members = header
    .split(",")
    .map((member) => member.trim())
    .filter((member) => member !== "");
  if (members.length > 32 || !members.every((member) => memberPattern.test(member))) return "";
  return members.join(",");
}

/** A tracer of one sidecar. Spans are sampled as their remote parent was, or by the ratio of trace ids. */
export function createTracer(options: TracerOptions): Tracer {
  const sampler = createSampler(options.samplingRate);
  const tracer = (mode: TraceMode, begin: Tracer["begin"]): Tracer => ({
    mode,
    sampler: sampler.description,
    begin,
    below: (kind, { traceparent, tracestate, baggage }) =>
      begin(traceparent === "" ? null : traceparent, tracestate === "" ? null : tracestate, kind, baggage),
  });
  if (sampler.rate === 0) return tracer("off", (parent, state, _, baggage) => passOn(parent, state, baggage, noTrace));
  if (options.samplingRate === "" && !options.hasExporter) {
    return tracer("pass", (parent, state, _, baggage) => passOn(parent, state, baggage, zeroTrace));
  }
  const { record } = options;
  const nextId = createIds(options.random);
  return tracer("span", (traceparent, tracestate, kind = "client", baggage = "") => {
    const parent = traceparent === null ? undefined : parseTraceparent(traceparent);
    const spanId = nextId(8);
    const traceId = parent === undefined ? nextId(16) : parent.traceId;
    const flags = parent === undefined ? (sampler.isSampled(traceId) ? "01" : "00") : parent.flags;
    const state = parent === undefined || tracestate === null ? "" : validTracestate(tracestate);
    let span: Trace["span"];
    if (record !== undefined) {
      const bits = Number.parseInt(flags, 16);
      const parentId = parent === undefined ? "" : parent.spanId;
      if ((bits & 1) === 1) span = record(kind, { traceId, spanId, parentId, flags: bits, tracestate: state });
    }
    return { traceparent: `00-${traceId}-${spanId}-${flags}`, tracestate: state, baggage, span };
  });
}

/** compat: an invalid context is no context; a valid one is written anew in version 00. */
function passOn(traceparent: string | null, tracestate: string | null, baggage = "", absent: Trace): Trace {
  const parent = traceparent === null || traceparent === zeroTraceparent ? undefined : parseTraceparent(traceparent);
  if (parent === undefined) return baggage === "" ? absent : { ...absent, baggage };
  return {
    traceparent: `00-${parent.traceId}-${parent.spanId}-${parent.flags}`,
    tracestate: tracestate === null ? "" : validTracestate(tracestate),
    baggage,
  };
}

const drawBytes = 4096;

/** Ids of so many bytes in hexadecimal, never all zero; random bytes are drawn in bulk because one draw costs as much as many. */
function createIds(random: Random): (bytes: number) => string {
  let pool: Uint8Array = new Uint8Array(0);
  let at = 0;
  const hex = hexBytes();
  return (bytes) => {
    for (;;) {
      if (at + bytes > pool.length) {
        pool = random.bytes(drawBytes);
        at = 0;
      }
      let id = "";
      let any = 0;
      for (let count = 0; count < bytes; count++) {
        const byte = pool[at++] as number;
        any |= byte;
        id += hex[byte];
      }
      if (any !== 0) return id;
    }
  };
}

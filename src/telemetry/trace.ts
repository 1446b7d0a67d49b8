import type { Trace } from "../kit/call.ts";
import type { Random } from "../kit/random.ts";

/**
 * What the sidecar does with W3C trace headers: `off` leaves them alone and answers none, `pass` hands an incoming context through
 * unchanged, `span` makes a span of its own for every call.
 */
export type TraceMode = "off" | "pass" | "span";

/** Decides about the trace of each incoming call. */
export interface Tracer {
  readonly mode: TraceMode;
  /** The context of a call that came with these headers; in mode `span` one with a new span id. */
  begin(traceparent: string | null, tracestate: string | null): Trace;
}

/** What Configuration `spec.tracing` says that matters here. */
export interface TracerOptions {
  /** Text of the rate; anything that is no number counts as 0.0001. */
  readonly samplingRate: string;
  /** A place to send spans to is configured. */
  readonly hasExporter: boolean;
  readonly random: Random;
}

/** The response header of a call without a context in mode `pass`. */
export const zeroTraceparent = `00-${"0".repeat(32)}-${"0".repeat(16)}-00`;

const noTrace: Trace = { traceparent: "", tracestate: "", baggage: "" };
const defaultRate = 1e-4;
const longestTracestate = 512;
const parentPattern = /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/;
const memberPattern =
  /^(?:[a-z][a-z0-9_\-*/]{0,255}|[a-z0-9][a-z0-9_\-*/]{0,240}@[a-z][a-z0-9_\-*/]{0,13})=[\x20-\x2b\x2d-\x3c\x3e-\x7e]{0,255}[\x21-\x2b\x2d-\x3c\x3e-\x7e]$/;

/** The parts of a traceparent header; undefined when it is not valid. Flags are two hexadecimal digits. */
export function parseTraceparent(
  header: string,
): { readonly traceId: string; readonly spanId: string; readonly flags: string } | undefined {
  const match = parentPattern.exec(header);
  if (match === null) return undefined;
  const [, version = "", traceId = "", spanId = "", flags = "", more] = match;
  if (version === "ff" || (version === "00" && more !== undefined)) return undefined;
  if (/^0+$/.test(traceId) || /^0+$/.test(spanId)) return undefined;
  return { traceId, spanId, flags };
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
  const text = options.samplingRate.trim();
  const parsed = text === "" ? Number.NaN : Number(text);
  const rate = Number.isNaN(parsed) ? defaultRate : parsed;
  if (rate === 0) return { mode: "off", begin: passOn };
  if (options.samplingRate === "" && !options.hasExporter) return { mode: "pass", begin: passOn };
  const nextId = createIds(options.random);
  return {
    mode: "span",
    begin(traceparent, tracestate) {
      const parent = traceparent === null ? undefined : parseTraceparent(traceparent);
      const spanId = nextId(8);
      if (parent === undefined) {
        const traceId = nextId(16);
        const flags = isSampled(traceId, rate) ? "01" : "00";
        return { traceparent: `00-${traceId}-${spanId}-${flags}`, tracestate: "", baggage: "" };
      }
      return {
        traceparent: `00-${parent.traceId}-${spanId}-${parent.flags}`,
        tracestate: validTracestate(tracestate ?? ""),
        baggage: "",
      };
    },
  };
}

/** compat: an invalid context is no context; a valid one is written anew in version 00. */
function passOn(traceparent: string | null, tracestate: string | null): Trace {
  if (traceparent === null) return noTrace;
  const parent = parseTraceparent(traceparent);
  if (parent === undefined) return noTrace;
  return {
    traceparent: `00-${parent.traceId}-${parent.spanId}-${parent.flags}`,
    tracestate: tracestate === null ? "" : validTracestate(tracestate),
    baggage: "",
  };
}

/** compares the last 63 of the upper bits of the id's second half with the rate, as OpenTelemetry's ratio sampler does. */
function isSampled(traceId: string, rate: number): boolean {
  if (rate >= 1) return true;
  const high = Number.parseInt(traceId.slice(16, 24), 16);
  const low = Number.parseInt(traceId.slice(24, 32), 16);
  return (high * 2 ** 32 + low) / 2 < rate * 2 ** 63;
}

const hex: readonly string[] = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, "0"));
const drawBytes = 4096;

/** Ids of so many bytes in hexadecimal, never all zero; random bytes are drawn in bulk because one draw costs as much as many. */
function createIds(random: Random): (bytes: number) => string {
  let pool: Uint8Array = new Uint8Array(0);
  let at = 0;
  return (bytes) => {
    for (;;) {
      if (at + bytes > pool.length) {
        pool = random.bytes(drawBytes);
        at = 0;
      }
      let id = "";
      for (let count = 0; count < bytes; count++) id += hex[pool[at++] as number];
      if (!/^0+$/.test(id)) return id;
    }
  };
}

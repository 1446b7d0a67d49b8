import type { Span, SpanKind } from "../kit/call.ts";
import type { Clock } from "../kit/clock.ts";

/** A span that is over, as exporters get it. Ids are hexadecimal, times milliseconds since the Unix epoch with fractions. */
export interface SpanData {
  readonly name: string;
  readonly kind: SpanKind;
  readonly traceId: string;
  readonly spanId: string;
  /** Empty when the trace begins here. */
  readonly parentId: string;
  readonly flags: number;
  readonly tracestate: string;
  readonly startMs: number;
  readonly endMs: number;
  readonly attributes: ReadonlyMap<string, string>;
  /** How many attributes had no room. */
  readonly dropped: number;
  /** Why the step failed; undefined when it did not. */
  readonly error: string | undefined;
}

/** Takes spans that are over; never throws and never waits. */
export interface SpanSink {
  add(span: SpanData): void;
}

/** Where a span stands in its trace. */
export type SpanPlace = Pick<SpanData, "traceId" | "spanId" | "parentId" | "flags" | "tracestate">;

/** Begins recorded spans. */
export type SpanRecorder = (kind: SpanKind, place: SpanPlace) => Span;

/** As OpenTelemetry's default. */
const mostAttributes = 128;
/** Further than this from the wall clock, the steady one is set anew. */
const mostDriftMs = 100;

class RecordedSpan implements Span {
  name = "";
  readonly #place: SpanPlace;
  readonly #kind: SpanKind;
  readonly #startMs: number;
  readonly #startedAt: number;
  readonly #clock: Clock;
  readonly #sink: SpanSink;
  readonly #attributes = new Map<string, string>();
  #dropped = 0;
  #error: string | undefined;
  #isOver = false;

  constructor(kind: SpanKind, place: SpanPlace, startMs: number, startedAt: number, clock: Clock, sink: SpanSink) {
    this.#kind = kind;
    this.#place = place;
    this.#startMs = startMs;
    this.#startedAt = startedAt;
    this.#clock = clock;
    this.#sink = sink;
  }

  set(key: string, value: string): void {
    if (value === "") return;
    if (this.#attributes.size >= mostAttributes && !this.#attributes.has(key)) this.#dropped++;
    else this.#attributes.set(key, value);
  }

  fail(text: string): void {
    this.#error = text;
  }

  end(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    const { traceId, spanId, parentId, flags, tracestate } = this.#place;
    this.#sink.add({
      name: this.name,
      kind: this.#kind,
      traceId,
      spanId,
      parentId,
      flags,
      tracestate,
      startMs: this.#startMs,
      endMs: this.#startMs + this.#clock.monotonic() - this.#startedAt,
      attributes: this.#attributes,
      dropped: this.#dropped,
      error: this.#error,
    });
  }
}

/** A recorder whose spans go to `sink`. Spans of one moment are in order, whatever the wall clock does. */
export function createSpanRecorder(clock: Clock, sink: SpanSink): SpanRecorder {
  let offset = clock.now() - clock.monotonic();
  return (kind, place) => {
    const at = clock.monotonic();
    const now = clock.now();
    if (Math.abs(offset + at - now) > mostDriftMs) offset = now - at;
    return new RecordedSpan(kind, place, offset + at, at, clock, sink);
  };
}

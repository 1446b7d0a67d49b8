import type { SpanKind } from "../../kit/call.ts";
import { ProtoReader } from "../../kit/protobuf/reader.ts";
import { ProtoWriter } from "../../kit/protobuf/writer.ts";
import type { SpanData } from "../span.ts";
import { type Resource, scopeName } from "./exporter.ts";

// opentelemetry.proto.collector.trace.v1.ExportTraceServiceRequest and what is in it, by field number. Written by hand: ten
// messages of which one direction is needed, against some 15 MB that a library takes.
const schemaUrl = "https://opentelemetry.io/schemas/1.25.0";
const kinds: Readonly<Record<SpanKind, number>> = { server: 2, client: 3, producer: 4 };
const statusError = 2;
/** Flag bits that say that the next one is meant, and that the parent is of another process. compat: upstream marks every parent so. */
const remoteParent = 0x300;

/** The request that exports `spans`. */
export function encodeExport(resource: Resource, spans: readonly SpanData[]): Uint8Array<ArrayBuffer> {
  const writer = new ProtoWriter(512 + spans.length * 512);
  const resourceSpans = writer.open(1);
  const described = writer.open(1);
  for (const [key, value] of resource) writeAttribute(writer, 1, key, value);
  writer.close(described);
  const scopeSpans = writer.open(2);
  const scope = writer.open(1);
  writer.string(1, scopeName);
  writer.close(scope);
  for (const span of spans) writeSpan(writer, span);
  writer.close(scopeSpans);
  writer.string(3, schemaUrl);
  writer.close(resourceSpans);
  return writer.finish();
}

/** What a collector says of spans that it did not take, although it took the request; undefined when it took all. Never throws. */
export function partialSuccess(answer: Uint8Array): string | undefined {
  try {
    const reader = new ProtoReader(answer);
    for (let field = reader.next(); field !== 0; field = reader.next()) {
      if (field !== 1) {
        reader.skip();
        continue;
      }
      const part = reader.message();
      let rejected = 0;
      let text = "";
      for (let inner = part.next(); inner !== 0; inner = part.next()) {
        if (inner === 1) rejected = part.varint();
        else if (inner === 2) text = part.string();
        else part.skip();
      }
      if (rejected > 0 || text !== "") return `${text === "" ? "no reason given" : text} (${rejected} spans rejected)`;
    }
  } catch {
    // An answer that is no message has nothing to say.
  }
  return undefined;
}

function writeSpan(writer: ProtoWriter, span: SpanData): void {
  const message = writer.open(2);
  writer.bytes(1, fromHex(span.traceId));
  writer.bytes(2, fromHex(span.spanId));
  if (span.tracestate !== "") writer.string(3, span.tracestate);
  if (span.parentId !== "") writer.bytes(4, fromHex(span.parentId));
  writer.string(5, span.name);
  writer.varint(6, kinds[span.kind]);
  writeTime(writer, 7, span.startMs);
  writeTime(writer, 8, span.endMs);
  for (const [key, value] of span.attributes) writeAttribute(writer, 9, key, value);
  if (span.dropped > 0) writer.varint(10, span.dropped);
  const status = writer.open(15);
  if (span.error !== undefined) {
    writer.string(2, span.error);
    writer.varint(3, statusError);
  }
  writer.close(status);
  writer.fixed32(16, remoteParent | span.flags);
  writer.close(message);
}

function writeAttribute(writer: ProtoWriter, field: number, key: string, value: string): void {
  const pair = writer.open(field);
  writer.string(1, key);
  const any = writer.open(2);
  writer.string(1, value);
  writer.close(any);
  writer.close(pair);
}

/** Milliseconds as nanoseconds of 64 bits. */
function writeTime(writer: ProtoWriter, field: number, ms: number): void {
  const whole = Math.floor(ms);
  const nanos = BigInt(whole) * 1_000_000n + BigInt(Math.floor((ms - whole) * 1e6));
  writer.fixed64(field, Number(nanos >> 32n), Number(nanos & 0xffff_ffffn));
}

function fromHex(text: string): Uint8Array {
  const bytes = new Uint8Array(text.length / 2);
  for (let at = 0; at < bytes.length; at++) bytes[at] = Number.parseInt(text.slice(at * 2, at * 2 + 2), 16);
  return bytes;
}

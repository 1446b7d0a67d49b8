import assert from "node:assert/strict";
import { test } from "node:test";
import { BinaryReader, BinaryWriter, WireType } from "@bufbuild/protobuf/wire";
import type { SpanData } from "../span.ts";
import { encodeExport, partialSuccess } from "./otlp-encode.ts";

type Field = readonly [number, string | number | bigint | Uint8Array];

/** The fields of a message in order, length-delimited ones as bytes. */
function fieldsOf(bytes: Uint8Array): Field[] {
  const reader = new BinaryReader(bytes);
  const fields: Field[] = [];
  while (reader.pos < reader.len) {
    const [field, wire] = reader.tag();
    if (wire === WireType.Varint) fields.push([field, reader.uint32()]);
    else if (wire === WireType.Bit64) fields.push([field, BigInt(reader.fixed64())]);
    else if (wire === WireType.Bit32) fields.push([field, reader.fixed32()]);
    else fields.push([field, reader.bytes()]);
  }
  return fields;
}
const bytesOf = (fields: readonly Field[], number: number): Uint8Array[] =>
  fields.filter(([field]) => field === number).map(([, value]) => value as Uint8Array);
const text = (bytes: Uint8Array | undefined): string => new TextDecoder().decode(bytes);
const hex = (bytes: Uint8Array | undefined): string => Buffer.from(bytes ?? []).toString("hex");
const attribute = (bytes: Uint8Array): string => {
  const pair = fieldsOf(bytes);
  return `${text(bytesOf(pair, 1)[0])}=${text(bytesOf(fieldsOf(bytesOf(pair, 2)[0]!), 1)[0])}`;
};

const span: SpanData = {
  name: "CallLocal/app/größe",
  kind: "server",
  traceId: "4bf92f3577b34da6a3ce929d0e0e4736",
  spanId: "00f067aa0ba902b7",
  parentId: "",
  flags: 1,
  tracestate: "",
  startMs: 1_795_273_229_938.25,
  endMs: 1_795_273_229_939.5,
  attributes: new Map([
    ["dapr.api", "x".repeat(300)],
    ["b", "2"],
  ]),
  dropped: 0,
  error: undefined,
};

test("a request has the fields that collectors read", () => {
  const child: SpanData = {
    ...span,
    name: "child",
    kind: "producer",
    parentId: "00f067aa0ba902b8",
    tracestate: "a=1",
    flags: 3,
    attributes: new Map(),
    dropped: 200,
    error: "Code(404): Not Found",
  };
  const request = fieldsOf(encodeExport(new Map([["service.name", "me"]]), [span, child]));
  assert.deepEqual(
    request.map(([field]) => field),
    [1],
  );
  const resourceSpans = fieldsOf(bytesOf(request, 1)[0]!);
  assert.deepEqual(bytesOf(fieldsOf(bytesOf(resourceSpans, 1)[0]!), 1).map(attribute), ["service.name=me"]);
  assert.equal(text(bytesOf(resourceSpans, 3)[0]), "https://opentelemetry.io/schemas/1.25.0");
  const scopeSpans = fieldsOf(bytesOf(resourceSpans, 2)[0]!);
  assert.equal(text(bytesOf(fieldsOf(bytesOf(scopeSpans, 1)[0]!), 1)[0]), "dapr-diagnostics");
  const [first, second] = bytesOf(scopeSpans, 2).map(fieldsOf);
  assert.deepEqual([hex(bytesOf(first!, 1)[0]), hex(bytesOf(first!, 2)[0])], [span.traceId, span.spanId]);
  assert.equal(text(bytesOf(first!, 5)[0]), span.name);
  assert.deepEqual(bytesOf(first!, 9).map(attribute), [`dapr.api=${"x".repeat(300)}`, "b=2"]);
  const plain = (fields: readonly Field[]) => fields.filter(([, value]) => !(value instanceof Uint8Array));
  assert.deepEqual(plain(first!), [
    [6, 2],
    [7, 1_795_273_229_938_250_000n],
    [8, 1_795_273_229_939_500_000n],
    [16, 0x301],
  ]);
  assert.deepEqual(
    bytesOf(first!, 15).map((status) => status.length),
    [0],
  );
  assert.deepEqual(plain(second!), [
    [6, 4],
    [7, 1_795_273_229_938_250_000n],
    [8, 1_795_273_229_939_500_000n],
    [10, 200],
    [16, 0x303],
  ]);
  assert.deepEqual([text(bytesOf(second!, 3)[0]), hex(bytesOf(second!, 4)[0])], ["a=1", child.parentId]);
  const status = fieldsOf(bytesOf(second!, 15)[0]!);
  assert.deepEqual([text(bytesOf(status, 2)[0]), plain(status)], ["Code(404): Not Found", [[3, 2]]]);
});

test("what a collector says of spans it refused", () => {
  const answer = (rejected: number, message: string) => {
    const partial = new BinaryWriter();
    if (rejected > 0) partial.uint32((1 << 3) | WireType.Varint).int64(rejected);
    if (message !== "") partial.uint32((2 << 3) | WireType.LengthDelimited).string(message);
    return new BinaryWriter()
      .uint32((1 << 3) | WireType.LengthDelimited)
      .bytes(partial.finish())
      .finish();
  };
  assert.equal(partialSuccess(new Uint8Array()), undefined);
  assert.equal(partialSuccess(answer(0, "")), undefined);
  assert.equal(partialSuccess(answer(3, "too old")), "too old (3 spans rejected)");
  assert.equal(partialSuccess(answer(2, "")), "no reason given (2 spans rejected)");
  assert.equal(partialSuccess(answer(0, "be kind")), "be kind (0 spans rejected)");
  assert.equal(partialSuccess(Uint8Array.of(0xff, 0xff)), undefined);
});

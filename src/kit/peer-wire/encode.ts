import type { Trace } from "../call.ts";
import { framePrefix } from "../grpc/frames.ts";
import type { HeaderLines } from "../http-message.ts";
import type { Invocation, InvocationReply } from "../invocation.ts";
import { ProtoWriter, varintSize } from "../protobuf/writer.ts";
import { verbNames } from "./verb-names.ts";

/** Path of the RPC that carries invocations between sidecars. */
export const callLocalStreamPath = "/dapr.proto.internals.v1.ServiceInvocation/CallLocalStream";

/** Path of the RPC of ours that carries upgraded connections, in the same messages. Upstream's sidecars do not know it. */
export const upgradePath = "/pillion.internals.v1.ServiceInvocation/Upgrade";
/** A header of every answer of that RPC, refusals included, by which a peer shows that it knows it. */
export const upgradeHeader = "pillion-upgrade";

const versionOne = 1;
/** What one message holds at most of a body. */
export const chunkBytes = 65_536;

/** The first frame of a call: its request and, when there is one, the first chunk of the body. */
export function encodeRequestFrame(
  request: Invocation,
  trace: Trace,
  callee: string,
  data: Uint8Array | undefined,
): Uint8Array {
  const writer = new ProtoWriter(1024 + (data?.length ?? 0), framePrefix);
  const head = writer.open(1);
  writer.varint(1, versionOne);
  writeMetadata(writer, 2, requestMetadata(request, trace, callee));
  const message = writer.open(3);
  if (request.method !== "") writer.string(1, request.method);
  const any = writer.open(2);
  if (request.typeUrl !== "") writer.string(1, request.typeUrl);
  writer.close(any);
  if (request.contentType !== "") writer.string(3, request.contentType);
  if (request.verb !== undefined) {
    const extension = writer.open(4);
    const verb = verbNames.indexOf(request.verb);
    if (verb > 0) writer.varint(1, verb);
    if (request.query !== "") writer.string(2, request.query);
    writer.close(extension);
  }
  writer.close(message);
  writer.close(head);
  return finishFrame(writer, data);
}

/** The first frame of an answer. `length` is the body's, where it is known: a peer of ours then need not wait for the end. */
export function encodeResponseFrame(
  reply: InvocationReply,
  data: Uint8Array | undefined,
  length: number | undefined,
): Uint8Array {
  const writer = new ProtoWriter(512 + (data?.length ?? 0), framePrefix);
  const head = writer.open(1);
  const status = writer.open(1);
  if (reply.code !== 0) writer.varint(1, reply.code);
  if (reply.message !== "") writer.string(2, reply.message);
  for (const { typeUrl, value } of reply.details) {
    const detail = writer.open(3);
    writer.string(1, typeUrl);
    writer.bytes(2, value);
    writer.close(detail);
  }
  writer.close(status);
  writeMetadata(writer, 2, responseMetadata(reply, length));
  writeMetadata(writer, 3, reply.trailers);
  const message = writer.open(4);
  const any = writer.open(1);
  if (reply.typeUrl !== "") writer.string(1, reply.typeUrl);
  writer.close(any);
  if (reply.contentType !== "") writer.string(2, reply.contentType);
  writer.close(message);
  writer.close(head);
  return finishFrame(writer, data);
}

/** Fields of an answer as the wire names them. */
export function responseMetadata(reply: InvocationReply, length: number | undefined): HeaderLines {
  if (reply.code < 100) return [...reply.headers, ["content-type", "application/grpc"]];
  const lines = [...canonical(reply.headers)];
  if (reply.contentType !== "") lines.push(["Content-Type", reply.contentType]);
  if (length !== undefined) lines.push(["Content-Length", String(length)]);
  return lines;
}

/** The start of a later frame of either direction: the bytes of its chunk, one at least, are the rest, so that nobody copies them. */
export function encodeChunkStart(chunk: Uint8Array, seq: number): Uint8Array {
  const writer = new ProtoWriter(32, framePrefix);
  const { length } = chunk;
  writer.message(2, 1 + varintSize(length) + length + (seq > 0 ? 1 + varintSize(seq) : 0));
  if (seq > 0) writer.varint(2, seq);
  writer.message(1, length);
  return withLength(writer.finish(), length);
}

function finishFrame(writer: ProtoWriter, data: Uint8Array | undefined): Uint8Array {
  if (data !== undefined && data.length > 0) {
    const { length } = data;
    writer.message(2, 1 + varintSize(length) + length);
    writer.bytes(1, data);
  }
  return withLength(writer.finish(), 0);
}

/** Puts the length into the prefix of a frame of which so many bytes are still to come. */
function withLength(frame: Uint8Array, missing: number): Uint8Array {
  const length = frame.length - framePrefix + missing;
  frame[1] = length >>> 24;
  frame[2] = length >>> 16;
  frame[3] = length >>> 8;
  frame[4] = length;
  return frame;
}

/** Fields of a request as the wire names them. */
export function requestMetadata(request: Invocation, trace: Trace, callee: string): HeaderLines {
  const { wire, contentType, body } = request;
  const lines: (readonly [string, string])[] = [...(wire === "http" ? canonical(request.headers) : request.headers)];
  if (wire === "grpc") lines.push(["content-type", "application/grpc"]);
  else {
    if (contentType !== "") lines.push(["Content-Type", contentType]);
    const length = body instanceof Uint8Array ? body.length : request.length;
    if (length !== undefined && length > 0) lines.push(["Content-Length", String(length)]);
  }
  const { traceparent, tracestate, baggage } = trace;
  if (traceparent !== "") lines.push([wire === "http" ? "Traceparent" : "traceparent", traceparent]);
  if (tracestate !== "") lines.push([wire === "http" ? "Tracestate" : "tracestate", tracestate]);
  if (baggage !== "") lines.push([wire === "http" ? "Baggage" : "baggage", baggage]);
  lines.push(["destination-app-id", callee]);
  return lines;
}

/** Names of HTTP fields as Go writes them; upstream's peers tell fields from gRPC metadata by that. */
function canonical(lines: HeaderLines): HeaderLines {
  return lines.map((line) => [line[0].startsWith("dapr-") ? line[0] : canonicalName(line[0]), line[1]]);
}

/** Names that nearly every call has. */
const knownNames: ReadonlyMap<string, string> = new Map(
  [
    "Accept",
    "Accept-Encoding",
    "Cache-Control",
    "Date",
    "Forwarded",
    "Host",
    "Server",
    "User-Agent",
    "X-Forwarded-For",
    "X-Forwarded-Host",
  ].map((name) => [name.toLowerCase(), name]),
);

function canonicalName(name: string): string {
  const known = knownNames.get(name);
  if (known !== undefined) return known;
  let text = "";
  let isStart = true;
  for (let at = 0; at < name.length; at++) {
    const code = name.charCodeAt(at);
    text += String.fromCharCode(isStart && code >= 0x61 && code <= 0x7a ? code - 32 : code);
    isStart = code === 0x2d;
  }
  return text;
}

/** A map of name to values; values of one name stay in order. */
function writeMetadata(writer: ProtoWriter, field: number, lines: HeaderLines): void {
  for (let at = 0; at < lines.length; at++) {
    const name = (lines[at] as readonly [string, string])[0];
    if (isLater(lines, at, name)) continue;
    const entry = writer.open(field);
    writer.string(1, name);
    const list = writer.open(2);
    for (let other = at; other < lines.length; other++) {
      const line = lines[other] as readonly [string, string];
      if (line[0] === name) writer.string(1, utf8Text(line[1]));
    }
    writer.close(list);
    writer.close(entry);
  }
}

function isLater(lines: HeaderLines, at: number, name: string): boolean {
  for (let other = 0; other < at; other++) if (lines[other]?.[0] === name) return true;
  return false;
}

const beyondAscii = /[\u0080-\u00ff]/;
const beyondBytes = /[\u0100-\uffff]/;

/** Field values are bytes, one character each; on this wire they are UTF-8. */
function utf8Text(value: string): string {
  if (!beyondAscii.test(value) || beyondBytes.test(value)) return value;
  return new TextDecoder("utf-8", { ignoreBOM: true }).decode(Uint8Array.from(value, (char) => char.charCodeAt(0)));
}

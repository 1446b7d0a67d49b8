import { framePrefix, messageLength } from "../grpc/frames.ts";
import type { HeaderLines } from "../http-message.ts";
import type { StatusDetail } from "../invocation.ts";
import { ProtoFault, ProtoReader } from "../protobuf/reader.ts";
import { verbNames } from "./verb-names.ts";

/** A request as the wire has it: the values of metadata by name, names as written. */
export interface WireRequest {
  readonly metadata: HeaderLines;
  readonly method: string;
  readonly verb: string | undefined;
  readonly query: string;
  readonly contentType: string;
  readonly typeUrl: string;
  /** Body bytes inside the message itself, as unary calls send them. */
  readonly data: Uint8Array | undefined;
}
export interface WireResponse {
  readonly code: number;
  readonly message: string;
  readonly details: readonly StatusDetail[];
  readonly headers: HeaderLines;
  readonly trailers: HeaderLines;
  readonly contentType: string;
  readonly typeUrl: string;
  readonly data: Uint8Array | undefined;
}
/** One message of either direction, or a piece of one: the head comes with the first only. */
export interface WireChunk<Head> {
  readonly head: Head | undefined;
  readonly data: Uint8Array | undefined;
  /** The number of the chunk; undefined when `data` goes on where the last piece ended. */
  readonly seq: number | undefined;
}

/** What of a frame has to be there, unless it is shorter, for `decodeChunkStart`. */
export const chunkStartBytes = 64;

/** Reads one message of a request stream (without its frame prefix). Throws ProtoFault. */
export function decodeRequestChunk(message: Uint8Array): WireChunk<WireRequest> {
  return decodeChunk(message, decodeRequest);
}

/** Reads one message of a response stream. Throws ProtoFault. */
export function decodeResponseChunk(message: Uint8Array): WireChunk<WireResponse> {
  return decodeChunk(message, decodeResponse);
}

/**
 * Reads a chunk of either direction from the start of its frame, with so much of the data as is there. Undefined when the message is
 * written in another way than `encodeChunkStart` does, or is none: then it has to be read as a whole.
 */
export function decodeChunkStart(start: Uint8Array): WireChunk<never> | undefined {
  if (start[0] !== 0) return undefined;
  try {
    const reader = new ProtoReader(start, framePrefix, framePrefix + messageLength(start, 0));
    if (reader.next() !== 2) return undefined;
    const payload = reader.message();
    let field = payload.next();
    let seq = 0;
    if (field === 2) {
      seq = payload.varint();
      field = payload.next();
    }
    if (field !== 1) return undefined;
    const data = payload.bytes();
    return payload.isAtEnd && reader.isAtEnd ? { head: undefined, data, seq } : undefined;
  } catch (error) {
    if (error instanceof ProtoFault) return undefined;
    throw error;
  }
}

function decodeChunk<Head>(message: Uint8Array, decodeHead: (reader: ProtoReader) => Head): WireChunk<Head> {
  const reader = new ProtoReader(message);
  let head: Head | undefined;
  let data: Uint8Array | undefined;
  let seq = 0;
  for (let field = reader.next(); field !== 0; field = reader.next()) {
    if (field === 1) head = decodeHead(reader.texts());
    else if (field === 2) {
      const payload = reader.message();
      data = new Uint8Array(0);
      for (let inner = payload.next(); inner !== 0; inner = payload.next()) {
        if (inner === 1) data = payload.bytes();
        else if (inner === 2) seq = payload.varint();
        else payload.skip();
      }
    } else reader.skip();
  }
  return { head, data, seq };
}

function decodeRequest(reader: ProtoReader): WireRequest {
  const metadata: [string, string][] = [];
  const head = { method: "", query: "", contentType: "", typeUrl: "" };
  let verb: string | undefined;
  let data: Uint8Array | undefined;
  for (let field = reader.next(); field !== 0; field = reader.next()) {
    if (field === 2) readMetadata(reader.message(), metadata);
    else if (field === 3) {
      const message = reader.message();
      for (let inner = message.next(); inner !== 0; inner = message.next()) {
        if (inner === 1) head.method = message.string();
        else if (inner === 2) {
          const packed = readAny(message.message());
          head.typeUrl = packed.typeUrl;
          data = packed.value.length === 0 ? undefined : packed.value;
        } else if (inner === 3) head.contentType = message.string();
        else if (inner === 4) {
          const extension = message.message();
          verb = "";
          for (let part = extension.next(); part !== 0; part = extension.next()) {
            if (part === 1) verb = verbNames[extension.varint()] ?? "";
            else if (part === 2) head.query = extension.string();
            else extension.skip();
          }
        } else message.skip();
      }
    } else reader.skip();
  }
  return { ...head, metadata, verb, data };
}

function decodeResponse(reader: ProtoReader): WireResponse {
  const headers: [string, string][] = [];
  const trailers: [string, string][] = [];
  const details: StatusDetail[] = [];
  let code = -1;
  let text = "";
  let contentType = "";
  let packed: StatusDetail | undefined;
  for (let field = reader.next(); field !== 0; field = reader.next()) {
    if (field === 1) {
      const status = reader.message();
      code = 0;
      for (let inner = status.next(); inner !== 0; inner = status.next()) {
        if (inner === 1) code = status.varint();
        else if (inner === 2) text = status.string();
        else if (inner === 3) details.push(readAny(status.message()));
        else status.skip();
      }
    } else if (field === 2) readMetadata(reader.message(), headers);
    else if (field === 3) readMetadata(reader.message(), trailers);
    else if (field === 4) {
      const message = reader.message();
      for (let inner = message.next(); inner !== 0; inner = message.next()) {
        if (inner === 1) packed = readAny(message.message());
        else if (inner === 2) contentType = message.string();
        else message.skip();
      }
    } else reader.skip();
  }
  const data = packed === undefined || packed.value.length === 0 ? undefined : packed.value;
  return { code, message: text, details, headers, trailers, contentType, typeUrl: packed?.typeUrl ?? "", data };
}

function readAny(reader: ProtoReader): StatusDetail {
  let typeUrl = "";
  let value: Uint8Array = new Uint8Array(0);
  for (let field = reader.next(); field !== 0; field = reader.next()) {
    if (field === 1) typeUrl = reader.string();
    else if (field === 2) value = reader.bytes();
    else reader.skip();
  }
  return { typeUrl, value };
}

function readMetadata(entry: ProtoReader, into: [string, string][]): void {
  let name = "";
  const values: string[] = [];
  for (let field = entry.next(); field !== 0; field = entry.next()) {
    if (field === 1) name = entry.string();
    else if (field === 2) {
      const list = entry.message();
      for (let inner = list.next(); inner !== 0; inner = list.next()) {
        if (inner === 1) values.push(byteText(list.string()));
        else list.skip();
      }
    } else entry.skip();
  }
  for (const value of values) into.push([name, value]);
}

const beyondAscii = /[\u0080-\uffff]/;

/** Field values are bytes here, one character each; on the wire they are UTF-8. */
function byteText(value: string): string {
  if (!beyondAscii.test(value)) return value;
  let text = "";
  for (const byte of new TextEncoder().encode(value)) text += String.fromCharCode(byte);
  return text;
}

import { encodeUtf8 } from "../../kit/bytes.ts";

/** Content type of events on the wire. */
export const cloudEventType = "application/cloudevents+json";

function isType(contentType: string, expected: string): boolean {
  const lower = contentType.toLowerCase();
  return lower === expected || (lower.startsWith(expected) && lower[expected.length] === ";");
}

/** The body is a CloudEvent already. */
export function isCloudEventType(contentType: string): boolean {
  return isType(contentType, cloudEventType);
}

/** JSON proper: types that end in `+json` are text here. */
export function isJsonType(contentType: string): boolean {
  return isType(contentType, "application/json");
}

/** Text and XML. */
export function isTextType(contentType: string): boolean {
  return contentType.toLowerCase().startsWith("text/") || isType(contentType, "application/xml");
}

export function isBinaryType(contentType: string): boolean {
  return isType(contentType, "application/octet-stream");
}

/** Protocol buffers that are kept as bytes: a CloudEvent by its name, or data that decodes as one. */
export function isProtobufEvent(contentType: string, data: Uint8Array | string): boolean {
  if (isType(contentType, "application/cloudevents+protobuf")) return true;
  if (!isType(contentType, "application/x-protobuf")) return false;
  return isProtobuf(typeof data === "string" ? encodeUtf8(data) : data);
}

const strict = new TextDecoder("utf-8", { fatal: true });
/** Fields of a CloudEvent message that are strings: id, source, spec_version, type, text_data. */
const textFields: ReadonlySet<number> = new Set([1, 2, 3, 4, 7]);

/** compat: contenttype/utils.go of components-contrib asks no more than that the decoder finds no fault. */
function isProtobuf(data: Uint8Array): boolean {
  let at = 0;
  const varint = (): number => {
    let value = 0;
    for (let shift = 0; shift < 70; shift += 7) {
      const byte = data[at++];
      if (byte === undefined) return -1;
      value += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) return value;
    }
    return -1;
  };
  while (at < data.length) {
    const tag = varint();
    const field = Math.floor(tag / 8);
    if (tag < 0 || field === 0) return false;
    const wire = tag % 8;
    if (wire === 0) {
      if (varint() < 0) return false;
    } else if (wire === 1) at += 8;
    else if (wire === 5) at += 4;
    else if (wire === 2) {
      const length = varint();
      if (length < 0 || at + length > data.length) return false;
      if (textFields.has(field) && !isText(data.subarray(at, at + length))) return false;
      at += length;
    } else return false;
  }
  return at === data.length;
}

function isText(bytes: Uint8Array): boolean {
  try {
    strict.decode(bytes);
    return true;
  } catch {
    return false;
  }
}

import { zeroTraceparent } from "../call.ts";
import { hexBytes } from "../hex-bytes.ts";

const wellFormed = /^[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}(?![0-9a-f])/;
const size = 29;
/** Characters of so many bytes without padding. */
const encodedLength = 39;
/** What stands for `zeroTraceparent`: the trace of most calls where nobody traces. */
const zeroEncoded = "AAAAAAAAAAAAAAAAAAAAAAAAAQAAAAAAAAAAAgA";

// Both directions run for every call, so they work on bytes without arrays of parts.

/** `grpc-trace-bin` (base64) for a W3C traceparent; empty when the traceparent is not well-formed. */
export function encodeTraceBin(traceparent: string): string {
  if (traceparent === zeroTraceparent) return zeroEncoded;
  if (!wellFormed.test(traceparent)) return "";
  // Version and field 0 are noughts, then the trace id, field 1 and the span id, field 2 and the flags.
  const bytes = new Array<number>(size).fill(0);
  for (let at = 0; at < 16; at++) bytes[2 + at] = byteAt(traceparent, 3 + 2 * at);
  bytes[18] = 1;
  for (let at = 0; at < 8; at++) bytes[19 + at] = byteAt(traceparent, 36 + 2 * at);
  bytes[27] = 2;
  bytes[28] = byteAt(traceparent, 53);
  return btoa(String.fromCharCode.apply(null, bytes)).slice(0, encodedLength);
}

/** The W3C traceparent in a `grpc-trace-bin` value; empty when there is none in it. */
export function decodeTraceBin(encoded: string): string {
  if (encoded === zeroEncoded) return "";
  const bytes = fromBase64(encoded);
  const byte = (at: number) => bytes.charCodeAt(at);
  if (bytes.length < size || byte(0) !== 0 || byte(1) !== 0 || byte(18) !== 1 || byte(27) !== 2) return "";
  const traceId = hexOf(bytes, 2, 18);
  const spanId = hexOf(bytes, 19, 27);
  return traceId === "" || spanId === "" ? "" : `00-${traceId}-${spanId}-${hexOf(bytes, 28, size) || "00"}`;
}

/** Bytes as characters; empty for what is no base64. */
function fromBase64(encoded: string): string {
  try {
    return atob(encoded);
  } catch {
    return "";
  }
}

/** Empty when all are nought. */
function hexOf(bytes: string, from: number, to: number): string {
  const hex = hexBytes();
  let text = "";
  let any = 0;
  for (let at = from; at < to; at++) {
    const byte = bytes.charCodeAt(at);
    any |= byte;
    text += hex[byte] as string;
  }
  return any === 0 ? "" : text;
}

/** Of two hexadecimal digits in lower case. */
function byteAt(text: string, at: number): number {
  return (digit(text.charCodeAt(at)) << 4) | digit(text.charCodeAt(at + 1));
}

function digit(code: number): number {
  return code < 58 ? code - 48 : code - 87;
}

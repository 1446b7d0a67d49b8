// By hand and without tables of strings, because both directions run for every call.
const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
const hexDigits = "0123456789abcdef";
const wellFormed = /^[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}(?![0-9a-f])/;
/** Characters of 29 bytes without padding. */
const encodedLength = 39;
const zeroes = /^0+$/;

/** `grpc-trace-bin` (base64) for a W3C traceparent; empty when the traceparent is not well-formed. */
export function encodeTraceBin(traceparent: string): string {
  if (!wellFormed.test(traceparent)) return "";
  // 29 bytes: version, field 0 and the trace id, field 1 and the span id, field 2 and the flags.
  const hex = `0000${traceparent.slice(3, 35)}01${traceparent.slice(36, 52)}02${traceparent.slice(53, 55)}00`;
  let text = "";
  for (let at = 0; at < 57; at += 3) {
    const bits =
      (digit(hex.charCodeAt(at)) << 8) | (digit(hex.charCodeAt(at + 1)) << 4) | digit(hex.charCodeAt(at + 2));
    text += (alphabet[bits >> 6] as string) + (alphabet[bits & 63] as string);
  }
  return text + (alphabet[digit(hex.charCodeAt(57)) << 2] as string);
}

/** The W3C traceparent in a `grpc-trace-bin` value; empty when there is none in it. */
export function decodeTraceBin(encoded: string): string {
  if (encoded.length < encodedLength) return "";
  let hex = "";
  for (let at = 0; at < 40; at += 2) {
    const high = sixBits(encoded.charCodeAt(at));
    const low = at === 38 ? 0 : sixBits(encoded.charCodeAt(at + 1));
    if (high < 0 || low < 0) return "";
    const bits = (high << 6) | low;
    hex +=
      (hexDigits[bits >> 8] as string) + (hexDigits[(bits >> 4) & 15] as string) + (hexDigits[bits & 15] as string);
  }
  if (!hex.startsWith("0000") || hex.slice(36, 38) !== "01" || hex.slice(54, 56) !== "02") return "";
  const traceId = hex.slice(4, 36);
  const spanId = hex.slice(38, 54);
  if (zeroes.test(traceId) || zeroes.test(spanId)) return "";
  return `00-${traceId}-${spanId}-${hex.slice(56, 58)}`;
}

/** Of a hexadecimal digit in lower case. */
function digit(code: number): number {
  return code < 58 ? code - 48 : code - 87;
}

/** Of a base64 character; negative when it is none. */
function sixBits(code: number): number {
  if (code >= 97) return code <= 122 ? code - 71 : -1;
  if (code >= 65) return code <= 90 ? code - 65 : -1;
  if (code >= 48) return code <= 57 ? code + 4 : -1;
  return code === 43 ? 62 : code === 47 ? 63 : -1;
}

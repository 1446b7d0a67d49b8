const size = 29;

/** `grpc-trace-bin` (base64) for a W3C traceparent; empty when the traceparent is not well-formed. */
export function encodeTraceBin(traceparent: string): string {
  const match = /^[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})/.exec(traceparent);
  if (match === null) return "";
  const hex = `0000${match[1]}01${match[2]}02${match[3]}`;
  let bytes = "";
  for (let at = 0; at < hex.length; at += 2) bytes += String.fromCharCode(Number.parseInt(hex.slice(at, at + 2), 16));
  return btoa(bytes).replace(/=+$/, "");
}

/** The W3C traceparent in a `grpc-trace-bin` value; empty when there is none in it. */
export function decodeTraceBin(encoded: string): string {
  const bytes = decodeBase64(encoded);
  if (bytes.length < size || bytes[0] !== 0 || bytes[1] !== 0 || bytes[18] !== 1 || bytes[27] !== 2) return "";
  const hex = (from: number, to: number) =>
    Array.from(bytes.subarray(from, to), (byte) => byte.toString(16).padStart(2, "0")).join("");
  const traceId = hex(2, 18);
  const spanId = hex(19, 27);
  if (/^0+$/.test(traceId) || /^0+$/.test(spanId)) return "";
  return `00-${traceId}-${spanId}-${hex(28, 29)}`;
}

function decodeBase64(encoded: string): Uint8Array {
  try {
    return Uint8Array.from(atob(encoded.replace(/=+$/, "")), (char) => char.charCodeAt(0));
  } catch {
    return new Uint8Array(0);
  }
}

const plain = /^[\x20-\x24\x26-\x7e]*$/;

/** A status message as `grpc-message` carries it: printable ASCII as is, every other byte and `%` percent-encoded. */
export function encodeMessageText(text: string): string {
  if (plain.test(text)) return text;
  let encoded = "";
  for (const byte of new TextEncoder().encode(text)) {
    encoded +=
      byte >= 0x20 && byte <= 0x7e && byte !== 0x25
        ? String.fromCharCode(byte)
        : `%${byte.toString(16).toUpperCase().padStart(2, "0")}`;
  }
  return encoded;
}

/** The inverse; a `%` without two hex digits stays as it is and broken UTF-8 becomes U+FFFD. */
export function decodeMessageText(encoded: string): string {
  if (!encoded.includes("%")) return encoded;
  const source = new TextEncoder().encode(encoded);
  const bytes = new Uint8Array(source.length);
  let length = 0;
  for (let at = 0; at < source.length; at++) {
    const hex = source[at] === 0x25 ? String.fromCharCode(...source.subarray(at + 1, at + 3)) : "";
    if (/^[0-9a-fA-F]{2}$/.test(hex)) {
      bytes[length++] = Number.parseInt(hex, 16);
      at += 2;
    } else bytes[length++] = source[at] as number;
  }
  return new TextDecoder().decode(bytes.subarray(0, length));
}

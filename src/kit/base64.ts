const chunkLength = 0x8000;

/** Bytes as base64 in the standard alphabet, padded. */
export function encodeBase64(bytes: Uint8Array): string {
  let binary = "";
  for (let offset = 0; offset < bytes.length; offset += chunkLength)
    binary += String.fromCharCode(...bytes.subarray(offset, offset + chunkLength));
  return btoa(binary);
}

/**
 * The bytes of base64 text in the standard alphabet with padding; line breaks are skipped, any other stray character
 * throws an Error that names its position.
 */
export function decodeBase64(text: string): Uint8Array<ArrayBuffer> {
  const stray = /[^A-Za-z0-9+/=\r\n]/.exec(text);
  const packed = stray === null ? text.replace(/[\r\n]/g, "") : "";
  if (stray !== null || packed.length % 4 !== 0)
    throw new Error(`illegal base64 data at input byte ${stray?.index ?? text.length - (packed.length % 4)}`);
  const padding = packed.indexOf("=");
  if (padding >= 0 && (padding < packed.length - 2 || !packed.endsWith("=")))
    throw new Error(`illegal base64 data at input byte ${padding}`);
  const binary = atob(packed);
  const bytes = new Uint8Array(binary.length);
  for (let index = 0; index < binary.length; index++) bytes[index] = binary.charCodeAt(index);
  return bytes;
}

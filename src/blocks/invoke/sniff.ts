/** Bytes at the start that the answer may depend on. */
export const sniffLength = 512;

const htmlTags = [
  "<!DOCTYPE HTML",
  "<HTML",
  "<HEAD",
  "<SCRIPT",
  "<IFRAME",
  "<H1",
  "<DIV",
  "<FONT",
  "<TABLE",
  "<A",
  "<STYLE",
  "<TITLE",
  "<B",
  "<BODY",
  "<BR",
  "<P",
  "<!--",
];
/** `.` stands for any byte. */
const signatures: readonly (readonly [start: string, type: string])[] = [
  ["%PDF-", "application/pdf"],
  ["%!PS-Adobe-", "application/postscript"],
  ["\xfe\xff..", "text/plain; charset=utf-16be"],
  ["\xff\xfe..", "text/plain; charset=utf-16le"],
  ["\xef\xbb\xbf.", "text/plain; charset=utf-8"],
  ["\0\0\x01\0", "image/x-icon"],
  ["\0\0\x02\0", "image/x-icon"],
  ["BM", "image/bmp"],
  ["GIF87a", "image/gif"],
  ["GIF89a", "image/gif"],
  ["RIFF....WEBPVP", "image/webp"],
  ["\x89PNG\r\n\x1a\n", "image/png"],
  ["\xff\xd8\xff", "image/jpeg"],
  ["FORM....AIFF", "audio/aiff"],
  ["ID3", "audio/mpeg"],
  ["OggS\0", "application/ogg"],
  ["MThd\0\0\0\x06", "audio/midi"],
  ["RIFF....AVI ", "video/avi"],
  ["RIFF....WAVE", "audio/wave"],
  ["\x1aE\xdf\xa3", "video/webm"],
  ["\0\x01\0\0", "font/ttf"],
  ["OTTO", "font/otf"],
  ["ttcf", "font/collection"],
  ["wOFF", "font/woff"],
  ["wOF2", "font/woff2"],
  ["\x1f\x8b\x08", "application/x-gzip"],
  ["PK\x03\x04", "application/zip"],
  ["Rar!\x1a\x07\0", "application/x-rar-compressed"],
  ["Rar!\x1a\x07\x01\0", "application/x-rar-compressed"],
  ["\0asm", "application/wasm"],
];

/** compat: the type that Go's HTTP server gives a body without one (the sniffing of the WHATWG, in its order). */
export function sniffContentType(body: Uint8Array): string {
  const bytes = body.subarray(0, sniffLength);
  let start = 0;
  while (start < bytes.length && isBlank(bytes[start] as number)) start++;
  for (const tag of htmlTags) if (isTag(bytes, start, tag)) return "text/html; charset=utf-8";
  if (matches(bytes, start, "<?xml")) return "text/xml; charset=utf-8";
  for (const [pattern, type] of signatures) if (matches(bytes, 0, pattern)) return type;
  if (isMp4(bytes)) return "video/mp4";
  for (let at = start; at < bytes.length; at++) {
    const byte = bytes[at] as number;
    if (byte <= 8 || byte === 11 || (byte >= 14 && byte <= 26) || (byte >= 28 && byte <= 31)) {
      return "application/octet-stream";
    }
  }
  return "text/plain; charset=utf-8";
}

function isBlank(byte: number): boolean {
  return byte === 9 || byte === 10 || byte === 12 || byte === 13 || byte === 32;
}

function matches(bytes: Uint8Array, from: number, pattern: string): boolean {
  if (bytes.length - from < pattern.length) return false;
  for (let at = 0; at < pattern.length; at++) {
    const wanted = pattern.charCodeAt(at);
    if (wanted !== 0x2e && bytes[from + at] !== wanted) return false;
  }
  return true;
}

/** The tag without regard to case, ended by a space or `>`. */
function isTag(bytes: Uint8Array, from: number, tag: string): boolean {
  if (bytes.length - from <= tag.length) return false;
  for (let at = 0; at < tag.length; at++) {
    let byte = bytes[from + at] as number;
    if (byte >= 0x61 && byte <= 0x7a) byte -= 32;
    if (byte !== tag.charCodeAt(at)) return false;
  }
  if (tag === "<!--") return true;
  const end = bytes[from + tag.length];
  return end === 0x20 || end === 0x3e;
}

function isMp4(bytes: Uint8Array): boolean {
  if (bytes.length < 12) return false;
  const size = new DataView(bytes.buffer, bytes.byteOffset).getUint32(0);
  if (bytes.length < size || size % 4 !== 0 || !matches(bytes, 4, "ftyp")) return false;
  for (let at = 8; at < size; at += 4) if (at !== 12 && matches(bytes, at, "mp4")) return true;
  return false;
}

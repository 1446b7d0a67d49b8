import { encodeUtf8 } from "../../kit/bytes.ts";
import { goQuote } from "../../kit/go-quote.ts";
import { InvocationFailure } from "../../kit/invocation.ts";

const invalidArgument = 3;
const plain = /^[A-Za-z0-9_~-][A-Za-z0-9_~./-]*$/;
const loose = /(?:^|\/)\.{0,2}(?:\/|$)/;
const forbidden = /[#?\0]/;

/**
 * The method as access rules and apps see it: dot segments and double slashes resolved, leading `../` and a trailing slash gone.
 * Throws InvocationFailure (InvalidArgument) on characters that could change the meaning of a URL.
 */
export function normalizeMethod(method: string): string {
  if (plain.test(method) && !loose.test(method)) return method;
  if (forbidden.test(method)) {
    throw new InvocationFailure(
      invalidArgument,
      `invalid method: method contains forbidden character: ${goQuote(method)}`,
    );
  }
  for (let at = 0; at < method.length; at++) {
    const code = method.charCodeAt(at);
    if (code >= 0x20 && code !== 0x7f) continue;
    const place = encodeUtf8(method.slice(0, at)).length;
    throw new InvocationFailure(
      invalidArgument,
      `invalid method: method contains control character at position ${place}: ${goQuote(method)}`,
    );
  }
  let clean = cleanPath(method);
  while (clean.startsWith("../")) clean = clean.slice(3);
  return clean === ".." || clean === "." ? "" : clean;
}

/** Go's path.Clean: the shortest name of the same path; `.` for nothing. */
export function cleanPath(path: string): string {
  const isRooted = path.startsWith("/");
  const parts: string[] = [];
  for (const part of path.split("/")) {
    if (part === "" || part === ".") continue;
    if (part !== "..") parts.push(part);
    else if (parts.length > 0 && parts.at(-1) !== "..") parts.pop();
    else if (!isRooted) parts.push("..");
  }
  const joined = parts.join("/");
  if (isRooted) return `/${joined}`;
  return joined === "" ? "." : joined;
}

const validEncoded = /^[A-Za-z0-9\-_.~!$&'()*+,;=:@[\]/%]*$/;
const unescaped = /[A-Za-z0-9\-_.~$&+,/:;=@]/;

/**
 * The escaped path of a URL whose text ends in `path`, which begins with a slash, as Go's URL parser sees and writes it. A percent
 * sign that begins no escape throws an Error with Go's words, for example `invalid URL escape "%b"`.
 */
export function escapeUrlPath(path: string): string {
  if (path.includes("%")) {
    for (let at = path.indexOf("%"); at >= 0; at = path.indexOf("%", at + 1)) {
      const digits = path.slice(at, at + 3);
      if (!/^%[0-9a-fA-F]{2}$/.test(digits)) throw new Error(`invalid URL escape ${goQuote(digits)}`);
    }
  }
  if (validEncoded.test(path)) return path;
  let escaped = "";
  for (const byte of unescapeBytes(path)) {
    const char = String.fromCharCode(byte);
    escaped += byte < 0x80 && unescaped.test(char) ? char : `%${byte.toString(16).toUpperCase().padStart(2, "0")}`;
  }
  return escaped;
}

function unescapeBytes(path: string): Uint8Array {
  const source = encodeUtf8(path);
  const bytes: number[] = [];
  for (let at = 0; at < source.length; at++) {
    if (source[at] === 0x25) {
      bytes.push(Number.parseInt(String.fromCharCode(source[at + 1] as number, source[at + 2] as number), 16));
      at += 2;
    } else bytes.push(source[at] as number);
  }
  return Uint8Array.from(bytes);
}

import { encodeUtf8 } from "./bytes.ts";
import { goQuote } from "./go-quote.ts";

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

/** A path that needs neither cleaning nor escapes: letters, digits, single slashes, no dot behind a slash. */
const plainRoute = /^(?:\/[\w~-][\w~.-]*)+$/;

/**
 * The target of a request for a route of an app, as it was written: the path cleaned and escaped, what follows a question mark as the
 * query. Throws an Error for a percent sign that begins no escape.
 */
export function routeTarget(route: string): { readonly path: string; readonly query: string } {
  if (plainRoute.test(route)) return { path: route, query: "" };
  const clean = cleanPath(route);
  const rooted = clean === "." ? "/" : clean.startsWith("/") ? clean : `/${clean}`;
  const [target = ""] = rooted.split("#", 1);
  const mark = target.indexOf("?");
  if (mark < 0) return { path: escapeUrlPath(target), query: "" };
  return { path: escapeUrlPath(target.slice(0, mark)), query: target.slice(mark + 1) };
}

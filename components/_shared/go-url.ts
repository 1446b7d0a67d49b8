const utf8 = new TextDecoder();

/** An escaped path as Go's `URL.Path` holds it: every escape undone. */
export function decodePath(path: string): string {
  if (!path.includes("%")) return path;
  return path.replace(/(?:%[0-9A-Fa-f]{2})+/g, (escapes) =>
    utf8.decode(Uint8Array.from(escapes.slice(1).split("%"), (hex) => Number.parseInt(hex, 16))),
  );
}

const hex = (char: string): string => `%${char.charCodeAt(0).toString(16).toUpperCase()}`;

/** A path escaped as Go's `URL.EscapedPath` does it; a question mark becomes `%3F`. */
export function encodePath(path: string): string {
  return encodeURI(path).replace(/[?#!*'()]/g, hex);
}

/** Text escaped as Go's `url.QueryEscape` does it. */
export function encodeQueryText(text: string): string {
  return encodeURIComponent(text)
    .replace(/[!*'()]/g, hex)
    .replaceAll("%20", "+");
}

function decodeQueryText(text: string): string | undefined {
  return /%(?![0-9A-Fa-f]{2})/.test(text) ? undefined : decodePath(text.replaceAll("+", " "));
}

/** The pairs of a raw query in order. As in Go, those with a semicolon or a malformed escape are left out. */
export function parseQuery(query: string): [name: string, value: string][] {
  const pairs: [string, string][] = [];
  for (const part of query.split("&")) {
    if (part === "" || part.includes(";")) continue;
    const at = part.indexOf("=");
    const name = decodeQueryText(at < 0 ? part : part.slice(0, at));
    const value = decodeQueryText(at < 0 ? "" : part.slice(at + 1));
    if (name !== undefined && value !== undefined) pairs.push([name, value]);
  }
  return pairs;
}

/** Pairs as a raw query, sorted by name; values of one name keep their order. */
export function encodeQuery(pairs: readonly (readonly [name: string, value: string])[]): string {
  return [...pairs]
    .sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0))
    .map(([name, value]) => `${encodeQueryText(name)}=${encodeQueryText(value)}`)
    .join("&");
}

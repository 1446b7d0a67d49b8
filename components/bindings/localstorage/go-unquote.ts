const simple: Readonly<Record<string, string>> = {
  a: "\u0007",
  b: "\b",
  f: "\f",
  n: "\n",
  r: "\r",
  t: "\t",
  v: "\u000b",
  "\\": "\\",
};
const escaped = /^\\(?:x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|([0-7]{3})|(.))/su;
const utf8 = new TextEncoder();

function quoted(body: string, quote: string): Uint8Array | undefined {
  const bytes: number[] = [];
  let at = 0;
  let characters = 0;
  while (at < body.length) {
    characters++;
    const point = body.codePointAt(at)!;
    if (body[at] !== "\\") {
      if (body[at] === quote || body[at] === "\n") return undefined;
      const text = String.fromCodePoint(point);
      bytes.push(...utf8.encode(text));
      at += text.length;
      continue;
    }
    const match = escaped.exec(body.slice(at, at + 12));
    if (match === null) return undefined;
    const [whole, byte, short, long, octal, letter = ""] = match;
    if (byte !== undefined || octal !== undefined) {
      const value = byte === undefined ? Number.parseInt(octal!, 8) : Number.parseInt(byte, 16);
      if (value > 255) return undefined;
      bytes.push(value);
    } else if (short !== undefined || long !== undefined) {
      const value = Number.parseInt(short ?? long!, 16);
      if (value > 0x10ffff || (value >= 0xd800 && value <= 0xdfff)) return undefined;
      bytes.push(...utf8.encode(String.fromCodePoint(value)));
    } else {
      const text = letter === quote ? quote : simple[letter];
      if (text === undefined) return undefined;
      bytes.push(...utf8.encode(text));
    }
    at += whole.length;
  }
  if (quote === "'" && characters !== 1) return undefined;
  return Uint8Array.from(bytes);
}

/** compat: the bytes of a text that is a literal of Go (in double, single or back quotes, as strconv.Unquote takes it); undefined for any other. */
export function goUnquote(text: string): Uint8Array | undefined {
  const quote = text[0];
  if (text.length < 2 || quote === undefined || text.at(-1) !== quote) return undefined;
  const body = text.slice(1, -1);
  if (quote === "`") return body.includes("`") ? undefined : utf8.encode(body.replaceAll("\r", ""));
  return quote === '"' || quote === "'" ? quoted(body, quote) : undefined;
}

const utf8 = new TextEncoder();

const encodeInteger = (prefixBits: number, first: number, value: number): number[] => {
  const limit = (1 << prefixBits) - 1;
  if (value < limit) return [first | value];
  const out = [first | limit];
  let rest = value - limit;
  for (; rest >= 128; rest = Math.floor(rest / 128)) out.push((rest & 127) | 128);
  out.push(rest);
  return out;
};

const encodeText = (text: string): number[] => {
  const bytes = utf8.encode(text);
  return [...encodeInteger(7, 0, bytes.length), ...bytes];
};

const staticNames: Record<string, number> = { ":authority": 1, ":path": 4, "content-type": 31, "user-agent": 58 };
const staticPairs: Record<string, number> = { ":method POST": 3, ":scheme http": 6, ":status 200": 8 };

/** A header block of static entries and literals that are never indexed. */
export const encodeHeaders = (headers: readonly (readonly [name: string, value: string])[]): Uint8Array => {
  const out: number[] = [];
  for (const [name, value] of headers) {
    const pair = staticPairs[`${name} ${value}`];
    if (pair !== undefined) out.push(0x80 | pair);
    else {
      out.push(...encodeInteger(4, 0, staticNames[name] ?? 0));
      if (staticNames[name] === undefined) out.push(...encodeText(name));
      out.push(...encodeText(value));
    }
  }
  return new Uint8Array(out);
};

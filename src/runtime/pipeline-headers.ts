import type { HeaderLines } from "../kit/http-message.ts";

const utf8 = new TextEncoder();
const wide = /[\u0100-\uffff]/;

/** What is beyond one byte travels as UTF-8, and Headers hold bytes. */
function byteText(value: string): string {
  return wide.test(value) ? String.fromCharCode(...utf8.encode(value)) : value;
}

/** Header lines as Headers; what cannot be a header line is left out. */
export function headersOf(lines: HeaderLines): Headers {
  const headers = new Headers();
  for (const [name, value] of lines) {
    try {
      headers.append(name, byteText(value));
    } catch {
      // The client of the app refuses it with its own words when the lines go out as they came.
    }
  }
  return headers;
}

/** Headers as lines. Of those in `before` that say the same still, the lines stay as they were. */
export function linesOf(headers: Headers, before: HeaderLines): HeaderLines {
  const old = headersOf(before);
  const isKept = (name: string): boolean => {
    const value = headers.get(name);
    const was = old.get(name);
    return was !== null && value !== null && (value === was || value.startsWith(`${was}, `));
  };
  const lines: (readonly [string, string])[] = before.filter(([name]) => isSendable(name) && isKept(name));
  for (const name of new Set(headers.keys())) {
    const was = isKept(name) ? old.get(name) : null;
    const value = headers.get(name) ?? "";
    if (value === was) continue;
    if (name === "set-cookie") {
      const added = headers.getSetCookie().slice(was === null ? 0 : old.getSetCookie().length);
      for (const cookie of added) lines.push([name, cookie]);
    } else lines.push([name, was === null ? value : value.slice(was.length + 2)]);
  }
  return lines;
}

function isSendable(name: string): boolean {
  return /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/.test(name);
}

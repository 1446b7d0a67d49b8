/** What every request of a run looks like; `{seq}` in path and body becomes eight digits that count up. */
export interface RequestShape {
  readonly method: string;
  readonly host: string;
  readonly path: string;
  readonly headers: readonly (readonly [name: string, value: string])[];
  readonly body: Uint8Array;
}

const counter = "{seq}";
const digits = "00000000";
const utf8 = new TextEncoder();

/** Replaces `{seq}` by eight digits, so that the length is known before the first number is stamped. */
export const reserveCounters = (text: string): string => text.replaceAll(counter, digits);

/** The HTTP/1.1 bytes of a request whose body already has its counters reserved. */
export const encodeHttp1Request = (shape: RequestShape): Uint8Array => {
  const lines = [`${shape.method} ${reserveCounters(shape.path)} HTTP/1.1`, `Host: ${shape.host}`];
  for (const [name, value] of shape.headers) lines.push(`${name}: ${value}`);
  if (shape.method !== "GET" || shape.body.length > 0) lines.push(`Content-Length: ${shape.body.length}`);
  const head = utf8.encode(`${lines.join("\r\n")}\r\n\r\n`);
  const bytes = new Uint8Array(head.length + shape.body.length);
  bytes.set(head);
  bytes.set(shape.body, head.length);
  return bytes;
};

/** Writes a counter from `first` that wraps at `keys` into every reserved place of the bytes, in place. */
export const createStamp = (bytes: Uint8Array, keys: number, first = 0): (() => void) => {
  const places: number[] = [];
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  for (let at = text.indexOf(digits); at >= 0; at = text.indexOf(digits, at + digits.length)) places.push(at);
  let next = first;
  return () => {
    if (places.length === 0) return;
    let rest = next;
    next = next + 1 === keys ? 0 : next + 1;
    for (let digit = digits.length - 1; digit >= 0; digit--) {
      const value = 48 + (rest % 10);
      rest = (rest / 10) | 0;
      for (const place of places) bytes[place + digit] = value;
    }
  };
};

import type { HeaderView } from "../types.ts";

/** What a request is refused with before a handler sees it: the status and its explanation. */
export class Refusal extends Error {
  readonly status: number;
  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

/** The body of a request ends with its header, after so many bytes, or with its last chunk. */
export const noBody = -1;
export const chunked = -2;

/** More lines than any client has, so that looking one up stays cheap. */
const mostLines = 1000;
/** A line holds the text that it came with: a client must not make a block hold one for each line. */
const mostAge = 50;
const token = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
const notInValue = /[^\t -~\x80-\xff]/;
/** compat: what Go's server takes for a host. */
const hostText = /^[!$%&'()*+,\-.:;=@[\]_~0-9A-Za-z]*$/;

/** The header section of a request. It never changes, so that requests with the same bytes share one. */
export class HeaderBlock implements HeaderView {
  /** The lines that are kept, as they came. */
  readonly #lines: string[] = [];
  readonly #names: string[] = [];
  readonly #values: string[] = [];
  /** Where the last line stands whose name came before. */
  #lastRepeat = -1;
  /** How many blocks before it lines may come from. */
  readonly #age: number;
  /** `noBody`, `chunked` or the length. */
  readonly length: number;
  readonly closes: boolean;
  readonly keepsAlive: boolean;
  readonly hosts: number;
  /** The client waits for leave to send the body. */
  readonly expects: boolean;

  /**
   * Takes the lines behind the request line, joined by CRLF. Lines that `last`, the block before, has at the same place are not read
   * again: a client's requests often differ in one alone. Throws Refusal.
   */
  constructor(text: string, last?: HeaderBlock) {
    const known = last !== undefined && last.#age < mostAge ? last : undefined;
    this.#age = known === undefined ? 0 : known.#age + 1;
    let hosts = 0;
    let lines = 0;
    for (let at = 0; at < text.length; ) {
      if (++lines > mostLines) throw new Refusal(431, "");
      const found = text.indexOf("\r\n", at);
      const end = found < 0 ? text.length : found;
      const place = this.#names.length;
      if (known === undefined || !this.#repeat(known, place, text, at, end)) this.#read(text, at, end);
      if (this.#names[place] === "host") hosts++;
      at = end + 2;
    }
    this.hosts = hosts;
    this.length = lengthOf(this.#find("transfer-encoding"), this.#find("content-length"));
    const connection = this.#find("connection")?.toLowerCase() ?? "";
    const options = connection === "" ? [] : connection.split(",").map((option) => option.trim());
    this.closes = options.includes("close");
    this.keepsAlive = options.includes("keep-alive");
    const expect = this.#find("expect");
    if (expect !== null && expect.toLowerCase() !== "100-continue") throw new Refusal(417, "unknown expectation");
    this.expects = expect !== null;
    if (hosts > 1) throw new Refusal(400, "too many Host headers");
    if (hosts === 1 && !hostText.test(this.#find("host") ?? "")) throw new Refusal(400, "malformed Host header");
  }

  get(name: string): string | null {
    return this.#find(name.toLowerCase());
  }

  has(name: string): boolean {
    return this.#names.includes(name.toLowerCase());
  }

  forEach(visit: (value: string, name: string) => void): void {
    for (const [at, name] of this.#names.entries()) visit(this.#values[at] as string, name);
  }

  #find(known: string): string | null {
    let at = this.#names.indexOf(known);
    if (at < 0) return null;
    let joined = this.#values[at] as string;
    while (at < this.#lastRepeat) {
      at = this.#names.indexOf(known, at + 1);
      if (at < 0) break;
      joined += `${known === "cookie" ? "; " : ", "}${this.#values[at]}`;
    }
    return joined;
  }

  /** Takes the line of this place from the block before; false when it is another one. */
  #repeat(last: HeaderBlock, place: number, text: string, at: number, end: number): boolean {
    const line = last.#lines[place];
    if (line?.length !== end - at || !text.startsWith(line, at)) return false;
    this.#add(line, last.#names[place] as string, last.#values[place] as string);
    return true;
  }

  #read(text: string, at: number, end: number): void {
    const colon = text.indexOf(":", at);
    const name = colon < 0 || colon > end ? "" : text.slice(at, colon).toLowerCase();
    if (!token.test(name)) throw new Refusal(400, "malformed header line");
    const value = trimmed(text, colon + 1, end);
    if (notInValue.test(value)) throw new Refusal(400, "malformed header value");
    this.#add(text.slice(at, end), name, value);
  }

  #add(line: string, name: string, value: string): void {
    if (this.#names.includes(name)) {
      // compat: a body has one type, the first; the Java SDK names it twice beside a token.
      if (name === "content-type") return;
      this.#lastRepeat = this.#names.length;
    }
    this.#lines.push(line);
    this.#names.push(name);
    this.#values.push(value);
  }
}

function trimmed(text: string, start: number, stop: number): string {
  let from = start;
  let to = stop;
  while (from < to && isBlank(text.charCodeAt(from))) from++;
  while (to > from && isBlank(text.charCodeAt(to - 1))) to--;
  return text.slice(from, to);
}

function isBlank(code: number): boolean {
  return code === 32 || code === 9;
}

/** Whatever two readers could understand in two ways is refused: that is how requests are smuggled. */
function lengthOf(transfer: string | null, content: string | null): number {
  if (transfer !== null) {
    if (content !== null) throw new Refusal(400, "Content-Length beside Transfer-Encoding");
    if (transfer.toLowerCase() !== "chunked") throw new Refusal(501, "unsupported transfer encoding");
    return chunked;
  }
  if (content === null) return noBody;
  const [first = "", ...others] = content.split(", ");
  if (!/^\d{1,15}$/.test(first) || others.some((other) => other !== first))
    throw new Refusal(400, "bad Content-Length");
  return Number(first);
}

/** The first line of a request. */
export interface RequestLine {
  readonly method: string;
  /** Path and query; bytes that no URL may have are escaped. */
  readonly target: string;
  /** Of HTTP/1.x. */
  readonly minor: number;
}

/** Reads the first line. Throws Refusal. */
export function readRequestLine(line: string): RequestLine {
  const cut = line.indexOf(" ");
  const end = line.lastIndexOf(" ");
  const method = line.slice(0, Math.max(cut, 0));
  const version = line.slice(end + 1);
  const target = line.slice(cut + 1, end);
  if (end <= cut || !token.test(method)) throw new Refusal(400, "malformed request");
  if (version === "HTTP/1.1") return { method, target: originForm(method, target), minor: 1 };
  if (!/^HTTP\/\d\.\d$/.test(version)) throw new Refusal(400, "malformed request");
  if (version.charCodeAt(5) !== 49) throw new Refusal(505, "unsupported protocol version");
  return { method, target: originForm(method, target), minor: version.charCodeAt(7) - 48 };
}

const notInTarget = /[^!-~\x80-\xff]/;
const odd = /["<>\\^`{}\x80-\xff]/;

function originForm(method: string, target: string): string {
  if (target === "" || notInTarget.test(target)) throw new Refusal(400, "malformed request target");
  if (target.charCodeAt(0) === 47) return odd.test(target) ? escaped(target) : target;
  if (method === "CONNECT") return "/";
  if (method === "OPTIONS" && target === "*") return target;
  const absolute = /^https?:\/\/[^/?#]*(.*)$/i.exec(target);
  if (absolute === null) throw new Refusal(400, "malformed request target");
  const rest = absolute[1] as string;
  return escaped(rest.startsWith("/") ? rest : `/${rest}`);
}

/** What Go and the web's URL write with percent signs; in the query only what is no ASCII. */
function escaped(target: string): string {
  const mark = target.indexOf("?");
  const path = mark < 0 ? target : target.slice(0, mark);
  const query = mark < 0 ? "" : target.slice(mark);
  return path.replace(/["<>\\^`{}\x80-\xff]/g, percent) + query.replace(/[\x80-\xff]/g, percent);
}

function percent(character: string): string {
  return `%${character.charCodeAt(0).toString(16).toUpperCase()}`;
}

/** A lone line feed would otherwise wait for a header's end that never comes. Throws Refusal. */
export function refuseBareFeed(bytes: Uint8Array, from: number): void {
  for (let at = bytes.indexOf(10, from); at >= 0; at = bytes.indexOf(10, at + 1))
    if (bytes[at - 1] !== 13) throw new Refusal(400, "malformed request");
}

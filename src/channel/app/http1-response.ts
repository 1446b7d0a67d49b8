import type { HeaderLines } from "../../kit/http-message.ts";
import { ChunkReader } from "./http1-chunks.ts";
import { MalformedMessage } from "./malformed-message.ts";

/** Status line and header of an answer, with what they say about its end. */
export interface ResponseHead {
  readonly status: number;
  /** Names in lower case, values as bytes (one character each), without surrounding blanks. */
  readonly headers: HeaderLines;
  /** Bytes of the body; -1 when only its end will tell. */
  readonly length: number;
  /** The connection can carry another request after this answer. */
  readonly isReusable: boolean;
}

export interface ResponseSink {
  onHead(head: ResponseHead): void;
  onBody(chunk: Uint8Array): void;
  onEndOfMessage(trailers: HeaderLines): void;
}

const inHead = 0;
const inLength = 1;
const inChunks = 2;
const toClose = 3;
const atEnd = 4;
/** Interim answers that one request may get, as in Go. */
const mostInterim = 5;
const noTrailers: HeaderLines = Object.freeze([]);

/** Reads the answers of one HTTP/1.x connection, one after the other. After an error, or `atEnd` with bytes left, the connection is of no use. */
export class ResponseReader {
  readonly #maxHeadBytes: number;
  readonly #latin1 = new TextDecoder("latin1");
  #state = atEnd;
  #sink: ResponseSink | undefined;
  #isHead = false;
  #isUpgrade = false;
  #interim = 0;
  #held: Uint8Array | undefined;
  #scanned = 0;
  #left = 0;
  #chunks: ChunkReader | undefined;

  constructor(maxHeadBytes: number) {
    this.#maxHeadBytes = maxHeadBytes;
  }

  /** No answer is under way. */
  get isIdle(): boolean {
    return this.#state === atEnd;
  }

  /** Some bytes of the present answer are in. */
  get hasBegun(): boolean {
    return this.#state !== inHead || this.#held !== undefined || this.#interim > 0;
  }

  /** Waits for the answer to a request. After an upgrade, what follows an answer of 101 is its body. */
  begin(method: string, sink: ResponseSink, isUpgrade = false): void {
    this.#isHead = method === "HEAD";
    this.#isUpgrade = isUpgrade;
    this.#sink = sink;
    this.#state = inHead;
    this.#interim = 0;
    this.#held = undefined;
    this.#scanned = 0;
  }

  /** Takes bytes from the peer. Throws MalformedMessage. False: there are bytes that belong to no answer. */
  push(chunk: Uint8Array): boolean {
    let bytes = chunk;
    while (bytes.length > 0) {
      switch (this.#state) {
        case inHead: {
          const rest = this.#readHead(bytes);
          if (rest === undefined) return true;
          bytes = rest;
          break;
        }
        case inLength: {
          const body = bytes.length > this.#left ? bytes.subarray(0, this.#left) : bytes;
          bytes = bytes.subarray(body.length);
          this.#left -= body.length;
          this.#sink?.onBody(body);
          if (this.#left === 0) this.#finish(noTrailers);
          break;
        }
        case inChunks: {
          const reader = this.#chunks as ChunkReader;
          bytes = reader.push(bytes, (data) => this.#sink?.onBody(data));
          if (reader.isDone) this.#finish(parseHeaderLines(this.#latin1.decode(reader.trailerBytes), 0));
          break;
        }
        case toClose:
          this.#sink?.onBody(bytes);
          return true;
        default:
          return false;
      }
    }
    return true;
  }

  /** The peer has closed. True: that was the proper end of the answer. */
  end(): boolean {
    if (this.#state !== toClose) return this.#state === atEnd;
    this.#finish(noTrailers);
    return true;
  }

  #readHead(chunk: Uint8Array): Uint8Array | undefined {
    const bytes = this.#held === undefined ? chunk : joined(this.#held, chunk);
    const end = headEnd(bytes, this.#scanned);
    if (end > this.#maxHeadBytes || (end < 0 && bytes.length > this.#maxHeadBytes)) {
      throw new MalformedMessage(`net/http: server response headers exceeded ${this.#maxHeadBytes} bytes; aborted`);
    }
    if (end < 0) {
      this.#held = bytes;
      this.#scanned = Math.max(0, bytes.length - 3);
      return undefined;
    }
    this.#held = undefined;
    this.#scanned = 0;
    this.#takeHead(latin1Text(this.#latin1, bytes.subarray(0, end)));
    return bytes.subarray(end);
  }

  #takeHead(text: string): void {
    const lineEnd = text.indexOf("\n");
    const line = text.charCodeAt(lineEnd - 1) === 13 ? text.slice(0, lineEnd - 1) : text.slice(0, lineEnd);
    const { status, minor } = parseStatusLine(line);
    const headers = parseHeaderLines(text, lineEnd + 1);
    if (status < 200 && status !== 101) {
      if (++this.#interim > mostInterim) throw new MalformedMessage("net/http: too many 1xx informational responses");
      return;
    }
    const framing = status === 101 && this.#isUpgrade ? upgradedFraming : frameOf(headers, status, minor, this.#isHead);
    const head: ResponseHead = { status, headers, length: framing.length, isReusable: framing.isReusable };
    this.#left = framing.length;
    if (framing.length === 0) this.#state = atEnd;
    else if (framing.length > 0) this.#state = inLength;
    else if (framing.isChunked) {
      this.#chunks = new ChunkReader(this.#maxHeadBytes);
      this.#state = inChunks;
    } else this.#state = toClose;
    this.#sink?.onHead(head);
    if (framing.length === 0) this.#finish(noTrailers);
  }

  #finish(trailers: HeaderLines): void {
    const sink = this.#sink;
    this.#state = atEnd;
    this.#sink = undefined;
    this.#chunks = undefined;
    sink?.onEndOfMessage(trailers);
  }
}

function joined(left: Uint8Array, right: Uint8Array): Uint8Array {
  const all = new Uint8Array(left.length + right.length);
  all.set(left, 0);
  all.set(right, left.length);
  return all;
}

/** Where the empty line ends; -1 when it is not there yet. A lone LF ends a line too (RFC 9112, 2.2). */
function headEnd(bytes: Uint8Array, from: number): number {
  let at = bytes.indexOf(10, from);
  while (at >= 0) {
    const next = bytes[at + 1];
    if (next === 10) return at + 2;
    if (next === 13 && bytes[at + 2] === 10) return at + 3;
    at = bytes.indexOf(10, at + 1);
  }
  return -1;
}

/** The "latin1" of the web is Windows-1252: where the two differ, byte by byte. */
function latin1Text(decoder: TextDecoder, bytes: Uint8Array): string {
  const text = decoder.decode(bytes);
  for (let at = 0; at < text.length; at++) {
    if (text.charCodeAt(at) > 0xff) {
      let plain = "";
      for (const byte of bytes) plain += String.fromCharCode(byte);
      return plain;
    }
  }
  return text;
}

function parseStatusLine(line: string): { status: number; minor: number } {
  if (!line.startsWith("HTTP/") || line.charCodeAt(8) !== 32) {
    throw new MalformedMessage(`malformed HTTP response ${JSON.stringify(line)}`);
  }
  const version = line.slice(0, 8);
  if (version !== "HTTP/1.1" && version !== "HTTP/1.0") {
    throw new MalformedMessage(`malformed HTTP version ${JSON.stringify(version)}`);
  }
  const rest = line.slice(9).trimStart();
  const code = rest.length > 3 && rest.charCodeAt(3) !== 32 ? rest.split(" ", 1)[0] : rest.slice(0, 3);
  if (!/^[1-9][0-9][0-9]$/.test(code as string)) {
    throw new MalformedMessage(`malformed HTTP status code ${JSON.stringify(code)}`);
  }
  return { status: Number(code), minor: version === "HTTP/1.1" ? 1 : 0 };
}

const token = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;

/** Field lines from `from` up to an empty line or the end of the text. A folded line goes on behind a space. */
function parseHeaderLines(text: string, from: number): HeaderLines {
  const lines: [string, string][] = [];
  let at = from;
  while (at < text.length) {
    let end = text.indexOf("\n", at);
    const next = end < 0 ? text.length : end + 1;
    if (end < 0) end = text.length;
    if (end > at && text.charCodeAt(end - 1) === 13) end--;
    if (end === at) break;
    const first = text.charCodeAt(at);
    const last = lines[lines.length - 1];
    if ((first === 32 || first === 9) && last !== undefined) {
      last[1] = `${last[1]} ${text.slice(at, end).trim()}`.trim();
    } else {
      const colon = text.indexOf(":", at);
      const name = colon < 0 || colon > end ? "" : text.slice(at, colon);
      const value = text.slice(colon + 1, end).trim();
      if (!token.test(name) || value.includes("\0") || value.includes("\r")) {
        throw new MalformedMessage(`malformed MIME header line: ${text.slice(at, end)}`);
      }
      lines.push([name.toLowerCase(), value]);
    }
    at = next;
  }
  return lines;
}

interface Framing {
  readonly length: number;
  readonly isChunked: boolean;
  readonly isReusable: boolean;
}

const upgradedFraming: Framing = Object.freeze({ length: -1, isChunked: false, isReusable: false });

/** How the body ends (RFC 9112, 6.3). */
function frameOf(headers: HeaderLines, status: number, minor: number, isHead: boolean): Framing {
  let coding = "";
  let length = -1;
  let connection = "";
  for (const [name, value] of headers) {
    if (name === "transfer-encoding") coding = coding === "" ? value.toLowerCase() : `${coding},${value.toLowerCase()}`;
    else if (name === "content-length") length = readLength(value, length);
    else if (name === "connection") connection += `,${value.toLowerCase()}`;
  }
  const asked = connection === "" ? "" : connection.replace(/[ \t]/g, "");
  const isKept = minor === 1 ? !listed(asked, "close") : listed(asked, "keep-alive");
  if (isHead || status === 204 || status === 304 || status === 101) {
    return { length: 0, isChunked: false, isReusable: isKept && status !== 101 };
  }
  if (coding !== "") {
    if (coding !== "chunked" || minor === 0) {
      throw new MalformedMessage(`unsupported transfer encoding: ${JSON.stringify(coding)}`);
    }
    // A length beside it is a sign of smuggling: the answer stands, the connection does not.
    return { length: -1, isChunked: true, isReusable: isKept && length < 0 };
  }
  return { length, isChunked: false, isReusable: isKept && length >= 0 };
}

function listed(list: string, word: string): boolean {
  return list !== "" && `${list},`.includes(`,${word},`);
}

function readLength(text: string, before: number): number {
  let length = before;
  for (const part of text.split(",")) {
    const digits = part.trim();
    if (!/^[0-9]{1,15}$/.test(digits)) throw new MalformedMessage(`bad Content-Length ${JSON.stringify(text)}`);
    const value = Number(digits);
    if (length >= 0 && value !== length) {
      throw new MalformedMessage(
        `http: message cannot contain multiple Content-Length headers; got ["${length}" "${value}"]`,
      );
    }
    length = value;
  }
  return length;
}

import type { HttpCall } from "../../kit/http-message.ts";
import { MalformedMessage } from "./malformed-message.ts";

/** What every request of a client carries. */
export interface RequestDefaults {
  /** Value of the Host header. */
  readonly authority: string;
  /** Whole field lines, each with its CRLF, in place of what a call says of the same names. */
  readonly fixedLines: string;
  /** Lower-case names in `fixedLines`. */
  readonly fixedNames: ReadonlySet<string>;
}

export interface RequestHead {
  /** Request line and header up to the empty line, Latin-1. */
  readonly text: string;
  /** The body is sent in the chunked coding. */
  readonly isChunked: boolean;
  /** Bytes of a streamed body that the call declares; -1 when unknown, infinite for what follows an upgrade. */
  readonly length: number;
  /** We asked for gzip on our own account, so the answer is to be unpacked. */
  readonly unpacks: boolean;
}

const token = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
const forbidden = /[\r\n\0]/;
const control = /[^ -~\u0080-\uffff]/;
const beyondAscii = /[\u0080-\uffff]/;
const wide = /[\u0100-\uffff]/;
/** The connection is ours, so these are too. */
const ours = new Set(["connection", "host", "content-length", "transfer-encoding", "keep-alive", "upgrade", "te"]);

/** The head of a call. Throws MalformedMessage on a method or a field that cannot be sent. */
export function encodeRequestHead(call: HttpCall, defaults: RequestDefaults): RequestHead {
  const { method, body } = call;
  if (!token.test(method)) throw new MalformedMessage(`net/http: invalid method ${JSON.stringify(method)}`);
  const target = call.query === "" ? call.path : `${call.path}?${call.query}`;
  if (control.test(target)) throw new MalformedMessage("net/url: invalid control character in URL");
  let text = `${method} ${beyondAscii.test(target) ? byteText(target) : target} HTTP/1.1\r\nhost: ${defaults.authority}\r\n`;
  let length = -1;
  let hasAgent = false;
  let hasEncoding = false;
  for (const [given, value] of call.headers) {
    const name = given.toLowerCase();
    if (name === "content-length") length = Number(value);
    if (ours.has(name) || defaults.fixedNames.has(name)) continue;
    if (!token.test(name)) throw new MalformedMessage(`net/http: invalid header field name ${JSON.stringify(given)}`);
    if (forbidden.test(value)) throw new MalformedMessage(`net/http: invalid header field value for "${given}"`);
    if (name === "user-agent") hasAgent = true;
    else if (name === "accept-encoding" || name === "range") hasEncoding = true;
    text += `${name}: ${wide.test(value) ? byteText(value) : value}\r\n`;
  }
  const { upgrade } = call;
  const unpacks = !hasEncoding && method !== "HEAD" && upgrade === undefined;
  // compat: what Go's client adds on its own.
  if (!hasAgent) text += "user-agent: Go-http-client/1.1\r\n";
  if (unpacks) text += "accept-encoding: gzip\r\n";
  text += defaults.fixedLines;
  let isChunked = false;
  if (upgrade !== undefined) {
    // What is called the body is no part of the request: it follows the answer, as it comes.
    text += `connection: Upgrade\r\nupgrade: ${upgrade}\r\n`;
    length = Number.POSITIVE_INFINITY;
  } else if (body === null || (body instanceof Uint8Array && body.length === 0)) {
    if (method === "POST" || method === "PUT" || method === "PATCH") text += "content-length: 0\r\n";
  } else if (body instanceof Uint8Array) text += `content-length: ${body.length}\r\n`;
  else if (length >= 0) text += `content-length: ${length}\r\n`;
  else {
    text += "transfer-encoding: chunked\r\n";
    isChunked = true;
  }
  return { text: `${text}\r\n`, isChunked, length, unpacks };
}

const utf8 = new TextEncoder();

/** Characters beyond one byte travel as UTF-8. */
function byteText(value: string): string {
  let text = "";
  for (const byte of utf8.encode(value)) text += String.fromCharCode(byte);
  return text;
}

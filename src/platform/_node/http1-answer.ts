import { httpStatusText } from "../../kit/http-status-text.ts";

/** Names that nearly every answer has; others are put in this form one by one. */
const wireNames: Readonly<Record<string, string>> = {
  "content-type": "Content-Type",
  "content-length": "Content-Length",
  traceparent: "Traceparent",
  tracestate: "Tracestate",
  etag: "Etag",
  vary: "Vary",
};

/** A header name in the form in which Go's server writes it: `metadata.ttl` is `Metadata.ttl`. */
function wireName(name: string): string {
  return wireNames[name] ?? name.replace(/(?:^|-)[a-z]/g, (start) => start.toUpperCase());
}

/** How an answer says where its body ends: after so many bytes, with a last chunk, or not at all. */
export type BodyEnd = number | "chunks" | "none";

/** How the connection goes on behind an answer. */
export type Afterwards = "open" | "close" | "keep-alive";

/** These are the server's business, whatever a handler says. */
const ours: ReadonlySet<string> = new Set(["connection", "keep-alive", "transfer-encoding", "content-length"]);

/** Status line and header section. `lines` are name, value, name, value; `date` the line's value. */
export function answerHead(
  status: number,
  lines: readonly string[],
  end: BodyEnd,
  afterwards: Afterwards,
  date: string,
): string {
  let text = `HTTP/1.1 ${status} ${httpStatusText(status) || `status code ${status}`}\r\n`;
  let hasDate = false;
  for (let at = 0; at < lines.length; at += 2) {
    const name = lines[at] as string;
    if (ours.has(name)) continue;
    if (name === "date") hasDate = true;
    text += `${wireName(name)}: ${lines[at + 1]}\r\n`;
  }
  if (!hasDate) text += `Date: ${date}\r\n`;
  if (typeof end === "number") text += `Content-Length: ${end}\r\n`;
  else if (end === "chunks") text += "Transfer-Encoding: chunked\r\n";
  if (afterwards !== "open") text += `Connection: ${afterwards}\r\n`;
  return `${text}\r\n`;
}

/** The answer that turns the connection into a WebSocket. */
export function upgradeHead(accept: string, lines: readonly string[]): string {
  let text = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n";
  for (let at = 0; at < lines.length; at += 2)
    if (!ours.has(lines[at] as string)) text += `${wireName(lines[at] as string)}: ${lines[at + 1]}\r\n`;
  return `${text}Sec-WebSocket-Accept: ${accept}\r\n\r\n`;
}

/** compat: what Go's server answers to a request that it does not understand; the connection ends. */
export function refusalText(status: number, reason: string): string {
  const phrase = `${status} ${httpStatusText(status)}`;
  const body = reason === "" || status === 431 ? phrase : `${phrase}: ${reason}`;
  return `HTTP/1.1 ${phrase}\r\nContent-Type: text/plain; charset=utf-8\r\nConnection: close\r\n\r\n${body}`;
}

/** True for statuses whose answers end with their header. */
export function isBodiless(status: number): boolean {
  return status < 200 || status === 204 || status === 304;
}

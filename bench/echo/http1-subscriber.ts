import { scanHead } from "../wire/http1-head.ts";
import { joinBytes } from "../wire/join-bytes.ts";
import { createAnswerRoom } from "./answer-room.ts";
import type { Session, Write } from "./session.ts";

const utf8 = new TextEncoder();

const answer = (status: string, body = ""): Uint8Array =>
  utf8.encode(`HTTP/1.1 ${status}\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`);

const entryName = utf8.encode('"entryId":"');

/** The ids of the entries of a bulk, found without parsing it. */
const entryIds = (bytes: Uint8Array, start: number, end: number): string[] => {
  const found: string[] = [];
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, end);
  let at = text.indexOf(entryName, start);
  while (at >= 0 && at < end) {
    const from = at + entryName.length;
    const to = text.indexOf(34, from);
    found.push(text.toString("latin1", from, to));
    at = text.indexOf(entryName, to);
  }
  return found;
};

/**
 * An app that takes every event, alone (POST /event) or in bulks (POST /bulk), and counts them; GET /count answers how many.
 * Subscriptions are given in files: it knows of none.
 */
export const createHttp1Subscriber = () => {
  const taken = answer("200 OK");
  const missing = answer("404 Not Found");
  const room = createAnswerRoom();
  let count = 0;

  const respond = (bytes: Uint8Array, start: number, body: number, stop: number): void => {
    const line = Buffer.from(bytes.buffer, bytes.byteOffset + start, 12).toString("latin1");
    if (line.startsWith("GET /count")) room.put(answer("200 OK", String(count)));
    else if (line.startsWith("POST /event")) {
      count++;
      room.put(taken);
    } else if (line.startsWith("POST /bulk")) {
      const ids = entryIds(bytes, body, stop);
      count += ids.length;
      const statuses = ids.map((id) => `{"entryId":"${id}","status":"SUCCESS"}`);
      room.put(answer("200 OK", `{"statuses":[${statuses.join(",")}]}`));
    } else room.put(missing);
  };

  return (write: Write): Session => {
    const request = { end: 0, length: 0 };
    let held: Uint8Array[] = [];
    let heldSize = 0;
    let needed = 0;
    return (input, length) => {
      let bytes = input;
      let end = length;
      if (heldSize > 0) {
        held.push(input.slice(0, length));
        heldSize += length;
        if (heldSize < needed) return;
        bytes = joinBytes(...held);
        end = bytes.length;
        held = [];
        heldSize = 0;
      }
      let at = 0;
      needed = 0;
      while (at < end && scanHead(bytes, at, end, request)) {
        const stop = request.end + Math.max(request.length, 0);
        if (stop > end) {
          needed = stop - at;
          break;
        }
        respond(bytes, at, request.end, stop);
        at = stop;
      }
      if (at < end) {
        held = [bytes.slice(at, end)];
        heldSize = end - at;
      }
      room.send(write);
    };
  };
};
